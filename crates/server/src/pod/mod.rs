//! What a pod that is not ready waits for, by its own conditions and containers, and by what stands around it. The first
//! that speaks wins.

mod containers;
mod scheduling;

use carrel_api::server::Reason;
use carrel_api::vocabulary::server_of;
use k8s_openapi::api::core::v1::PodSpec;
use kube::ResourceExt;

use crate::slim_pod::SlimPod;
use crate::surroundings::Surroundings;

/// A reason and a sentence for the owner.
pub type Word = (Reason, String);

/// A pod, and what explains it.
#[derive(Clone, Copy)]
pub struct Waiting<'a> {
    /// The pod.
    pub pod: &'a SlimPod,
    /// What stands around it.
    pub around: &'a Surroundings,
    /// What its owner asks for, if that can be told.
    pub spec: Option<&'a PodSpec>,
}

/// In this order.
const CHECKS: &[fn(Waiting<'_>) -> Option<Word>] = &[
    node_lost,
    scheduling::not_scheduled,
    busy_volume,
    containers::not_mounted,
    containers::waits,
    containers::not_ready,
];

/// What the pod waits for; nothing if it gives no hint.
pub fn waits(waiting: Waiting<'_>) -> Option<Word> {
    CHECKS.iter().find_map(|check| check(waiting))
}

/// Why a pod was taken off its node, by Kubernetes' own mark on it, or kubelet's.
pub fn evicted(pod: &SlimPod) -> Option<Word> {
    let mark = pod.condition("DisruptionTarget").filter(|mark| mark.status == "True");
    let why = match (mark, pod.status.reason.as_deref()) {
        (Some(mark), _) => match mark.reason.as_deref().unwrap_or_default() {
            "PreemptionByScheduler" => "a pod of higher priority takes its place".to_owned(),
            "DeletionByTaintManager" => "its node has a taint now that it does not tolerate".to_owned(),
            "EvictionByEvictionAPI" => "somebody evicted it, as a drain of its node does".to_owned(),
            "DeletionByPodGC" => "its node is gone".to_owned(),
            _ => mark.message.clone().unwrap_or_else(|| "its node gives no cause".to_owned()),
        },
        (None, Some("Evicted")) => pod.status.message.clone().unwrap_or_else(|| "its node ran short".to_owned()),
        (None, _) => return None,
    };
    let node = pod.spec.node_name.as_deref().map(|node| format!(" {node}")).unwrap_or_default();
    Some((Reason::Evicted, format!("the pod is taken off its node{node}: {why}; another pod is made")))
}

/// By the node itself, or by the node controller's mark on its pods.
fn node_lost(waiting: Waiting<'_>) -> Option<Word> {
    let pod = waiting.pod;
    let lost = waiting.around.node.as_ref().is_some_and(|node| node.is_lost())
        || pod.condition("Ready").is_some_and(|ready| ready.status == "Unknown")
        || pod.status.reason.as_deref() == Some("NodeLost");
    lost.then(|| {
        let node = pod.spec.node_name.as_deref().unwrap_or("of the pod");
        (Reason::NodeLost, format!("the node {node} does not answer; the pod starts elsewhere once it is given up"))
    })
}

/// The attach controller's words for a volume that another node holds, while it waits, when it knows by whom, and when not.
const HELD: &[&str] = &["Multi-Attach error", "already used by pod", "already exclusively attached"];

/// A volume that one node can have at a time, while the pod is on another.
fn busy_volume(waiting: Waiting<'_>) -> Option<Word> {
    let words =
        waiting.around.said.get("FailedAttachVolume").filter(|words| HELD.iter().any(|mark| words.contains(mark)))?;
    let creating = |status: &crate::slim_pod::SlimContainerStatus| {
        status.state.as_ref().is_some_and(|state| state.waiting.is_some())
    };
    if !waiting.pod.status.container_statuses.iter().all(creating) {
        return None;
    }
    let own = waiting.pod.spec.node_name.as_deref();
    let elsewhere = waiting.around.sharers.iter().find(|other| other.spec.node_name.as_deref() != own);
    let message = match elsewhere {
        Some(other) => busy(waiting.pod, other, "can be attached to one node at a time"),
        None => format!("a volume is attached to another node, and can be attached to one at a time: {words}"),
    };
    Some((Reason::VolumeBusyElsewhere, message))
}

/// Whose pod has the claim, and where.
fn busy(pod: &SlimPod, other: &SlimPod, rule: &str) -> String {
    let claim = other.claims().find(|claim| pod.claims().any(|own| own == *claim)).unwrap_or_default();
    let whose = server_of(other.labels(), other.annotations());
    let whose = whose.map(|(kind, name)| format!(" of the {kind} {name}")).unwrap_or_default();
    let node = other.spec.node_name.as_deref().unwrap_or_default();
    let holder = other.name_any();
    format!("the claim {claim} {rule}, and the pod {holder}{whose} has it on the node {node}; stop that one")
}
