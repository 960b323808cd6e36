//! Reads what the plan is made of: the pods of the node, whose they are, and the budgets around them.

use std::collections::{BTreeMap, BTreeSet};

use carrel_api::activity::Life;
use carrel_api::server::Condition;
use carrel_api::vocabulary::server_of;
use carrel_runtime::Key;
use carrel_server::slim_node::SlimNode;
use carrel_server::slim_pod::SlimPod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use crate::kind::Kind;
use crate::status::{conditions, life};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) node: SlimNode,
    /// The servers' pods on the node.
    pub(super) servers: Vec<Server>,
    /// Pods on it that are nobody's server, and that a drain ends.
    pub(super) others: usize,
    /// Budgets by namespace.
    pub(super) budgets: BTreeMap<String, Vec<PodDisruptionBudget>>,
}

/// A server's pod.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) pod: SlimPod,
    pub(super) life: Life,
    pub(super) conditions: Vec<Condition>,
}

/// Something can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("there is no node {0}; kubectl get nodes lists them")]
    NoNode(String),
    #[error("not allowed to read {what}: {message}; ask the cluster's admin")]
    Forbidden { what: String, message: String },
    #[error("can't read {what}: {source}")]
    Failed { what: String, source: Box<kube::Error> },
}

fn failed(what: &str) -> impl Fn(kube::Error) -> ReadError {
    move |error| match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            ReadError::Forbidden { what: what.to_owned(), message: status.message.clone() }
        }
        error => ReadError::Failed { what: what.to_owned(), source: Box::new(error) },
    }
}

/// Reads the pods first: a budget that is made meanwhile is seen.
pub(super) async fn read(client: &Client, node: &str) -> Result<Found, ReadError> {
    let nodes: Api<SlimNode> = Api::all(client.clone());
    let found = nodes.get_opt(node).await.map_err(failed("nodes"))?;
    let mut found = Found { node: found.ok_or_else(|| ReadError::NoNode(node.to_owned()))?, ..Found::default() };
    let pods: Api<SlimPod> = Api::all(client.clone());
    let here =
        ListParams::default().fields(&format!("spec.nodeName={node},status.phase!=Succeeded,status.phase!=Failed"));
    for pod in pods.list(&here).await.map_err(failed("the pods of all namespaces"))? {
        let server = server_of(pod.labels(), pod.annotations());
        match server.and_then(|(kind, name)| Some((Kind::server(kind)?, name.to_owned()))) {
            Some((kind, name)) => {
                let (life, conditions) =
                    said(client, kind, &Key::new(pod.namespace().unwrap_or_default(), &name)).await?;
                found.servers.push(Server { kind: kind.as_str(), name, pod, life, conditions });
            }
            // A drain leaves these where they are.
            None if is_of_the_node(&pod) => {}
            None => found.others += 1,
        }
    }
    let namespaces: BTreeSet<_> = found.servers.iter().filter_map(|server| server.pod.namespace()).collect();
    for namespace in namespaces {
        let budgets: Api<PodDisruptionBudget> = Api::namespaced(client.clone(), &namespace);
        let what = format!("the PodDisruptionBudgets of the namespace {namespace}");
        let all = budgets.list(&ListParams::default()).await.map_err(failed(&what))?;
        found.budgets.insert(namespace, all.items);
    }
    Ok(found)
}

fn is_of_the_node(pod: &SlimPod) -> bool {
    let is_mirror = pod.annotation("kubernetes.io/config.mirror").is_some();
    is_mirror || pod.owner_references().iter().any(|owner| owner.kind == "DaemonSet")
}

/// What the object of a server says of itself; nothing where it is gone.
async fn said(client: &Client, kind: Kind, key: &Key) -> Result<(Life, Vec<Condition>), ReadError> {
    let what = format!("the {} {key}", kind.as_str());
    let found = kind.api(client, &key.namespace).get_opt(&key.name).await.map_err(failed(&what))?;
    Ok(found.map(|object| (life(&object), conditions(&object))).unwrap_or_default())
}
