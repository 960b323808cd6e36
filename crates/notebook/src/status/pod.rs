//! What a pod that is not ready waits for, by its own conditions and containers. The first that speaks wins.

use carrel_api::notebook::Reason;

use crate::slim_pod::{SlimContainerStatus, SlimPod};

/// The reason and a sentence for the owner; nothing if the pod gives no hint.
pub(super) fn waits(pod: &SlimPod) -> Option<(Reason, String)> {
    not_scheduled(pod).or_else(|| node_lost(pod)).or_else(|| {
        let status = &pod.status;
        let mut containers = status.init_container_statuses.iter().chain(&status.container_statuses);
        containers.find_map(|container| waiting(container).or_else(|| ended(container)))
    })
}

fn not_scheduled(pod: &SlimPod) -> Option<(Reason, String)> {
    let scheduled = pod.condition("PodScheduled")?;
    if scheduled.status != "False" {
        return None;
    }
    let words = scheduled.message.clone().unwrap_or_default();
    if scheduled.reason.as_deref() == Some("SchedulingGated") {
        return Some((
            Reason::SchedulingGated,
            "a scheduling gate of the pod holds it; who set it must open it".to_owned(),
        ));
    }
    if let Some(claim) = words.split_once("persistentvolumeclaim \"").map(|(_, rest)| rest)
        && claim.contains("not found")
    {
        let name = claim.split('"').next().unwrap_or_default();
        return Some((
            Reason::VolumeMissing,
            format!("the claim {name} is not in the namespace; create it or name another"),
        ));
    }
    if words.contains("PersistentVolumeClaim") || words.contains("persistentvolumeclaim") {
        return Some((Reason::VolumeBinding, words));
    }
    let none = || "no node takes the pod yet".to_owned();
    Some((Reason::Unschedulable, if words.is_empty() { none() } else { words }))
}

/// The node controller's mark on pods of a node that it has lost.
fn node_lost(pod: &SlimPod) -> Option<(Reason, String)> {
    let ready = pod.condition("Ready")?;
    let lost = ready.status == "Unknown" || pod.status.reason.as_deref() == Some("NodeLost");
    lost.then(|| {
        let node = pod.spec.node_name.as_deref().unwrap_or("of the pod");
        (Reason::NodeLost, format!("the node {node} does not answer; the pod starts elsewhere once it is given up"))
    })
}

fn waiting(container: &SlimContainerStatus) -> Option<(Reason, String)> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let (name, word) = (&container.name, waiting.reason.as_deref().unwrap_or("Waiting"));
    let words = waiting.message.as_deref().unwrap_or_default();
    Some(match word {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            let message =
                format!("the image of container {name} can't be pulled ({word}); check its name and the pull secrets");
            (Reason::ImagePullFailed, message)
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            (Reason::CreateContainerError, format!("container {name} can't be made: {words}"))
        }
        // Kubelet's own message counts the seconds of its back-off, which would move by itself.
        "CrashLoopBackOff" => crashes(container),
        "ContainerCreating" | "PodInitializing" => (Reason::Starting, format!("container {name} is being made")),
        _ => {
            let detail = if words.is_empty() { String::new() } else { format!(": {words}") };
            (Reason::Starting, format!("container {name} waits ({word}{detail})"))
        }
    })
}

fn crashes(container: &SlimContainerStatus) -> (Reason, String) {
    let name = &container.name;
    let Some(last) = container.last_state.as_ref().and_then(|state| state.terminated.as_ref()) else {
        return (Reason::CrashLoop, format!("container {name} ends again and again; see kubectl logs --previous"));
    };
    if last.reason.as_deref() == Some("OOMKilled") {
        return (
            Reason::OutOfMemory,
            format!("container {name} needs more memory than its limit and is ended again and again"),
        );
    }
    let message = format!(
        "container {name} ends again and again, last with exit code {}; see kubectl logs --previous",
        last.exit_code
    );
    (Reason::CrashLoop, message)
}

fn ended(container: &SlimContainerStatus) -> Option<(Reason, String)> {
    let ended = container.state.as_ref()?.terminated.as_ref()?;
    let name = &container.name;
    if ended.reason.as_deref() == Some("OOMKilled") {
        return Some((
            Reason::OutOfMemory,
            format!("container {name} needed more memory than its limit and was ended"),
        ));
    }
    (ended.exit_code != 0)
        .then(|| (Reason::CrashLoop, format!("container {name} ended with exit code {}", ended.exit_code)))
}
