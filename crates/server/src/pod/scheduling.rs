//! Why no node takes a pod: the scheduler's words, with what is asked beside what the nodes have.

use std::collections::BTreeSet;

use carrel_api::server::Reason;
use carrel_runtime::quantity::{nanos, text};

use super::{Waiting, Word, busy};
use crate::holders::amount;

/// The gate of Kueue, and the label that names the queue.
const KUEUE_GATE: &str = "kueue.x-k8s.io/admission";
const KUEUE_QUEUE: &str = "kueue.x-k8s.io/queue-name";

pub(super) fn not_scheduled(waiting: Waiting<'_>) -> Option<Word> {
    let scheduled = waiting.pod.condition("PodScheduled")?;
    if scheduled.status != "False" {
        return None;
    }
    if scheduled.reason.as_deref() == Some("SchedulingGated") {
        return Some(gated(waiting));
    }
    let words = scheduled.message.as_deref().unwrap_or_default();
    let found =
        volume_missing(words).or_else(|| volume_in_use(waiting, words)).or_else(|| volume_binding(waiting, words));
    Some(found.or_else(|| scale_up(waiting)).unwrap_or_else(|| unschedulable(waiting, words)))
}

fn gated(waiting: Waiting<'_>) -> Word {
    let gates: Vec<_> = waiting.pod.spec.scheduling_gates.iter().map(|gate| gate.name.as_str()).collect();
    if gates.contains(&KUEUE_GATE) {
        let labels = waiting.pod.metadata.labels.as_ref();
        let queue =
            labels.and_then(|labels| labels.get(KUEUE_QUEUE)).map(|name| format!(" {name}")).unwrap_or_default();
        return (Reason::Queued, format!("waits in the queue{queue} (Kueue) until it is admitted"));
    }
    let which = if gates.is_empty() { String::new() } else { format!(" ({})", gates.join(", ")) };
    (Reason::SchedulingGated, format!("a scheduling gate of the pod holds it{which}; who set it must open it"))
}

fn volume_missing(words: &str) -> Option<Word> {
    let (_, claim) = words.split_once("persistentvolumeclaim \"")?;
    let name = claim.contains("not found").then(|| claim.split('"').next())??;
    Some((Reason::VolumeMissing, format!("the claim {name} is not in the namespace; create it or name another")))
}

fn volume_in_use(waiting: Waiting<'_>, words: &str) -> Option<Word> {
    if !words.contains("ReadWriteOncePod access mode already in-use") {
        return None;
    }
    let rule = "can be mounted by one pod at a time (ReadWriteOncePod)";
    let message = match waiting.around.sharers.first() {
        Some(other) => busy(waiting.pod, other, rule),
        None => format!("a claim of the pod {rule}, and another pod has it; stop that one"),
    };
    Some((Reason::VolumeBusyElsewhere, message))
}

fn volume_binding(waiting: Waiting<'_>, words: &str) -> Option<Word> {
    if !words.contains("PersistentVolumeClaim") && !words.contains("persistentvolumeclaim") {
        return None;
    }
    let claims: Vec<_> = waiting.pod.claims().collect();
    let (words, _) = words.split_once(" preemption:").unwrap_or((words, ""));
    let message = format!("waits until its claims are bound to volumes ({}): {words}", claims.join(", "));
    Some((Reason::VolumeBinding, message))
}

/// In the words of the cluster autoscaler, or of Karpenter.
fn scale_up(waiting: Waiting<'_>) -> Option<Word> {
    let said = &waiting.around.said;
    let words = said.get("TriggeredScaleUp").or_else(|| said.get("Nominated"))?;
    Some((Reason::ScaleUpInProgress, format!("no node has room yet, and one is being added: {words}")))
}

/// What helps, from what only a change of the Notebook can, to what time may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Help {
    Smaller,
    Elsewhere,
    Wait,
}

/// `0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu. preemption: …`, clause by clause. What is not
/// recognized is told as it is.
fn unschedulable(waiting: Waiting<'_>, words: &str) -> Word {
    let (words, _) = words.split_once(" preemption:").unwrap_or((words, ""));
    let Some((counts, clauses)) = words.split_once(" nodes are available: ") else {
        let words = if words.is_empty() { "no node takes the pod yet" } else { words };
        return (Reason::Unschedulable, words.to_owned());
    };
    let all = counts.split_once('/').map_or(counts, |(_, all)| all);
    let mut help = Help::Wait;
    let told: Vec<_> = clauses
        .trim_end_matches('.')
        .split(", ")
        .map(|clause| {
            let (told, helps) = in_words(waiting, clause);
            help = help.min(helps);
            told
        })
        .collect();
    let help = match help {
        Help::Smaller => "ask for no more than the largest node has",
        Help::Elsewhere => "change what the spec says of nodes, or ask an admin for others",
        Help::Wait => "ask for less, stop what you do not need, or wait",
    };
    (Reason::Unschedulable, format!("none of {all} nodes takes the pod: {}; {help}", told.join(", ")))
}

