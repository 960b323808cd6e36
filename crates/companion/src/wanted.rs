//! What an owner wants of a companion, as a value that can't be wrong.

use std::collections::BTreeMap;

use carrel_api::vocabulary::{RESTART_REQUESTED, STOPPED};
use carrel_server::Refusal;
use carrel_server::kind::child_metadata;
use carrel_server::pod_spec::{keep_last_words, name_account};
use carrel_server::route::{Routed, Routing, Rules};
use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use crate::Companion;

/// A companion that can be run, or stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its children's metadata, as far as they have it in common.
    pub metadata: ObjectMeta,
    /// Labels by which Service and Deployment know its pods.
    pub selector: BTreeMap<String, String>,
    /// Labels of its pods; the selector's among them.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its pods.
    pub annotations: BTreeMap<String, String>,
    /// Its pod, whole but for where it may stand.
    pub pod: PodSpec,
    /// Whether it stands beside who has its claims.
    pub follows: bool,
    /// Its Service, and how that is reached; `None` where its owner wants none.
    pub front: Option<Front>,
    /// Whether its owner stopped it.
    pub stopped: bool,
}

/// What leads to a companion.
#[derive(Clone, Debug, PartialEq)]
pub struct Front {
    /// The name of the Service's port.
    pub port_name: String,
    /// The port of the pod.
    pub target_port: IntOrString,
    /// The path under which it is reached, without a slash at the end.
    pub path: String,
    /// How it is reached from outside, or why not as its owner asks; `None` where no routes are made.
    pub routed: Option<Result<Routed, Refusal>>,
}

impl Wanted {
    /// What every companion has, of an object and its pod. `selector` is what Kubeflow selects by; a mark of Carrel's is
    /// added, which no pod of another kind has.
    pub(crate) fn new<K: Companion>(object: &K, mut selector: BTreeMap<String, String>, mut pod: PodSpec) -> Self {
        keep_last_words(&mut pod);
        name_account(&mut pod);
        let (name, mark) = (object.name_any(), K::WORDS.mark.to_owned());
        let child = K::child_name(&name);
        selector.insert(mark.clone(), child.clone());
        let mut annotations = BTreeMap::new();
        if let Some(request) = object.annotations().get(RESTART_REQUESTED) {
            // Each new value is another template, and so another pod.
            annotations.insert(RESTART_REQUESTED.to_owned(), request.clone());
        }
        let mut metadata = child_metadata(object, &child, K::WORDS.mark);
        // Deployments are watched by it, as they are those of one kind only.
        metadata.labels.get_or_insert_default().insert(mark.clone(), child.clone());
        annotations.insert(mark, name);
        Self {
            metadata,
            labels: selector.clone(),
            selector,
            annotations,
            pod,
            follows: true,
            front: None,
            stopped: object.annotations().contains_key(STOPPED),
        }
    }

    /// The name of its children.
    pub fn child(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }
}

/// How a companion is reached from outside by these rules.
pub(crate) fn routed(routing: &Routing, rules: Result<Rules, Refusal>) -> Option<Result<Routed, Refusal>> {
    routing.kind()?;
    Some(rules.map(|rules| Routed { routing: routing.clone(), rules }))
}
