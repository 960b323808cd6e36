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

/// Looks around a pod. `sharers` are those of `Surroundings`, found only where they are needed.
pub fn around(
    pod: &SlimPod,
    sharers: impl FnOnce() -> Vec<Arc<SlimPod>>,
    nodes: &Shelf<SlimNode>,
    evidence: &Evidence,
) -> Surroundings {
    if pod.is_ready() {
        return Surroundings::default();
    }
    let node = pod.spec.node_name.as_deref();
    Surroundings {
        said: evidence.about(&Key::of(pod), pod.metadata.uid.as_deref().unwrap_or_default()),
        node: node.and_then(|node| nodes.get(&ObjectRef::new(node))),
        nodes: if node.is_none() { nodes.state() } else { Vec::new() },
        sharers: if pod.claims().next().is_some() { sharers() } else { Vec::new() },
    }
}

/// Those of these pods that have a node, and a claim that this one mounts too.
pub fn sharers(pod: &SlimPod, others: Vec<Arc<SlimPod>>) -> Vec<Arc<SlimPod>> {
    let own = pod.name_any();
    let shares = |other: &Arc<SlimPod>| {
        other.name_any() != own
            && other.spec.node_name.is_some()
            && other.claims().any(|claim| pod.claims().any(|own| own == claim))
    };
    others.into_iter().filter(shares).collect()
}
