//! What the containers of a pod that has a node wait for.

use carrel_api::server::Reason;
use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated};

use super::{Waiting, Word};
use crate::slim_pod::SlimContainerStatus;

/// The most characters of a container's last words that a message repeats.
const LAST_WORDS: usize = 200;

/// A volume that can't be mounted, while no container was made yet.
pub(super) fn not_mounted(waiting: Waiting<'_>) -> Option<Word> {
    let words = waiting.around.said.get("FailedMount")?;
    let statuses = &waiting.pod.status;
    let mut all = statuses.init_container_statuses.iter().chain(&statuses.container_statuses);
    if !all.all(|status| matches!(word(status), Some("ContainerCreating" | "PodInitializing"))) {
        return None;
    }
    Some(match missing(words) {
        Some(what) => {
            (Reason::CreateContainerError, format!("{what}, which a volume of the pod is made from; create it"))
        }
        None => (Reason::VolumeMountFailed, format!("a volume can't be mounted, and it is tried again: {words}")),
    })
}

pub(super) fn waits(waiting: Waiting<'_>) -> Option<Word> {
    let statuses = &waiting.pod.status;
    let mut all = statuses.init_container_statuses.iter().chain(&statuses.container_statuses);
    all.find_map(|status| not_made(waiting, status).or_else(|| ended(waiting, status)))
}

/// All of them run, and one is not ready.
pub(super) fn not_ready(waiting: Waiting<'_>) -> Option<Word> {
    let status = waiting.pod.status.container_statuses.iter().find(|status| !status.ready)?;
    let since = status.state.as_ref()?.running.as_ref()?.started_at.as_ref()?;
    let probe = waiting.around.said.get("Unhealthy").map(|words| format!(": {words}")).unwrap_or_default();
    let message = format!("container {} runs since {}, and its probe does not pass yet{probe}", status.name, since.0);
    Some((Reason::Starting, message))
}

fn word(status: &SlimContainerStatus) -> Option<&str> {
    status.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
}

fn not_made(waiting: Waiting<'_>, status: &SlimContainerStatus) -> Option<Word> {
    let state = status.state.as_ref()?.waiting.as_ref()?;
    let (name, word) = (&status.name, state.reason.as_deref().unwrap_or("Waiting"));
    let words = state.message.as_deref().unwrap_or_default();
    Some(match word {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            let image = container(waiting, name).and_then(|container| container.image.as_deref()).unwrap_or_default();
            let message = format!(
                "the image {image} of container {name} can't be pulled ({word}); check its name and the pull secrets"
            );
            (Reason::ImagePullFailed, message)
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            let what = missing(words).map(|what| format!("{what}; create it"));
            (
                Reason::CreateContainerError,
                format!("container {name} can't be made: {}", what.as_deref().unwrap_or(words)),
            )
        }
        // Kubelet's own message counts the seconds of its back-off, which would move by itself.
        "CrashLoopBackOff" => crashes(waiting, status),
        "ContainerCreating" | "PodInitializing" => being_made(waiting, name),
        _ => {
            let detail = if words.is_empty() { String::new() } else { format!(": {words}") };
            (Reason::Starting, format!("container {name} waits ({word}{detail})"))
        }
    })
}

/// Which Secret or ConfigMap is missing, in kubelet's words: `secret "x" not found`, `references non-existent secret key: y`.
fn missing(words: &str) -> Option<String> {
    for (mark, kind) in [("secret \"", "Secret"), ("configmap \"", "ConfigMap")] {
        if let Some((_, rest)) = words.split_once(mark)
            && let Some((name, rest)) = rest.split_once('"')
            && rest.contains("not found")
        {
            return Some(format!("the {kind} {name} is not in the namespace"));
        }
    }
    None
}

fn being_made(waiting: Waiting<'_>, name: &str) -> Word {
    let pulled = waiting.around.said.get("Pulling").and_then(|words| words.split('"').nth(1));
    match pulled {
        Some(image) => {
            let node = waiting.pod.spec.node_name.as_deref().unwrap_or_default();
            (Reason::ImagePull, format!("the image {image} is being pulled to the node {node}"))
        }
        None => (Reason::Starting, format!("container {name} is being made")),
    }
}

fn crashes(waiting: Waiting<'_>, status: &SlimContainerStatus) -> Word {
    let name = &status.name;
    let Some(last) = status.last_state.as_ref().and_then(|state| state.terminated.as_ref()) else {
        return (Reason::CrashLoop, format!("container {name} ends again and again; see kubectl logs --previous"));
    };
    if last.reason.as_deref() == Some("OOMKilled") {
        return (
            Reason::OutOfMemory,
            out_of_memory(waiting, name, "needs more memory than its limit", "is ended again and again"),
        );
    }
    let message = format!(
        "container {name} ends again and again, last with exit code {}{}; see kubectl logs --previous",
        last.exit_code,
        last_words(last)
    );
    (Reason::CrashLoop, message)
}

fn ended(waiting: Waiting<'_>, status: &SlimContainerStatus) -> Option<Word> {
    let ended = status.state.as_ref()?.terminated.as_ref()?;
    let name = &status.name;
    if ended.reason.as_deref() == Some("OOMKilled") {
        let message = out_of_memory(waiting, name, "needed more memory than its limit", "was ended");
        return Some((Reason::OutOfMemory, message));
    }
    let message = || format!("container {name} ended with exit code {}{}", ended.exit_code, last_words(ended));
    (ended.exit_code != 0).then(|| (Reason::CrashLoop, message()))
}

fn out_of_memory(waiting: Waiting<'_>, name: &str, needs: &str, ends: &str) -> String {
    let limits = container(waiting, name).and_then(|container| container.resources.as_ref()?.limits.as_ref());
    let limit =
        limits.and_then(|limits| limits.get("memory")).map(|limit| format!(" of {}", limit.0)).unwrap_or_default();
    format!("container {name} {needs}{limit}, and {ends}; raise the limit, or need less")
}

fn container<'a>(waiting: Waiting<'a>, name: &str) -> Option<&'a Container> {
    let spec = waiting.spec?;
    spec.init_containers.iter().flatten().chain(&spec.containers).find(|container| container.name == name)
}

/// The last line of what the container left as its termination message, which may be the end of its log.
fn last_words(ended: &ContainerStateTerminated) -> String {
    let line = ended.message.as_deref().unwrap_or_default().lines().rev().map(str::trim).find(|line| !line.is_empty());
    line.map(|line| format!(" (\u{201c}{}\u{201d})", line.chars().take(LAST_WORDS).collect::<String>()))
        .unwrap_or_default()
}
