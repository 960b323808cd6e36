use serde_json::json;

use super::*;

/// A pod that mounts the claim: its name, its node, and how it does.
fn pod(name: &str, kind: &str, node: Option<&str>, phase: &str, second: u8) -> Arc<MountingPod> {
    let annotations = match kind {
        "Notebook" => json!({"carrel.dev/notebook": name}),
        "Tensorboard" => json!({"carrel.dev/tensorboard": name}),
        "PVCViewer" => json!({"carrel.dev/pvcviewer": name}),
        _ => json!({}),
    };
    Arc::new(
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "namespace": "a", "annotations": annotations,
                "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
            },
            "spec": {"nodeName": node},
            "status": {"phase": phase},
        }))
        .unwrap(),
    )
}

fn on(mode: &str, pods: Vec<Arc<MountingPod>>) -> Mounted {
    let claim = serde_json::from_value(json!({"metadata": {"name": "data"}, "spec": {"accessModes": [mode]}})).unwrap();
    Mounted { name: "data".to_owned(), claim: Some(Arc::new(claim)), pods }
}

fn own(node: Option<&str>, second: u8) -> Own {
    let made = format!("2026-01-01T00:00:{second:02}Z").parse().unwrap();
    Own { node: node.map(str::to_owned), unschedulable: false, age: (made, "board".to_owned()) }
}

fn where_to(mounted: &[Mounted], own: Option<&Own>, bound: Option<&str>) -> Place {
    place(mounted, |pod| pod.name_any() == "board", own, bound)
}

fn beside(who: &str, node: &str) -> Place {
    Place::Beside(Holder { claim: "data".to_owned(), who: who.to_owned(), node: Some(node.to_owned()) })
}

const RWO: &str = "ReadWriteOnce";

#[test]
fn alone_it_may_stand_anywhere_and_its_own_pod_binds_it_to_nothing() {
    let alone = [on(RWO, vec![pod("board", "Tensorboard", Some("n1"), "Running", 1)])];
    assert_eq!(where_to(&alone, Some(&own(Some("n1"), 1)), None), Place::Anywhere);
}

#[test]
fn it_stands_beside_who_has_the_claim_unless_many_nodes_can() {
    let notebook = || vec![pod("iris", "Notebook", Some("n1"), "Running", 1)];
    assert_eq!(where_to(&[on(RWO, notebook())], None, None), beside("the Notebook iris", "n1"));
    for mode in ["ReadWriteMany", "ReadOnlyMany"] {
        assert_eq!(where_to(&[on(mode, notebook())], None, None), Place::Anywhere);
    }
    let missing = Mounted { name: "data".to_owned(), claim: None, pods: notebook() };
    assert_eq!(where_to(&[missing], None, None), Place::Anywhere);
}

#[test]
fn where_it_should_stand_already_it_is_not_bound_for_that() {
    let notebook = || vec![pod("iris", "Notebook", Some("n1"), "Running", 1)];
    let here = own(Some("n1"), 2);
    assert_eq!(where_to(&[on(RWO, notebook())], Some(&here), None), Place::Anywhere);
    assert_eq!(where_to(&[on(RWO, notebook())], Some(&here), Some("n1")), beside("the Notebook iris", "n1"));
    let waits = own(None, 2);
    assert_eq!(where_to(&[on(RWO, notebook())], Some(&waits), None), beside("the Notebook iris", "n1"));
}

#[test]
fn it_gives_way_to_a_notebook_that_gets_another_node() {
    let both = || {
        vec![pod("board", "Tensorboard", Some("n1"), "Running", 1), pod("iris", "Notebook", Some("n2"), "Pending", 2)]
    };
    let here = own(Some("n1"), 1);
    assert_eq!(where_to(&[on(RWO, both())], Some(&here), Some("n1")), beside("the Notebook iris", "n2"));
    // Who waits for a node needs the volume nowhere yet.
    let waits = vec![pod("iris", "Notebook", None, "Pending", 2)];
    assert_eq!(where_to(&[on(RWO, waits)], Some(&here), Some("n1")), Place::Stays { node: "n1".to_owned() });
}

#[test]
fn a_running_pod_has_the_claim_before_one_that_only_has_a_node() {
    let two =
        vec![pod("late", "Notebook", Some("n2"), "Pending", 1), pod("iris", "Notebook", Some("n1"), "Running", 2)];
    assert_eq!(where_to(&[on(RWO, two)], None, None), beside("the Notebook iris", "n1"));
}

#[test]
fn once_who_had_the_claim_is_gone_it_stays_unless_its_node_does_not_take_it() {
    let none = [on(RWO, Vec::new())];
    let stays = Place::Stays { node: "n1".to_owned() };
    assert_eq!(where_to(&none, Some(&own(Some("n1"), 1)), Some("n1")), stays);
    assert_eq!(where_to(&none, None, Some("n1")), stays, "its pod is on its way");
    assert_eq!(where_to(&none, Some(&own(None, 1)), Some("n1")), stays, "the scheduler has yet to look");
    let refused = Own { unschedulable: true, ..own(None, 1) };
    assert_eq!(where_to(&none, Some(&refused), Some("n1")), Place::Anywhere, "the node is gone, or full");
}

#[test]
fn of_two_companions_the_younger_follows() {
    let viewer = |second| vec![pod("files", "PVCViewer", Some("n2"), "Running", second)];
    assert_eq!(where_to(&[on(RWO, viewer(1))], Some(&own(Some("n1"), 2)), None), beside("the PVCViewer files", "n2"));
    assert_eq!(where_to(&[on(RWO, viewer(3))], Some(&own(Some("n1"), 2)), None), Place::Anywhere);
    assert_eq!(where_to(&[on(RWO, viewer(3))], None, None), beside("the PVCViewer files", "n2"));
}

#[test]
fn a_claim_for_one_pod_keeps_it_away_while_anybody_else_has_it_or_waits_for_it() {
    for node in [Some("n1"), None] {
        let other = vec![pod("iris", "Notebook", node, "Pending", 2)];
        let who = Holder { claim: "data".into(), who: "the Notebook iris".into(), node: node.map(str::to_owned) };
        assert_eq!(where_to(&[on("ReadWriteOncePod", other)], Some(&own(Some("n1"), 1)), None), Place::Away(who));
    }
    let younger = vec![pod("files", "PVCViewer", None, "Pending", 3)];
    assert_eq!(where_to(&[on("ReadWriteOncePod", younger)], Some(&own(Some("n1"), 1)), None), Place::Anywhere);
}

#[test]
fn it_can_not_stand_beside_two_at_once() {
    let first = on(RWO, vec![pod("a", "Notebook", Some("n1"), "Running", 1)]);
    let second = on(RWO, vec![pod("b", "Job", Some("n2"), "Running", 1)]);
    let place = where_to(&[first, second], None, None);
    assert!(matches!(place, Place::Away(Holder { who, .. }) if who == "the pod b"));
}