fn in_words(waiting: Waiting<'_>, clause: &str) -> (String, Help) {
    let Some((count, what)) = clause.split_once(' ') else { return (clause.to_owned(), Help::Wait) };
    if let Some(resource) = what.strip_prefix("Insufficient ") {
        return insufficient(waiting, count, resource);
    }
    let (told, help) = match what {
        "Too many pods" => ("have no place for another pod".to_owned(), Help::Wait),
        "node(s) were unschedulable" => ("take no new pods (cordoned)".to_owned(), Help::Wait),
        "node(s) didn't match Pod's node affinity/selector" => {
            ("do not match its nodeSelector or node affinity".to_owned(), Help::Elsewhere)
        }
        "node(s) had volume node affinity conflict" => ("can't reach its volume".to_owned(), Help::Elsewhere),
        _ if what.starts_with("node(s) had untolerated taint") => (tainted(waiting, what), Help::Elsewhere),
        _ => (what.to_owned(), Help::Wait),
    };
    (format!("{count} {told}"), help)
}

/// What is asked beside the largest node's; nothing is known here of what other pods use.
fn insufficient(waiting: Waiting<'_>, count: &str, resource: &str) -> (String, Help) {
    let asked = waiting.spec.and_then(|spec| amount(spec, resource)).filter(|asked| *asked > 0);
    let has = |node: &std::sync::Arc<crate::slim_node::SlimNode>| nanos(&node.status.allocatable.get(resource)?.0);
    let largest = waiting.around.nodes.iter().filter(|node| !node.spec.unschedulable).filter_map(has).max();
    let none_at_all = !waiting.around.nodes.is_empty() && largest.is_none();
    let numbers = match (asked, largest) {
        (Some(asked), Some(largest)) => format!(" ({} asked, the largest node has {})", text(asked), text(largest)),
        (Some(asked), None) if none_at_all => format!(" ({} asked, no node has any)", text(asked)),
        (Some(asked), None) => format!(" ({} asked)", text(asked)),
        (None, _) => String::new(),
    };
    let too_large = none_at_all || asked.zip(largest).is_some_and(|(asked, largest)| asked > largest);
    let help = if too_large { Help::Smaller } else { Help::Wait };
    (format!("{count} have too little {resource} free{numbers}"), help)
}

/// The scheduler names no taint any more since 1.33; the nodes do.
fn tainted(waiting: Waiting<'_>, what: &str) -> String {
    let tolerations = waiting.spec.and_then(|spec| spec.tolerations.clone()).unwrap_or_default();
    let taints: BTreeSet<_> = waiting.around.nodes.iter().flat_map(|node| node.keeps_away_by(&tolerations)).collect();
    if taints.is_empty() {
        return what.to_owned();
    }
    let taints: Vec<_> = taints.into_iter().collect();
    format!("have a taint that it does not tolerate ({})", taints.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slim_node::SlimNode;
    use crate::slim_pod::SlimPod;
    use crate::surroundings::Surroundings;
    use k8s_openapi::api::core::v1::PodSpec;

    const NODES: &str = "[{metadata: {name: a}, status: {allocatable: {cpu: '8', memory: 32Gi}}},
        {metadata: {name: b}, spec: {taints: [{key: gpu, effect: NoSchedule}]}, status: {allocatable: {cpu: '16', nvidia.com/gpu: '4'}}},
        {metadata: {name: c}, spec: {unschedulable: true}, status: {allocatable: {cpu: '64'}}}]";

    fn told(words: &str, spec: &str) -> String {
        let scheduled =
            serde_json::json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words});
        let pod: SlimPod = serde_json::from_value(
            serde_json::json!({"metadata": {"name": "x-0"}, "status": {"conditions": [scheduled]}}),
        )
        .unwrap();
        let nodes: Vec<SlimNode> = serde_saphyr::from_str(NODES).unwrap();
        let around =
            Surroundings { nodes: nodes.into_iter().map(std::sync::Arc::new).collect(), ..Surroundings::default() };
        let spec: PodSpec = serde_saphyr::from_str(spec).unwrap();
        let (reason, message) = not_scheduled(Waiting { pod: &pod, around: &around, spec: Some(&spec) }).unwrap();
        assert_eq!(reason, Reason::Unschedulable);
        message
    }

    #[test]
    fn what_is_asked_stands_beside_what_the_nodes_have() {
        let asks = "{containers: [{name: a, resources: {requests: {cpu: 12, memory: 64Gi, nvidia.com/gpu: 1, amd.com/gpu: 1}}}]}";
        assert_eq!(
            told(
                "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). preemption: 0/3 nodes",
                asks
            ),
            "none of 3 nodes takes the pod: 1 have too little cpu free (12 asked, the largest node has 16), 2 have a taint that it does \
             not tolerate (gpu); change what the spec says of nodes, or ask an admin for others"
        );
        assert_eq!(
            told("0/3 nodes are available: 3 Insufficient memory.", asks),
            "none of 3 nodes takes the pod: 3 have too little memory free (64Gi asked, the largest node has 32Gi); ask for no more than \
             the largest node has"
        );
        assert!(
            told("0/3 nodes are available: 3 Insufficient amd.com/gpu.", asks).contains("(1 asked, no node has any)")
        );
        assert!(told("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", asks).ends_with("or wait"));
    }

    #[test]
    fn what_is_not_recognized_is_told_as_it_is() {
        let asks = "{containers: [{name: a}]}";
        assert!(told("0/3 nodes are available: 3 node(s) have a cold.", asks).contains("3 node(s) have a cold"));
        assert_eq!(told("something new", asks), "something new");
        assert_eq!(told("", asks), "no node takes the pod yet");
    }
}
