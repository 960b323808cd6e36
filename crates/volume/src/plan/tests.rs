use std::sync::Arc;

use super::*;
use crate::resolve::resolve;
use crate::status::{Outcome, status};
use crate::testing::story;
use carrel_api::volume_request::Reclaim;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

/// Each story's plan, and the status after it was carried out, as a reviewer would read them.
#[test]
fn stories() {
    insta::glob!("../../stories", "*.yaml", |path| {
        let observed = story(&std::fs::read_to_string(path).unwrap());
        let resolved = resolve(&observed.request);
        let plan = plan(&observed, &resolved);
        assert_eq!(lint(&observed, &plan), []);
        let now: Timestamp = "2026-01-03T00:00:00.5Z".parse().unwrap();
        let status = status(&observed, &resolved, &plan, Outcome::default(), now);
        insta::assert_snapshot!(format!("{plan}status {}", serde_json::to_string_pretty(&status).unwrap()));
    });
}

fn one_of(values: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(values)
}

prop_compose! {
    fn request()(
        size in one_of(&["1Gi", "2Gi", "1024Mi", "0", "x", ""]),
        spec in one_of(&["{}", "{\"source\": {\"claim\": \"s\"}}", "{\"source\": {\"snapshot\": \"s\"}}", "{\"accessModes\": [\"ReadWriteMany\"]}", "{\"labels\": {\"a\": \"b\"}}", "{\"storageClassName\": \"fast\"}", "{\"volumeMode\": 7}"]),
        reclaim in one_of(&["Retain", "Delete"]),
        adopt in any::<bool>(),
        marked in any::<bool>(),
        deleting in any::<bool>(),
    ) -> serde_json::Value {
        let mut spec: serde_json::Value = serde_json::from_str(spec).unwrap();
        spec["size"] = size.into();
        spec["reclaim"] = reclaim.into();
        spec["adopt"] = adopt.into();
        let mut metadata = json!({"name": "v", "namespace": "a", "uid": "u", "generation": 3});
        if marked {
            metadata["finalizers"] = json!(["other", "carrel.dev/volume"]);
        }
        if deleting {
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        json!({"metadata": metadata, "spec": spec})
    }
}

prop_compose! {
    fn claim()(
        there in any::<bool>(),
        size in one_of(&["1Gi", "2Gi", "3Gi"]),
        has in prop::option::of(one_of(&["1Gi", "2Gi", "3Gi"])),
        phase in one_of(&["Pending", "Bound", "Lost", "Odd"]),
        uid in prop::option::of(one_of(&["u", "older"])),
        owner in any::<bool>(),
        leaving in any::<bool>(),
        condition in prop::option::of(one_of(&["Resizing", "FileSystemResizePending", "ControllerResizeError"])),
        class in prop::option::of(one_of(&["fast", "gone"])),
    ) -> serde_json::Value {
        let mut metadata = json!({"name": "v", "namespace": "a", "uid": "c", "annotations": {"carrel.dev/labels": "a,z"}, "labels": {"z": "y"}});
        if let Some(uid) = uid {
            metadata["annotations"]["carrel.dev/volume-request-uid"] = uid.into();
        }
        if owner {
            metadata["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "p"}]);
        }
        if leaving {
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        let mut status = json!({"phase": phase});
        if let Some(has) = has {
            status["capacity"] = json!({"storage": has});
        }
        if let Some(condition) = condition {
            status["conditions"] = json!([{"type": condition, "status": "True", "message": "why"}]);
        }
        let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": size}}});
        if there { json!({"metadata": metadata, "spec": spec, "status": status}) } else { serde_json::Value::Null }
    }
}

prop_compose! {
    fn any_story()(
        request in request(),
        claim in claim(),
        source in any::<bool>(),
        classes in prop::sample::subsequence(vec!["fast", "slow"], 0..=2),
        grows in any::<bool>(),
        users in 0..3,
        said in any::<bool>(),
        quota in any::<bool>(),
        refused in any::<bool>(),
        fits in any::<bool>(),
        snapshot in prop::option::of(any::<bool>()),
    ) -> String {
        let class = |name: &&str| json!({"metadata": {"name": name, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "p", "allowVolumeExpansion": grows, "volumeBindingMode": "WaitForFirstConsumer"});
        let pods: Vec<_> = (0..users).map(|at| json!({"metadata": {"name": format!("p{at}")}})).collect();
        let mut story = json!({"request": request, "claim": claim, "classes": classes.iter().map(class).collect::<Vec<_>>(), "pods": pods, "fits": fits});
        if source {
            story["source"] = json!({"metadata": {"name": "s"}, "spec": {"resources": {"requests": {"storage": "2Gi"}}}});
        }
        if let Some(ready) = snapshot {
            let status = json!({"readyToUse": ready, "restoreSize": "1Gi", "boundVolumeSnapshotContentName": "c"});
            story["snapshot"] = json!({"metadata": {"name": "s", "namespace": "a"}, "status": status});
            let of = json!({"namespace": "a", "name": "s"});
            story["content"] = json!({"metadata": {"name": "c"}, "spec": {"driver": "p", "volumeSnapshotRef": of}});
        }
        if said {
            story["said"] = json!({"ProvisioningFailed": "no", "VolumeResizeFailed": "no"});
        }
        if quota {
            story["quotas"] = json!([{"metadata": {"name": "team", "namespace": "a"}}]);
        }
        if refused {
            story["refused"] = "exceeded quota: team, requested: a=1, used: a=1, limited: a=1".into();
        }
        story.to_string()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_input_makes_a_plan_that_breaks_a_rule_or_a_panic(text in any_story()) {
        let observed = story(&text);
        let resolved = resolve(&observed.request);
        let plan = plan(&observed, &resolved);
        prop_assert_eq!(lint(&observed, &plan), vec![]);
        let at = Timestamp::UNIX_EPOCH;
        let first = status(&observed, &resolved, &plan, Outcome::default(), at);
        for condition in &first.conditions {
            prop_assert!(!condition.message.is_empty());
        }
        // Nothing in a status moves by itself.
        let later = Observed { status: first.clone(), ..observed };
        let at = at + jiff::SignedDuration::from_hours(5);
        prop_assert_eq!(status(&later, &resolved, &plan, Outcome::default(), at), first);
    }
}

#[test]
fn the_linter_finds_what_would_lose_data() {
    let text = "{request: {metadata: {name: v, namespace: a, uid: u}, spec: {size: 1Gi, reclaim: Retain}},
        claim: {metadata: {name: v, namespace: a, uid: c, annotations: {carrel.dev/volume-request-uid: u}}, spec: {resources: {requests: {storage: 2Gi}}}}}";
    let observed = story(text);
    let step = |step| Plan { finalizer: None, step };
    let delete = || step(Step::Delete { name: "v".into(), uid: "c".into() });
    assert_eq!(lint(&observed, &delete()), [Flaw::UnaskedDelete("v".into())]);
    let resolved = resolve(&observed.request).unwrap();
    let mut claim = Box::new(kept(&resolved, "1Gi"));
    claim.spec.as_mut().unwrap().volume_name = Some("another's".into());
    assert_eq!(lint(&observed, &step(Step::Adopt(claim))), [Flaw::Takes, Flaw::Reaches, Flaw::Shrinks]);

    let mut ending = story(&text.replace("uid: u}, spec: {size: 1Gi, reclaim: Retain", "uid: u, finalizers: [carrel.dev/volume], deletionTimestamp: '2026-01-01T00:00:00Z'}, spec: {size: 1Gi, reclaim: Delete"));
    assert_eq!(lint(&ending, &delete()), []);
    let forgets = Plan { finalizer: Some(Finalizer::Remove), step: Step::Nothing };
    assert_eq!(lint(&ending, &forgets), [Flaw::Forgets]);
    ending.users.push(carrel_api::volume_request::UsedBy::default());
    assert_eq!(lint(&ending, &delete()), [Flaw::UnaskedDelete("v".into())]);
    // Until the end its owner may think better of it.
    let mut kept_after_all = ending.request.as_ref().clone();
    if let carrel_api::Checked::Valid(spec) = &mut kept_after_all.spec {
        spec.reclaim = Reclaim::Retain;
    }
    ending.request = Arc::new(kept_after_all);
    assert_eq!(plan(&ending, &resolve(&ending.request)), forgets);
}
