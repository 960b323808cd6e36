//! From any Notebook to any other and back, in the manner of Acto: what is there in the end is what a fresh create makes.

use anyhow::{Context, Result, ensure};
use carrel_api::notebook::Notebook;
use carrel_api::testing::{Taste, any_spec};
use carrel_tests::{Desk, eventually};
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::ApiResource;
use proptest::strategy::{Strategy, ValueTree};
use serde_json::{Value, json};

use crate::schema::runner;

/// Another one draws other Notebooks; the same one the same again.
const SEED: u8 = 3;
/// How many are drawn from the schema; those that the API server refuses to run are left out.
const DRAWN: usize = 3;

/// Notebooks that differ in every way that matters.
fn written() -> Vec<Value> {
    let spec = |pod: Value| json!({"metadata": {}, "spec": {"template": {"spec": pod}}});
    let server = || json!({"name": "main", "image": "jupyter"});
    vec![
        spec(json!({"containers": [server()]})),
        spec(
            json!({"containers": [{"name": "other", "image": "newer", "command": ["a", "b"], "args": ["c"], "workingDir": "/w",
            "tty": true, "stdin": true, "imagePullPolicy": "Always", "terminationMessagePolicy": "File"}]}),
        ),
        spec(json!({
            "initContainers": [{"name": "first", "image": "i", "restartPolicy": "Always"}, {"name": "then", "image": "i"}],
            "containers": [{"name": "beside", "image": "i"}, {"name": "main", "image": "jupyter",
                "ports": [{"containerPort": 8888, "protocol": "UDP"}, {"containerPort": 8888}],
                "env": [{"name": "X", "value": "1"}, {"name": "NB_PREFIX", "value": "/own"}]}],
        })),
        spec(json!({
            "securityContext": {"runAsUser": 0, "fsGroup": 0, "runAsNonRoot": false, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "main", "image": "jupyter",
                "env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, {"name": "Z", "value": "2"}],
                "envFrom": [{"configMapRef": {"name": "c"}}],
                "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": 1, "memory": "1.5Gi"}},
                "securityContext": {"privileged": false, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        })),
        spec(json!({
            "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1024Mi"}}, {"name": "c", "configMap": {"name": "c", "optional": true}}],
            "containers": [{"name": "main", "image": "jupyter",
                "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}, {"name": "c", "mountPath": "/c", "readOnly": true}]}],
        })),
        spec(json!({
            "volumes": [{"name": "shm", "hostPath": {"path": "/x"}}],
            "containers": [{"name": "main", "image": "jupyter", "volumeMounts": [{"name": "shm", "mountPath": "/else"}]}],
        })),
        spec(json!({
            "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {}, "namespaceSelector": {}}}]}},
            "automountServiceAccountToken": false, "enableServiceLinks": false, "terminationGracePeriodSeconds": 0,
            "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["x"]}], "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
            "serviceAccountName": "default", "shareProcessNamespace": true, "containers": [server()],
        })),
        spec(json!({"containers": [{"name": "main", "image": "jupyter",
            "livenessProbe": {"httpGet": {"path": "/", "port": "web"}, "initialDelaySeconds": 0, "periodSeconds": 7},
            "lifecycle": {"preStop": {"exec": {"command": ["x"]}}}, "ports": [{"containerPort": 9, "name": "web"}]}]})),
        json!({
            "metadata": {"labels": {"app": "x", "team": "y"}, "annotations": {"a.example/b": "c", "a.example/d": ""}},
            "spec": {"template": {"metadata": {"labels": {"app": "template"}, "annotations": {"e": "f"}}, "spec": {"containers": [server()]}}},
        }),
    ]
}

fn drawn() -> Vec<Value> {
    let (mut runner, spec) = (runner(SEED), any_spec(Taste::Plain));
    (0..DRAWN).map(|_| json!({"metadata": {}, "spec": spec.new_tree(&mut runner).unwrap().current()})).collect()
}

struct Bench {
    desk: Desk,
    api: Api<DynamicObject>,
    stopped: bool,
}

impl Bench {
    async fn new(stopped: bool) -> Result<Self> {
        let desk = Desk::new().await?;
        let resource = ApiResource::erase::<Notebook>(&());
        let api = Api::namespaced_with(desk.client.clone(), &desk.namespace, &resource);
        Ok(Self { desk, api, stopped })
    }

    fn object(&self, name: &str, notebook: &Value) -> Result<DynamicObject> {
        let mut object = notebook.clone();
        object["apiVersion"] = "kubeflow.org/v1".into();
        object["kind"] = "Notebook".into();
        object["metadata"]["name"] = name.into();
        if self.stopped {
            object["metadata"]["annotations"]["kubeflow-resource-stopped"] = "".into();
        }
        Ok(serde_json::from_value(object)?)
    }

