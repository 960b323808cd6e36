use serde_json::json;

use super::*;
use crate::why::target::Target;

fn found(kind: Kind, object: Value, pods: Value, events: Value) -> Found {
    Found {
        target: Target { kind, name: "iris".to_owned() },
        namespace: "team-a".to_owned(),
        object: serde_json::from_value(object).unwrap(),
        pods: serde_json::from_value(pods).unwrap(),
        claims: Vec::new(),
        events: serde_json::from_value(events).unwrap(),
        unread: Vec::new(),
    }
}

fn now() -> Timestamp {
    "2026-01-02T10:00:00Z".parse().unwrap()
}

#[test]
fn a_stopped_server_says_by_whom_why_and_how_it_starts() {
    let stop = json!({"at": "2026-01-02T08:00:00Z", "cause": "Idle", "by": "students", "message": "nobody used it for 2h",
        "evidence": [{"signal": "Kernels", "vote": "Idle", "value": "no kernel", "at": "2026-01-02T08:00:00Z"}]});
    let object = json!({
        "apiVersion": "kubeflow.org/v1", "kind": "Notebook",
        "metadata": {
            "name": "iris", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"kubeflow-resource-stopped": "2026-01-02T08:00:00Z", "carrel.dev/last-stop": stop.to_string()},
        },
        "status": {"observedGeneration": 2, "lastStop": stop, "conditions": [
            {"type": "Ready", "status": "False", "reason": "StoppedByPolicy", "lastTransitionTime": "2026-01-02T08:01:00Z",
                "message": "stopped by students: nobody used it for 2h"},
        ]},
    });
    let event = json!({"metadata": {}, "type": "Normal", "reason": "Stopped", "message": "gone",
        "involvedObject": {"kind": "Notebook", "name": "iris"}, "lastTimestamp": "2026-01-02T08:00:00Z"});
    let help = carrel_api::server::Reason::StoppedByPolicy.sentence();
    let expected = format!(
        "\
Notebook iris in the namespace team-a

Not ready for 1h: StoppedByPolicy
  stopped by students: nobody used it for 2h
  What that means, and what helps: {help}

Stopped at 2026-01-02T08:00:00Z (2h ago) by students (Idle)
  Kernels says Idle: no kernel
To start it: kubectl annotate notebook iris -n team-a kubeflow-resource-stopped-

No pod.

AGE  TIMES  TYPE    OBJECT         REASON   MESSAGE
2h   1      Normal  Notebook/iris  Stopped  gone
"
    );
    let by_carrel = found(Kind::Notebook, object.clone(), json!([]), json!([event]));
    assert_eq!(screen(&by_carrel, now()), expected);

    // Whoever stops it again writes another time.
    let mut other = object;
    other["metadata"]["annotations"]["kubeflow-resource-stopped"] = json!("by-hand");
    let said = screen(&found(Kind::Notebook, other, json!([]), json!([])), now());
    assert!(said.contains("Stopped by the annotation kubeflow-resource-stopped (by-hand), not by Carrel."), "{said}");
}

#[test]
fn what_is_known_of_a_running_server_is_told_also_where_its_status_is_behind() {
    let object = json!({
        "apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "iris", "generation": 3},
        "status": {
            "observedGeneration": 2,
            "activity": {"verdict": "Busy", "since": "2026-01-02T09:30:00Z", "evidence": [
                {"signal": "Kernels", "vote": "Busy", "value": "1 of 2 kernels busy", "at": "2026-01-02T09:30:00Z"}]},
            "lastLoss": {"at": "2026-01-01T09:30:00Z", "reason": "Evicted", "message": "the node ran short"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Running", "message": "the server runs"}],
        },
    });
    let pod = json!({"metadata": {"name": "iris-0"}, "spec": {"nodeName": "n1", "containers": []}});
    let mut found = found(Kind::Notebook, object, json!([pod]), json!([]));
    found.unread = vec!["events can't be read (no right)".to_owned()];
    let said = screen(&found, now());
    for part in [
        "Its last change is not seen yet",
        "Ready: Running\n  the server runs\n",
        "Busy since 2026-01-02T09:30:00Z (30m ago).\n  Kernels says Busy: 1 of 2 kernels busy\n",
        "Last lost at 2026-01-01T09:30:00Z (1d ago), Evicted: the node ran short\n",
        "Pod iris-0 on the node n1",
        "Not told: events can't be read (no right)\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_volume_says_who_mounts_it() {
    let object = json!({
        "apiVersion": "carrel.dev/v1alpha1", "kind": "VolumeRequest", "metadata": {"name": "iris"},
        "status": {"usedBy": [{"kind": "Notebook", "name": "iris", "pod": "iris-0", "node": "n1"}], "conditions": [
            {"type": "Ready", "status": "True", "reason": "Bound", "message": "bound", "lastTransitionTime": "2026-01-02T09:00:00Z"}]},
    });
    let said = screen(&found(Kind::VolumeRequest, object, json!([]), json!([])), now());
    assert!(
        said.contains("Ready for 1h: Bound\n  bound\n\nMounted by the Notebook iris (pod iris-0 on the node n1)\n"),
        "{said}"
    );
    assert!(!said.contains("No pod"), "{said}");
}
