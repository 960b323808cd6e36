//! What stands around a pod that does not run, as far as it explains why: words of Events, nodes, and other pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;

use crate::observe::{Stores, get};
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
    /// Other notebooks' pods that mount one of its claims and have a node.
    pub sharers: Vec<Arc<SlimPod>>,
}

impl Stores {
    /// Looks around a pod.
    pub(crate) fn around(&self, pod: &SlimPod) -> Surroundings {
        if pod.is_ready() {
            return Surroundings::default();
        }
        let key = carrel_runtime::Key::of(pod);
        let node = pod.spec.node_name.as_deref();
        let shares = |other: &Arc<SlimPod>| {
            other.name_any() != key.name
                && other.spec.node_name.is_some()
                && other.claims().any(|claim| pod.claims().any(|own| own == claim))
        };
        Surroundings {
            said: self.evidence.about(&key, pod.metadata.uid.as_deref().unwrap_or_default()),
            node: node.and_then(|node| get(&self.nodes, "", node)),
            nodes: if node.is_none() { self.nodes.state() } else { Vec::new() },
            sharers: if pod.claims().next().is_some() {
                self.pods.of(&key.namespace).into_iter().filter(shares).collect()
            } else {
                Vec::new()
            },
        }
    }
}