    /// What a fresh create of this Notebook makes; `None` if it is refused.
    async fn fresh(&self, name: &str, notebook: &Value) -> Result<Option<Value>> {
        self.api.create(&PostParams::default(), &self.object(name, notebook)?).await?;
        let reason = eventually("a first word", async || {
            let status = self.desk.status(name).await?;
            let reason = status.condition("Ready").and_then(|ready| ready.reason.clone()).context("no reason")?;
            ensure!(["Refused", "InvalidSpec", "StoppedByOwner", "Running"].contains(&reason.as_str()), "{reason}");
            Ok(reason)
        })
        .await?;
        if reason == "Refused" || reason == "InvalidSpec" { Ok(None) } else { Ok(Some(self.picture(name).await?)) }
    }

    /// Makes a Notebook that is there another one.
    async fn change_to(&self, name: &str, notebook: &Value) -> Result<()> {
        let mut object = self.object(name, notebook)?;
        eventually("a replace that meets no other write", async || {
            object.metadata.resource_version = self.api.get(name).await?.metadata.resource_version;
            Ok(self.api.replace(name, &PostParams::default(), &object).await?)
        })
        .await?;
        Ok(())
    }

    /// The children and the pod of a Notebook, without what differs between two that are alike.
    async fn picture(&self, name: &str) -> Result<Value> {
        let set = self.desk.api::<StatefulSet>().get(name).await?;
        let service = self.desk.api::<Service>().get(name).await?;
        let pod = self.desk.api::<Pod>().get_opt(&format!("{name}-0")).await?;
        let whole = serde_json::to_string(&json!({"set": set, "service": service, "pod": pod}))?;
        let mut picture = serde_json::from_str(&whole.replace(name, "NAME"))?;
        forget(&mut picture);
        Ok(picture)
    }

    async fn ends_like(&self, name: &str, expected: &Value) -> Result<()> {
        eventually("what a fresh create makes", async || {
            let found = self.picture(name).await?;
            ensure!(found == *expected, "{found}\nin the place of\n{expected}");
            Ok(())
        })
        .await
    }
}

/// What the API server gives to each object, what hangs on a name, and the notes of a restart.
fn forget(value: &mut Value) {
    const OF_ONE_OBJECT: &[&str] = &[
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "status",
        "clusterIP",
        "clusterIPs",
        "nodeName",
        "carrel.dev/applied",
        "carrel.dev/made-from",
        "carrel.dev/template",
        "controller-revision-hash",
    ];
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !OF_ONE_OBJECT.contains(&name.as_str()));
            fields.values_mut().for_each(forget);
        }
        Value::Array(items) => {
            // The token that each pod gets has a name of its own.
            items.retain(|item| !item["name"].as_str().is_some_and(|name| name.starts_with("kube-api-access-")));
            items.iter_mut().for_each(forget);
        }
        _ => {}
    }
}

/// Each of these Notebooks becomes each other and itself again.
async fn all_pairs(stopped: bool, notebooks: &[Value]) -> Result<()> {
    let bench = Bench::new(stopped).await?;
    let mut known = Vec::new();
    for (at, notebook) in notebooks.iter().enumerate() {
        if let Some(picture) = bench.fresh(&format!("fresh{at}z"), notebook).await? {
            known.push((notebook, picture));
        }
    }
    let (bench, known) = (&bench, &known);
    let there_and_back = known.iter().enumerate().map(|(from, (first, picture))| async move {
        let name = format!("moving{from}z");
        bench.fresh(&name, first).await?;
        for (other, there) in known.iter().enumerate().filter(|(to, _)| *to != from).map(|(_, other)| other) {
            bench.change_to(&name, other).await?;
            bench.ends_like(&name, there).await?;
            bench.change_to(&name, first).await?;
            bench.ends_like(&name, picture).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(there_and_back).await?;
    let pairs = known.len() * (known.len() - 1);
    println!(
        "{pairs} pairs of {} Notebooks ({} refused), each there and back",
        known.len(),
        notebooks.len() - known.len()
    );
    assert!(known.len() > notebooks.len() / 2);
    Ok(())
}

#[tokio::test]
async fn any_stopped_notebook_becomes_any_other_and_itself_again() -> Result<()> {
    all_pairs(true, &[written(), drawn()].concat()).await
}

#[tokio::test]
async fn a_running_notebook_becomes_another_and_its_pod_with_it() -> Result<()> {
    let all = written();
    all_pairs(false, &[all[0].clone(), all[2].clone(), all[3].clone(), all[8].clone()]).await
}
