//! Reads servers, their pods and the policies from a cluster.

use std::collections::{BTreeMap, HashMap};

use carrel_activity::history::{Said, Server};
use carrel_activity::policy::Named;
use carrel_activity::rulebook::{SlimNamespace, named};
use carrel_activity::simulate::Standing;
use carrel_api::Checked;
use carrel_api::lab_policy::LabPolicy;
use carrel_api::vocabulary::server_of;
use carrel_server::slim_pod::SlimPod;
use jiff::Timestamp;
use kube::api::{Api, DynamicObject};
use kube::{Client, ResourceExt};
use serde_json::Value;

use crate::kind::Kind;
use crate::pages::{ReadError, is_served, of_namespace, pages, place};
use crate::status::life;

/// The policies of a cluster: those that can be read, and the names and problems of the others.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Policies {
    pub(super) read: Vec<Named>,
    pub(super) unreadable: Vec<(String, String)>,
}

/// Reads the policies; none where the cluster lacks their kind.
pub(super) async fn policies(client: &Client) -> Result<Policies, ReadError> {
    let mut found = Policies::default();
    let each = |policy: LabPolicy| match (named(&policy), &policy.spec) {
        (Some(read), _) => found.read.push(read),
        (None, Checked::Invalid { problem, .. }) => found.unreadable.push((policy.name_any(), problem.clone())),
        (None, Checked::Valid(_)) => {}
    };
    is_served(pages(&Api::<LabPolicy>::all(client.clone()), "labpolicies", "the cluster", each).await)?;
    Ok(found)
}

/// One server; none if there is none of that name.
pub(super) async fn server(
    client: &Client,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Option<DynamicObject>, ReadError> {
    let failed = |error| ReadError::of(error, &kind.resource().plural, &place(Some(namespace)));
    kind.api(client, namespace).get_opt(name).await.map_err(failed)
}

/// The labels of a namespace, or of each.
pub(super) async fn namespaces(
    client: &Client,
    only: Option<&str>,
) -> Result<HashMap<String, BTreeMap<String, String>>, ReadError> {
    let api: Api<SlimNamespace> = Api::all(client.clone());
    let mut found = HashMap::new();
    let mut each = |namespace: SlimNamespace| found.insert(namespace.name_any(), namespace.labels().clone());
    if let Some(name) = only {
        let failed = |error| ReadError::of(error, "namespaces", &place(only));
        if let Some(namespace) = api.get_opt(name).await.map_err(failed)? {
            each(namespace);
        }
    } else {
        pages(&api, "namespaces", "the cluster", |namespace| drop(each(namespace))).await?;
    }
    Ok(found)
}

/// The servers that run.
pub(super) async fn standing(client: &Client, namespace: Option<&str>) -> Result<Vec<Standing>, ReadError> {
    let labels = namespaces(client, namespace).await?;
    let mut objects = Vec::new();
    for kind in Kind::SERVERS {
        let resource = kind.resource();
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => kind.api(client, namespace),
            None => Api::all_with(client.clone(), &resource),
        };
        let each = |object: DynamicObject| objects.push((kind, object));
        is_served(pages(&api, &resource.plural, &place(namespace), each).await)?;
    }
    let mut pods = HashMap::new();
    of_namespace(client, namespace, |pod: SlimPod| {
        if let Some((kind, name)) = server_of(pod.labels(), pod.annotations()) {
            let key = (kind, pod.namespace().unwrap_or_default(), name.to_owned());
            if pod.metadata.deletion_timestamp.is_none() {
                pods.insert(key, pod);
            }
        }
    })
    .await?;
    let none = BTreeMap::new();
    let one = |(kind, object): &(Kind, DynamicObject)| {
        let namespace = object.namespace().unwrap_or_default();
        let pod = pods.get(&(kind.as_str(), namespace.clone(), object.name_any()))?;
        of(*kind, object, pod, labels.get(&namespace).unwrap_or(&none))
    };
    Ok(objects.iter().filter_map(one).collect())
}

/// A server with its pod; none while that does not run.
fn of(
    kind: Kind,
    object: &DynamicObject,
    pod: &SlimPod,
    namespace_labels: &BTreeMap<String, String>,
) -> Option<Standing> {
    Some(Standing {
        server: Server {
            kind: kind.as_str().to_owned(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        },
        started: started(&object.data, pod)?,
        holds: pod.holds(),
        said: Said::of(object.labels(), object.annotations(), namespace_labels),
        life: life(object),
    })
}

/// When the server's container started: the first one that its owner names, else the first one that is told.
fn started(data: &Value, pod: &SlimPod) -> Option<Timestamp> {
    let paths = ["/spec/template/spec/containers/0/name", "/spec/podSpec/containers/0/name"];
    let named = paths.iter().find_map(|path| data.pointer(path)).and_then(Value::as_str);
    let statuses = &pod.status.container_statuses;
    let of_name = statuses.iter().find(|status| Some(status.name.as_str()) == named);
    let status = of_name.or(statuses.first())?;
    Some(status.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(state: &Value) -> SlimPod {
        serde_json::from_value(json!({
            "metadata": {"name": "iris-0", "namespace": "team"},
            "spec": {"containers": [
                {"name": "iris", "resources": {"requests": {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "1"}}},
                {"name": "proxy"},
            ]},
            "status": {"containerStatuses": [
                {"name": "proxy", "state": {"running": {"startedAt": "2026-01-02T08:00:00Z"}}},
                {"name": "iris", "state": state},
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn a_server_is_told_with_its_pod_while_its_own_container_runs() {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "kubeflow.org/v1", "kind": "Notebook",
            "metadata": {"name": "iris", "namespace": "team", "annotations": {"carrel.dev/idle-after": "1h", "else": ""}},
            "spec": {"template": {"spec": {"containers": [{"name": "iris"}]}}},
            "status": {"activity": {"verdict": "Idle", "since": "2026-01-02T09:30:00Z"}, "readyReplicas": 1},
        }))
        .unwrap();
        let none = BTreeMap::new();
        let runs = pod(&json!({"running": {"startedAt": "2026-01-02T09:00:00Z"}}));
        let standing = of(Kind::Notebook, &object, &runs, &none).unwrap();
        assert_eq!(standing.started.to_string(), "2026-01-02T09:00:00Z");
        assert_eq!((standing.holds.cpu, standing.holds.gpus["nvidia.com/gpu"]), (500, 1));
        assert_eq!(standing.said.annotations.len(), 1);
        assert_eq!(standing.life.activity.unwrap().verdict.as_str(), "Idle");
        assert_eq!(of(Kind::Notebook, &object, &pod(&json!({"waiting": {}})), &none), None);
    }
}
