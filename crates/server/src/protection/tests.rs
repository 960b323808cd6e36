use carrel_api::activity::{Activity, Life, Verdict};
use carrel_api::server::{Condition, Reason};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::budget::{Budget, budget};
use super::disruption::{Moving, disruption, moving, told};
use super::*;
use crate::life::{Guard, Lived, Stored};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_767_348_000 + minute * 60).unwrap()
}

/// A pod that was made at minute 0, on the node n1.
fn pod(more: &Value) -> SlimPod {
    let mut pod = json!({"metadata": {"name": "iris-0", "namespace": "team-a", "uid": "p-1", "creationTimestamp": at(0)},
        "spec": {"nodeName": "n1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    json_patch::merge(&mut pod, more);
    serde_json::from_value(pod).unwrap()
}

fn seen(pod: Option<&SlimPod>, budget: Option<Value>, node: impl Into<Value>) -> Seen<'_> {
    let node: Value = node.into();
    let annotation = ("carrel.dev/notebook", "iris");
    let label = ("statefulset.kubernetes.io/pod-name", "iris-0");
    let nobody = SlimPod::default();
    Seen {
        subject: Subject { namespace: "team-a", name: "iris-0", pod, label, annotation },
        budget: Child::of(
            budget.map(|budget| Arc::new(serde_json::from_value(budget).unwrap())),
            Owner::of(pod.unwrap_or(&nobody)),
        ),
        node: Some(Arc::new(serde_json::from_value(json!({"metadata": {"name": "n1"}, "spec": node})).unwrap())),
    }
}

/// The budget as it stands once it was written, with another pod as its owner perhaps.
fn standing(owner: &str) -> Value {
    let owners = json!([{"apiVersion": "v1", "kind": "Pod", "name": "iris-0", "uid": owner, "controller": true}]);
    let labels = json!({"app.kubernetes.io/managed-by": "carrel"});
    json!({"metadata": {"name": "iris-0", "namespace": "team-a", "uid": "b-1", "labels": labels, "ownerReferences": owners}})
}

#[test]
fn a_busy_pod_has_a_budget_that_goes_with_it() {
    let pod = pod(&json!({}));
    let Budget::Stand(made) = budget(&seen(Some(&pod), None, json!({})), Some(at(60))) else { panic!() };
    let expected = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
    "metadata": {
        "name": "iris-0", "namespace": "team-a", "labels": {"app.kubernetes.io/managed-by": "carrel"},
        "annotations": {"carrel.dev/notebook": "iris", "carrel.dev/protected-until": "2026-01-02T11:00:00Z"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "iris-0", "uid": "p-1", "controller": true}],
    },
    "spec": {
        "minAvailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": {"statefulset.kubernetes.io/pod-name": "iris-0"}},
    }});
    assert_eq!(serde_json::to_value(made).unwrap(), expected);
}

#[test]
fn a_budget_goes_when_nobody_uses_the_pod_and_others_are_left_alone() {
    let here = pod(&json!({}));
    let leaves = pod(&json!({"metadata": {"deletionTimestamp": at(1)}}));
    let go = Budget::Go("b-1".to_owned());
    let mut orphan = standing("p-1");
    orphan["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    let mut strangers = standing("d-1");
    strangers["metadata"]["ownerReferences"][0]["kind"] = json!("Database");
    for (pod, found, expected) in [
        (Some(&here), Some(standing("p-1")), &go),
        (Some(&here), Some(orphan.clone()), &go),
        (None, Some(orphan), &go),
        // The garbage collector's.
        (Some(&here), Some(standing("p-0")), &Budget::Leave),
        (None, Some(standing("p-1")), &Budget::Leave),
        (Some(&leaves), Some(standing("p-1")), &Budget::Leave),
        (Some(&here), Some(strangers), &Budget::Leave),
        (Some(&here), None, &Budget::Leave),
    ] {
        assert_eq!(&budget(&seen(pod, found.clone(), json!({})), None), expected, "{found:?}");
    }
    let too_late = budget(&seen(Some(&leaves), None, json!({})), Some(at(60)));
    assert_eq!(too_late, Budget::Leave, "a pod on its way out is kept by nothing");
}

const CORDONED: &str = "its node n1 is cordoned: ";

/// A server as it is stored and as it lives, at minute 10.
#[derive(Clone)]
struct Server {
    life: Life,
    conditions: Vec<Condition>,
    lived: Lived,
    guard: Guard,
}

impl Server {
    fn that_is(verdict: Verdict) -> Self {
        let activity = Activity { verdict, since: at(5), evidence: Vec::new(), pending: None, kept: None };
        let life = Life { activity: Some(activity), last_stop: None };
        let protect_until = (verdict == Verdict::Busy).then(|| at(60));
        Self {
            lived: Lived { life: life.clone(), protect_until, ..Lived::default() },
            life,
            conditions: Vec::new(),
            guard: Guard { move_when_idle: true, heard: Some((verdict, at(10))) },
        }
    }

    /// What was said before, since that minute.
    fn after(mut self, reason: Reason, since: i64) -> Self {
        self.conditions = vec![Condition {
            type_: "DisruptionPending".to_owned(),
            reason: Some(reason.as_str().to_owned()),
            last_transition_time: Some(at(since)),
            ..Condition::default()
        }];
        self
    }

    fn stored(&self) -> Stored<'_> {
        Stored { life: &self.life, conditions: &self.conditions, generation: None }
    }

    fn said(&self, seen: &Seen<'_>) -> Option<(String, String)> {
        let condition = disruption(seen, self.stored(), &self.lived, self.guard)?;
        Some((condition.reason.unwrap(), condition.message.unwrap()))
    }

    fn moves(&self, seen: &Seen<'_>) -> Moving {
        moving(seen, self.stored(), &self.lived, self.guard, at(10))
    }
}

