use super::*;
use crate::Settings;
use crate::resolve::resolve;
use crate::status::{Outcome, status};
use crate::testing::{settings, story};
use carrel_api::notebook::NotebookStatus;
use carrel_api::vocabulary::HEADERS_REQUEST_SET;
use jiff::Timestamp;
use proptest::prelude::*;

/// Each story's plan, and the status after it was carried out, as a reviewer would read them.
#[test]
fn stories() {
    insta::glob!("../../stories", "*.yaml", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let observed = story(&text);
        let resolved = resolve(&observed, &settings(&text));
        let plan = plan(&observed, &resolved);
        assert_eq!(lint(&observed, &plan), []);
        let now: Timestamp = "2026-01-03T00:00:00.5Z".parse().unwrap();
        let status = status(&observed, &resolved, &plan, Outcome::default(), now);
        let shown = kubeflow_shows(&observed, &status);
        let status = serde_json::to_string_pretty(&status).unwrap();
        insta::assert_snapshot!(format!("{plan}status {status}\nKubeflow's web app shows {shown}"));
    });
}

/// What Kubeflow's web app makes of a status, by its own rules (`crud-web-apps/jupyter`, `status.py`): the first that
/// matches. Its grace of ten seconds for a new Notebook is left out.
fn kubeflow_shows(observed: &Observed, status: &NotebookStatus) -> String {
    let stopped = observed.notebook.annotations().contains_key(STOPPED);
    let waiting = status.container_state.waiting.as_ref();
    let with_reason = status.conditions.iter().find(|condition| condition.reason.is_some());
    if stopped && status.ready_replicas == 0 {
        "stopped".to_owned()
    } else if stopped {
        "waiting: Notebook Server is stopping.".to_owned()
    } else if observed.notebook.metadata.deletion_timestamp.is_some() {
        "terminating".to_owned()
    } else if status.ready_replicas == 1 {
        "ready".to_owned()
    } else if let Some(waiting) = waiting {
        let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
        let message = or(&waiting.message, "No available message for container state.");
        format!("warning: {}: {message}", or(&waiting.reason, "Undefined"))
    } else if let Some(condition) = with_reason {
        let message = condition.message.as_ref().expect("its list answers with HTTP 500 without one");
        format!("warning: {}: {message}", condition.reason.as_ref().unwrap())
    } else {
        "warning: Couldn't find any information for the status of this notebook.".to_owned()
    }
}

fn text() -> impl Strategy<Value = String> {
    "[a-z0-9./-]{0,12}"
}

