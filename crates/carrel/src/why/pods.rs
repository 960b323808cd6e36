//! Which pods an object has, on which nodes, and how their containers do; and its claims.

use std::fmt::Write;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::age::short;

/// A pod, and a line for each of its containers.
pub(super) fn pod(pod: &Pod, now: Timestamp) -> String {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let place = node.map_or_else(|| "on no node yet".to_owned(), |node| format!("on the node {node}"));
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let is_ready = conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True");
    let state = match (&pod.metadata.deletion_timestamp, is_ready) {
        (Some(_), _) => "ending",
        (None, true) => "ready",
        (None, false) => "not ready",
    };
    let phase = status.phase.as_deref().unwrap_or("Pending");
    let mut text = format!("Pod {} {place}, {phase}, {state}\n", pod.name_any());
    if let Some(message) = &status.message {
        let _ = writeln!(text, "  {message}");
    }
    let ended_well = |one: &&ContainerStatus| !is_over_well(one);
    let before = status.init_container_statuses.iter().flatten().filter(ended_well);
    for container in before.chain(status.container_statuses.iter().flatten()) {
        let _ = writeln!(text, "  {}: {}", container.name, of_container(container, now));
    }
    text
}

/// A container that runs before the others, and did what it was there for, explains nothing.
fn is_over_well(container: &ContainerStatus) -> bool {
    let over = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    over.is_some_and(|over| over.exit_code == 0)
}

fn of_container(container: &ContainerStatus, now: Timestamp) -> String {
    let mut text = container.state.as_ref().map_or_else(|| "not there yet".to_owned(), |state| of_state(state, now));
    if container.restart_count > 0 {
        let _ = write!(text, "; restarted {} times", container.restart_count);
        if let Some(last) = container.last_state.as_ref().filter(|last| last.terminated.is_some()) {
            let _ = write!(text, ", last {}", of_state(last, now));
        }
    }
    text
}

fn of_state(state: &ContainerState, now: Timestamp) -> String {
    let ago = |time: &Option<Time>| time.as_ref().map(|time| short(now.duration_since(time.0)));
    if let Some(running) = &state.running {
        return ago(&running.started_at).map_or_else(|| "running".to_owned(), |age| format!("running for {age}"));
    }
    if let Some(over) = &state.terminated {
        let age = ago(&over.finished_at).map(|age| format!(" {age} ago")).unwrap_or_default();
        let reason = over.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        return format!("ended{age} with the code {}{reason}", over.exit_code);
    }
    let waiting = state.waiting.clone().unwrap_or_default();
    let words = [waiting.reason, waiting.message].into_iter().flatten().collect::<Vec<_>>();
    if words.is_empty() { "waiting".to_owned() } else { format!("waiting: {}", words.join(": ")) }
}

/// A claim, in a line.
pub(super) fn claim(claim: &PersistentVolumeClaim) -> String {
    let status = claim.status.clone().unwrap_or_default();
    let size =
        status.capacity.as_ref().and_then(|capacity| capacity.get("storage")).map(|size| format!(", {}", size.0));
    let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_ref());
    let class = class.map(|class| format!(", class {class}")).unwrap_or_default();
    let ending = if claim.metadata.deletion_timestamp.is_some() { ", ending" } else { "" };
    let phase = status.phase.unwrap_or_else(|| "Pending".to_owned());
    format!("Claim {}: {phase}{}{class}{ending}\n", claim.name_any(), size.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-01-02T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn containers_say_how_they_do_and_how_they_ended() {
        let oom = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-02T09:55:00Z"}});
        let status = |name: &str, state: serde_json::Value, restarts: i32| {
            json!({"name": name, "image": "i", "imageID": "i", "ready": false, "restartCount": restarts,
                "state": state, "lastState": if restarts > 0 { oom.clone() } else { json!({}) }})
        };
        let pulls = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}});
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "iris-0"}, "spec": {"nodeName": "n1", "containers": []},
            "status": {
                "phase": "Running",
                "initContainerStatuses": [status("copy", json!({"terminated": {"exitCode": 0}}), 0)],
                "containerStatuses": [
                    status("iris", json!({"running": {"startedAt": "2026-01-02T09:57:00Z"}}), 3),
                    status("proxy", pulls, 0),
                    status("new", json!(null), 0),
                ],
                "conditions": [{"type": "Ready", "status": "False"}],
            },
        }))
        .unwrap();
        let expected = "\
Pod iris-0 on the node n1, Running, not ready
  iris: running for 3m; restarted 3 times, last ended 5m ago with the code 137 (OOMKilled)
  proxy: waiting: ImagePullBackOff: Back-off
  new: not there yet
";
        assert_eq!(super::pod(&pod, now()), expected);
        let new: Pod = serde_json::from_value(json!({"metadata": {"name": "iris-0"}})).unwrap();
        assert_eq!(super::pod(&new, now()), "Pod iris-0 on no node yet, Pending, not ready\n");
    }

    #[test]
    fn a_claim_is_a_line() {
        let whole = json!({"metadata": {"name": "home"}, "spec": {"storageClassName": "fast"},
            "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}});
        let of = |value| claim(&serde_json::from_value(value).unwrap());
        assert_eq!(of(whole), "Claim home: Bound, 1Gi, class fast\n");
        assert_eq!(of(json!({"metadata": {"name": "home"}})), "Claim home: Pending\n");
    }
}