#[test]
fn what_becomes_of_a_server_on_a_cordoned_node_is_said() {
    let pod = pod(&json!({}));
    let seen = |node| seen(Some(&pod), None, node);
    let cordoned = seen(json!({"unschedulable": true}));
    let busy = Server::that_is(Verdict::Busy);
    assert_eq!(busy.said(&seen(json!({}))), None);
    let said = |server: &Server| {
        let (reason, message) = server.said(&cordoned).unwrap();
        (reason, message.strip_prefix(CORDONED).unwrap().to_owned())
    };
    let kept = "it is busy and kept there until 2026-01-02T11:00:00Z at most";
    let word = |reason: &str, message: &str| (reason.to_owned(), message.to_owned());
    let moves = word("MovesWhenIdle", &format!("{kept}, and moves by itself once nobody uses it"));
    assert_eq!(said(&busy), moves);
    let mut stays = busy.clone();
    stays.guard.move_when_idle = false;
    let message = format!("{kept}; a drain ends it after that, or once nobody uses it");
    assert_eq!(said(&stays), word("NodeCordoned", &message));
    let mut past = busy.clone();
    past.lived.protect_until = None;
    assert!(said(&past).1.starts_with("it is busy and not kept there any more"), "{:?}", said(&past));

    let idle = Server::that_is(Verdict::Idle);
    let goes = "nobody uses it; a drain ends its pod, which starts on another node";
    assert_eq!(said(&idle), word("NodeCordoned", goes));
    let was_busy = idle.after(Reason::MovesWhenIdle, 6);
    assert_eq!(said(&was_busy).1, "nobody uses it any more, so that it moves");
    let unknown = Server::that_is(Verdict::Unknown).after(Reason::MovesWhenIdle, 6);
    assert_eq!(said(&unknown).0, "MovesWhenIdle", "not forgotten meanwhile");
}

#[test]
fn an_event_tells_of_it_once() {
    let pod = pod(&json!({}));
    let seen = seen(Some(&pod), None, json!({"unschedulable": true}));
    let first = Server::that_is(Verdict::Busy);
    let condition = disruption(&seen, first.stored(), &first.lived, first.guard);
    assert_eq!(told(first.stored(), condition.as_ref()).unwrap().reason, "DisruptionPending");
    let later = first.after(Reason::MovesWhenIdle, 6);
    assert_eq!(told(later.stored(), condition.as_ref()), None);
    assert_eq!(told(later.stored(), None), None);
}

#[test]
fn only_what_was_busy_there_and_is_known_to_be_idle_moves() {
    let here = pod(&json!({}));
    let seen = |node| seen(Some(&here), None, node);
    let cordoned = seen(json!({"unschedulable": true}));
    let due = Server::that_is(Verdict::Idle).after(Reason::MovesWhenIdle, 6);
    let Moving::Ends { pod, uid, message } = due.moves(&cordoned) else { panic!() };
    assert_eq!((pod.as_str(), uid.as_str()), ("iris-0", "p-1"));
    assert!(message.contains("its node n1 is cordoned: the pod ends"), "{message}");
    assert_eq!(due.moves(&seen(json!({}))), Moving::Stays, "the node stays");

    for (why, change) in [
        ("it was never busy there", (|server: &mut Server| server.conditions.clear()) as fn(&mut Server)),
        ("it was idle all along", |server| *server = server.clone().after(Reason::NodeCordoned, 6)),
        ("a pod before this one was busy there", |server| *server = server.clone().after(Reason::MovesWhenIdle, -1)),
        ("the policy says so", |server| server.guard.move_when_idle = false),
        ("nobody can tell by now", |server| server.guard.heard = Some((Verdict::Unknown, at(10)))),
        ("it is busy again, which is not published", |server| server.guard.heard = Some((Verdict::Busy, at(10)))),
        ("idle is not published yet", |server| server.life = Server::that_is(Verdict::Busy).life),
        ("it is unknown", |server| server.lived.life = Server::that_is(Verdict::Unknown).life),
        ("it is about to be stopped", |server| server.lived.act = carrel_activity::contract::Act::Ask),
    ] {
        let mut server = due.clone();
        change(&mut server);
        assert_eq!(server.moves(&cordoned), Moving::Stays, "{why}");
    }
    for heard in [None, Some((Verdict::Idle, at(9))), Some((Verdict::Busy, at(9))), Some((Verdict::Idle, at(11)))] {
        let mut server = due.clone();
        server.guard.heard = heard;
        assert_eq!(server.moves(&cordoned), Moving::Asks, "{heard:?}");
    }
}

#[test]
fn a_pod_that_ends_or_does_not_answer_is_not_ended() {
    let due = Server::that_is(Verdict::Idle).after(Reason::MovesWhenIdle, 6);
    for more in [
        json!({"metadata": {"deletionTimestamp": at(9)}}),
        json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
    ] {
        let pod = pod(&more);
        let seen = seen(Some(&pod), None, json!({"unschedulable": true}));
        assert_eq!(due.moves(&seen), Moving::Stays, "{}", pod.name_any());
    }
}
