//! What stands around a pod that does not run, as far as it explains why: words of Events, nodes, and other pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use carrel_runtime::Key;
use carrel_runtime::evidence::Evidence;
use carrel_runtime::shelf::Shelf;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use crate::slim_node::SlimNode;
use crate::slim_pod::SlimPod;

/// What the caches hold around a pod. Empty for one that is ready.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The newest words of Events about the pod, by reason.
    pub said: BTreeMap<String, String>,
    /// The node that it is on.
    pub node: Option<Arc<SlimNode>>,
    /// All nodes, while it has none.
    pub nodes: Vec<Arc<SlimNode>>,
    /// Other servers' pods that mount one of its claims and have a node.
    pub sharers: Vec<Arc<SlimPod>>,
}

/// Looks around a pod.
pub fn around(pod: &SlimPod, pods: &Shelf<SlimPod>, nodes: &Shelf<SlimNode>, evidence: &Evidence) -> Surroundings {
    if pod.is_ready() {
        return Surroundings::default();
    }
    let key = Key::of(pod);
    let node = pod.spec.node_name.as_deref();
    let shares = |other: &Arc<SlimPod>| {
        other.name_any() != key.name
            && other.spec.node_name.is_some()
            && other.claims().any(|claim| pod.claims().any(|own| own == claim))
    };
    Surroundings {
        said: evidence.about(&key, pod.metadata.uid.as_deref().unwrap_or_default()),
        node: node.and_then(|node| nodes.get(&ObjectRef::new(node))),
        nodes: if node.is_none() { nodes.state() } else { Vec::new() },
        sharers: if pod.claims().next().is_some() {
            pods.of(&key.namespace).into_iter().filter(shares).collect()
        } else {
            Vec::new()
        },
    }
}