prop_compose! {
    fn notebook()(
        stopped in any::<bool>(),
        labels in prop::collection::btree_map(prop_oneof![Just("statefulset".to_owned()), Just("notebook-name".to_owned()), text()], text(), 0..3),
        annotations in prop::collection::btree_map(text(), text(), 0..3),
        names in prop::collection::vec(text(), 0..3),
        image in text(),
        ports in prop::option::of(prop::collection::vec(0..70000i64, 0..3)),
        pod_hash in prop::option::of(Just("older".to_owned())),
        deleting in any::<bool>(),
        has_pod in any::<bool>(),
        replicas in 0..2,
        quota in any::<bool>(),
        refused in any::<bool>(),
        routing in prop_oneof![Just(""), Just("istio"), Just("gateway"), Just("ingress")],
        headers in prop::option::of(prop_oneof![text(), Just("{\"a\": \"b\"}".to_owned())]),
        missing in any::<bool>(),
    ) -> String {
        let mut annotations = annotations;
        annotations.extend(headers.map(|headers| (HEADERS_REQUEST_SET.to_owned(), headers)));
        if stopped {
            annotations.insert(STOPPED.to_owned(), String::new());
        }
        let ports = ports.map(|ports| ports.into_iter().map(|port| serde_json::json!({"containerPort": port})).collect::<Vec<_>>());
        let containers: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name, "image": image, "ports": ports})).collect();
        let mut story = serde_json::json!({
            "routing": routing,
            "routeApiMissing": missing,
            "notebook": {
                "metadata": {"name": "n", "namespace": "a", "uid": "u", "labels": labels, "annotations": annotations},
                "spec": {"template": {"spec": {"containers": containers}}},
            },
            "statefulSet": {
                "metadata": {"name": "n", "namespace": "a", "generation": 1, "labels": {"app.kubernetes.io/managed-by": "carrel"}},
                "spec": {"replicas": replicas, "selector": {}, "template": {"metadata": {"annotations": {OWNER_TEMPLATE: "@OWNER_TEMPLATE@"}}}},
                "status": {"replicas": 1, "observedGeneration": 1},
            },
            "pod": {"metadata": {"name": "nb-0", "namespace": "a", "uid": "p"}},
        });
        if let Some(hash) = pod_hash {
            story["pod"]["metadata"]["annotations"] = serde_json::json!({OWNER_TEMPLATE: hash});
        }
        if !has_pod {
            story["pod"] = serde_json::Value::Null;
        }
        if quota {
            story["quotas"] = serde_json::json!([{"metadata": {"name": "team", "namespace": "a"}}]);
        }
        if refused {
            story["refused"] = "exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1".into();
        }
        if deleting {
            story["notebook"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        story.to_string()
    }
}

proptest! {
    #[test]
    fn no_input_makes_a_plan_that_breaks_a_rule_or_a_panic(text in notebook()) {
        let observed = story(&text);
        let resolved = resolve(&observed, &settings(&text));
        let plan = plan(&observed, &resolved);
        prop_assert_eq!(lint(&observed, &plan), vec![]);
        let at = Timestamp::UNIX_EPOCH;
        let first = status(&observed, &resolved, &plan, Outcome::default(), at);
        // Nothing in a status moves by itself.
        let later = Observed { status: first.clone(), ..observed };
        let at = at + jiff::SignedDuration::from_hours(5);
        prop_assert_eq!(status(&later, &resolved, &plan, Outcome::default(), at), first);
    }
}

#[test]
fn the_linter_finds_a_restart_that_nobody_asked_for() {
    let observed = story(
        "{notebook: {metadata: {name: nb, namespace: a, uid: u}, spec: {template: {spec: {containers: [{name: nb, image: i}]}}}},
          pod: {metadata: {name: nb-0, uid: p, annotations: {carrel.dev/owner-template: '@OWNER_TEMPLATE@'}}}}",
    );
    let mut plan = plan(&observed, &resolve(&observed, &Settings::default()));
    let Plan::Apply(act) = &mut plan else { panic!("{plan}") };
    act.restart = Some(Restart { cause: Cause::Edited, now: true, pod: "nb-0".into(), uid: "p".into() });
    act.children.stateful_set.spec.replicas = Some(0);
    act.children.stateful_set.spec.update_strategy = None;
    let expected =
        [Flaw::UnaskedRestart("nb-0".into()), Flaw::AgainstStop { replicas: 0, stopped: false }, Flaw::RollingUpdate];
    assert_eq!(lint(&observed, &plan), expected);
}

/// Its pod carries no hash; what it was made from stands on the StatefulSet.
#[test]
fn the_linter_knows_what_a_pod_that_was_taken_over_was_made_from() {
    let observed = story(&std::fs::read_to_string("stories/05-taken-over.yaml").unwrap());
    let mut plan = plan(&observed, &resolve(&observed, &Settings::default()));
    let Plan::Apply(act) = &mut plan else { panic!("{plan}") };
    assert_eq!(act.restart, None);
    act.restart = Some(Restart { cause: Cause::Edited, now: true, pod: "iris-0".into(), uid: "p-1".into() });
    assert_eq!(lint(&observed, &plan), [Flaw::UnaskedRestart("iris-0".into())]);
}
