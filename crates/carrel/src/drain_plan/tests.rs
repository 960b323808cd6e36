use carrel_api::activity::{Activity, Life, Signal, Verdict, Vote};
use serde_json::{Value, json};

use super::read::Server;
use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn server(name: &str, verdict: Verdict, reason: Option<&str>) -> Server {
    let labels = json!({"statefulset.kubernetes.io/pod-name": format!("{name}-0"), "team": "a"});
    let pod = json!({"metadata": {"name": format!("{name}-0"), "namespace": "team-a", "labels": labels},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let evidence = vec![carrel_api::activity::Evidence {
        signal: Signal::Kernels,
        vote: if verdict == Verdict::Busy { Vote::Busy } else { Vote::Idle },
        value: "1 of 2 kernels busy".to_owned(),
        at: at("2026-01-02T08:00:00Z"),
    }];
    let since = at("2026-01-02T08:00:00Z");
    let activity = Activity { verdict, since, evidence, pending: None, kept: None };
    let conditions = reason.map(|reason| json!([{"type": "DisruptionPending", "status": "True", "reason": reason}]));
    Server {
        kind: "Notebook",
        name: name.to_owned(),
        pod: serde_json::from_value(pod).unwrap(),
        life: Life { activity: Some(activity), last_stop: None },
        conditions: serde_json::from_value(conditions.unwrap_or(json!([]))).unwrap(),
    }
}

fn carrels(pod: &str) -> Value {
    json!({"metadata": {"name": pod, "labels": {"app.kubernetes.io/managed-by": "carrel"},
            "annotations": {"carrel.dev/protected-until": "2026-01-03T08:00:00Z"}},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"statefulset.kubernetes.io/pod-name": pod}}}})
}

fn somebodys(allowed: i32) -> Value {
    json!({"metadata": {"name": "team"}, "spec": {"selector": {"matchLabels": {"team": "a"}}},
        "status": {"disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}})
}

fn found(servers: Vec<Server>, budgets: Vec<Value>) -> Found {
    let budgets = budgets.into_iter().map(|budget| serde_json::from_value(budget).unwrap()).collect();
    let node = serde_json::from_value(json!({"metadata": {"name": "n1"}, "spec": {"unschedulable": true}})).unwrap();
    Found { node, servers, others: 2, budgets: [("team-a".to_owned(), budgets)].into() }
}

#[test]
fn who_holds_the_node_stands_before_who_may_go() {
    let servers = vec![
        server("idle", Verdict::Idle, Some("NodeCordoned")),
        server("trains", Verdict::Busy, Some("MovesWhenIdle")),
    ];
    let found = found(
        servers,
        vec![carrels("trains-0"), carrels("elsewhere-0"), json!({"metadata": {"name": "none"}, "spec": {}})],
    );
    let rows = rows(&found);
    let expected = "\
NAMESPACE  KIND      NAME    NODE IS  UNTIL                 WHY
team-a     Notebook  trains  held     2026-01-03T08:00:00Z  busy for 2h (1 of 2 kernels busy); moves by itself once it is idle
team-a     Notebook  idle    free     -                     idle for 2h
";
    assert_eq!(table::table(&rows, at("2026-01-02T10:00:00Z")), expected);
    let said = "1 of the 2 servers on the node n1 hold it, the last until 2026-01-03T08:00:00Z at most. The node is cordoned; \
                2 pods on it are not Carrel's, and not listed";
    assert_eq!(sum(&rows, &found, "n1"), said);
    let text = serde_json::to_value(&rows).unwrap();
    assert_eq!((&text[0]["state"], &text[0]["until"]), (&json!("Held"), &json!("2026-01-03T08:00:00Z")));
    assert_eq!((&text[0]["movesWhenIdle"], &text[1]["state"]), (&json!(true), &json!("Free")));
    assert_eq!(text[0]["evidence"][0]["value"], "1 of 2 kernels busy");
}

#[test]
fn a_budget_of_somebody_else_holds_it_without_an_end() {
    let with = |allowed| rows(&found(vec![server("a", Verdict::Busy, None)], vec![carrels("a-0"), somebodys(allowed)]));
    let blocked = with(0);
    assert!(blocked[0].is_held());
    assert_eq!(blocked[0].until, None);
    let why = table::table(&blocked, at("2026-01-02T10:00:00Z"));
    assert!(why.contains("the PodDisruptionBudget team allows no disruption"), "{why}");
    let both = table::table(&with(1), at("2026-01-02T10:00:00Z"));
    assert!(both.contains("two budgets select it, so that a drain fails instead of waiting"), "{both}");
    let idle = rows(&found(vec![server("a", Verdict::Idle, None)], vec![somebodys(1)]));
    assert!(!idle[0].is_held());
    assert!(sum(&blocked, &found(Vec::new(), Vec::new()), "n1").contains("hold it. The node"), "no end is known");
}

#[test]
fn a_pod_that_is_not_ready_is_free_to_go() {
    let mut broken = server("a", Verdict::Busy, None);
    broken.pod.status.conditions.clear();
    assert!(!rows(&found(vec![broken], vec![carrels("a-0")]))[0].is_held());
}
