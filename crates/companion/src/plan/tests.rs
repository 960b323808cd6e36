use std::fmt::Write;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Settings;
use crate::status::{Outcome, status};
use crate::testing::{Story, story};

/// Each story's plan, and the status after it was carried out, as a reviewer would read them.
#[test]
fn stories() {
    insta::glob!("../../stories", "*.yaml", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let told = match story(&text) {
            Story::Tensorboard(observed, settings) => told(&observed, &settings),
            Story::Viewer(observed, settings) => told(&observed, &settings),
        };
        insta::assert_snapshot!(told);
    });
}

fn told<K: Companion>(observed: &Observed<K>, settings: &Settings) -> String {
    let wanted = observed.object.wanted(settings);
    let plan = plan(observed, &wanted);
    assert_eq!(lint(observed, &plan), []);
    let now: Timestamp = "2026-01-03T00:00:00.5Z".parse().unwrap();
    let status = status(observed, &wanted, &plan, Outcome::default(), now);
    let mut told = plan.to_string();
    writeln!(told, "status {}", serde_json::to_string_pretty(&status).unwrap()).unwrap();
    told
}

fn keeps_the_rules<K: Companion>(observed: &Observed<K>, settings: &Settings) {
    let wanted = observed.object.wanted(settings);
    let planned = plan(observed, &wanted);
    assert_eq!(lint(observed, &planned), []);
    let at = Timestamp::UNIX_EPOCH;
    let first = status(observed, &wanted, &planned, Outcome::default(), at);
    // Nothing in a status moves by itself.
    let later = Observed { status: first.clone(), ..observed.clone() };
    let at = at + jiff::SignedDuration::from_hours(5);
    assert_eq!(status(&later, &wanted, &planned, Outcome::default(), at), first);
    // What was carried out is what is wanted the next time.
    if let Plan::Apply(act) = &planned {
        let mut live = act.children.deployment.clone();
        live.metadata.uid = Some("d".to_owned());
        let deployment = carrel_runtime::child::Child::Ours(std::sync::Arc::new(live));
        let next = Observed { deployment, ..observed.clone() };
        let Plan::Apply(again) = plan(&next, &wanted) else { panic!("it was planned before") };
        assert_eq!(again.children.deployment, act.children.deployment);
        assert_eq!(again.disarm, None);
    }
}

fn text() -> impl Strategy<Value = String> {
    "[a-z0-9./:-]{0,14}"
}

fn node() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(None), Just(Some("n1")), Just(Some("n2"))]
}

prop_compose! {
    fn any_story()(
        is_viewer in any::<bool>(),
        path in prop_oneof![Just("pvc://data/runs".to_owned()), text(), text().prop_map(|text| format!("pvc://{text}"))],
        labels in prop::collection::btree_map(prop_oneof![Just("app".to_owned()), text()], text(), 0..3),
        stopped in any::<bool>(),
        follows in any::<bool>(),
        deleting in any::<bool>(),
        mode in prop_oneof![Just("ReadWriteOnce"), Just("ReadWriteOncePod"), Just("ReadWriteMany")],
        others in prop::collection::vec((node(), any::<bool>(), 0..4u8, prop_oneof![Just("notebook"), Just("pvcviewer"), Just("job")]), 0..3),
        own in prop::option::of((node(), 0..4u8)),
        bound in node(),
        replicas in prop::option::of(0..2i32),
        quota in any::<bool>(),
        refused in any::<bool>(),
        networking in prop::option::of(prop::collection::btree_map(prop_oneof![Just("basePrefix"), Just("rewrite"), Just("timeout")], text(), 0..3)),
        routing in prop_oneof![Just(""), Just("istio"), Just("gateway"), Just("ingress")],
    ) -> String {
        let volumes = json!([{"persistentVolumeClaim": {"claimName": "data"}}]);
        let at = |second: u8| format!("2026-01-01T00:00:0{second}Z");
        let mut metadata = json!({"name": "it", "namespace": "a", "uid": "u", "labels": labels});
        if stopped {
            metadata["annotations"] = json!({STOPPED: ""});
        }
        if deleting {
            metadata["deletionTimestamp"] = at(9).into();
        }
        let (kind, mark, child) =
            if is_viewer { ("viewer", "carrel.dev/pvcviewer", "pvcviewer-it") } else { ("tensorboard", "carrel.dev/tensorboard", "it") };
        let spec = if is_viewer {
            json!({"pvc": "data", "rwoScheduling": follows, "networking": networking})
        } else {
            json!({"logspath": path})
        };
        let mut pods: Vec<_> = others.iter().enumerate().map(|(number, (node, runs, second, whose))| json!({
            "metadata": {"name": format!("other-{number}"), "namespace": "a", "creationTimestamp": at(*second),
                "annotations": {format!("carrel.dev/{whose}"): format!("other-{number}")}},
            "spec": {"nodeName": node, "volumes": volumes},
            "status": {"phase": if *runs { "Running" } else { "Pending" }},
        })).collect();
        let mut story = json!({
            "routing": routing,
            kind: {"metadata": metadata, "spec": spec},
            "claims": [{"metadata": {"name": "data", "namespace": "a"}, "spec": {"accessModes": [mode]}}],
        });
        if let Some((node, second)) = own {
            let own = json!({"metadata": {"name": "own", "namespace": "a", "creationTimestamp": at(second), "annotations": {mark: "it"}},
                "spec": {"nodeName": node, "volumes": volumes}, "status": {"phase": "Running"}});
            pods.push(own.clone());
            story["pod"] = own;
        }
        story["pods"] = pods.into();
        if let Some(replicas) = replicas {
            let affinity = bound.map(|node| json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}}}));
            story["deployment"] = json!({
                "metadata": {"name": child, "namespace": "a", "uid": "d", "labels": {"app.kubernetes.io/managed-by": "carrel"}},
                "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": child}},
                    "template": {"spec": {"containers": [], "affinity": affinity}}},
            });
        }
        if quota {
            story["quotas"] = json!([{"metadata": {"name": "team", "namespace": "a"}}]);
        }
        if refused {
            story["refused"] = "exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1".into();
        }
        story.to_string()
    }
}

proptest! {
    #[test]
    fn no_input_makes_a_plan_that_breaks_a_rule_moves_for_ever_or_panics(text in any_story()) {
        match story(&text) {
            Story::Tensorboard(observed, settings) => keeps_the_rules(&observed, &settings),
            Story::Viewer(observed, settings) => keeps_the_rules(&observed, &settings),
        }
    }
}

#[test]
fn the_linter_finds_what_no_companion_may_do() {
    let text = "{tensorboard: {metadata: {name: it, namespace: a, uid: u}, spec: {logspath: 's3://runs'}}}";
    let Story::Tensorboard(observed, settings) = story(text) else { panic!("it is a tensorboard") };
    let mut plan = plan(&observed, &observed.object.wanted(&settings));
    let Plan::Apply(act) = &mut plan else { panic!("{plan}") };
    let spec = &mut act.children.deployment.spec;
    (spec.replicas, spec.strategy) = (Some(0), None);
    let service = act.children.service.as_mut().unwrap().spec.as_mut().unwrap();
    service.selector = Some(BTreeMap::from([("app".to_owned(), "it".to_owned())]));
    let expected = [Flaw::Replicas { replicas: 0 }, Flaw::RollingUpdate, Flaw::LooseSelector];
    assert_eq!(lint(&observed, &plan), expected);
}
