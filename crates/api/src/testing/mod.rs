//! Notebooks as the CRD's schema lets them through, for tests: sensible ones, odd ones, and all between.
//!
//! Only for tests, under the feature `testing`; nothing that users run has it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::missing_panics_doc)]

mod schema;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::activity::{Activity, Evidence, Kept, LastStop, Life, PendingStop, Signal, StopCause, Verdict, Vote};
use crate::notebook::crd;
use crate::vocabulary::{
    AT_ONCE, HEADERS_REQUEST_SET, NOTEBOOK, NOTEBOOK_NAME, ODH_RESTART, ON_STOP, OWNER_TEMPLATE, RESTART_REQUESTED,
    RESTARTED_FOR, REWRITE_URI, STATEFUL_SET, STOPPED, TAKEN_OVER, TEMPLATE, UPDATE_POLICY, WAITING,
};
pub use schema::{Taste, any_value};

/// The schema of a Notebook's spec, out of the CRD that is installed.
pub fn spec_schema() -> Value {
    crd::definition().pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap().clone()
}

/// Any spec that the API server stores: what the schema allows and the CRD's rules do not forbid.
pub fn any_spec(taste: Taste) -> BoxedStrategy<Value> {
    let mut schema = spec_schema();
    schema["required"] = json!(["template"]);
    schema["properties"]["template"]["required"] = json!(["spec"]);
    let pod = &mut schema["properties"]["template"]["properties"]["spec"]["properties"];
    pod["restartPolicy"]["enum"] = json!(["Always"]);
    for forbidden in FORBIDDEN {
        pod.as_object_mut().unwrap().remove(*forbidden);
    }
    any_value(&schema, taste)
}

/// A life with every field. No `..`: a new field does not compile here.
pub fn life() -> Life {
    let (at, text) = (Timestamp::UNIX_EPOCH, || "t".to_owned());
    let evidence = vec![Evidence { signal: Signal::Kernels, vote: Vote::Idle, value: text(), at }];
    Life {
        activity: Some(Activity {
            verdict: Verdict::Idle,
            since: at,
            evidence: evidence.clone(),
            pending: Some(PendingStop { at, cause: StopCause::Idle, warned: at }),
            kept: Some(Kept { asked: text(), from: at, until: at, used_seconds: 1 }),
        }),
        last_stop: Some(LastStop { at, cause: StopCause::Idle, by: text(), message: text(), evidence }),
    }
}

/// What the CRD's rules forbid.
const FORBIDDEN: &[&str] = &["activeDeadlineSeconds", "ephemeralContainers"];

/// Any metadata that the API server stores, with every label and annotation that Carrel or others give a meaning.
pub fn any_metadata(name: impl Strategy<Value = String> + 'static) -> BoxedStrategy<Value> {
    (name, any_labels(), any_annotations())
        .prop_map(|(name, labels, annotations)| json!({"name": name, "labels": labels, "annotations": annotations}))
        .boxed()
}

/// Any name that an object may have.
pub fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z][a-z0-9]{0,8}", 1 => "[a-z0-9]([-a-z0-9]{0,70}[a-z0-9])?([.][a-z0-9]{1,9}){0,3}"]
}

fn any_labels() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        select(vec![STATEFUL_SET, NOTEBOOK_NAME, "app.kubernetes.io/managed-by", NOTEBOOK, OWNER_TEMPLATE, "app"])
            .prop_map(str::to_owned),
        "([a-z]{1,5}[.]io/)?[a-zA-Z0-9]{1,9}",
    ];
    map(key, "([a-zA-Z0-9]([-_.a-zA-Z0-9]{0,9}[a-zA-Z0-9])?)?".boxed())
}

fn any_annotations() -> impl Strategy<Value = Value> {
    let known = vec![
        STOPPED,
        UPDATE_POLICY,
        RESTART_REQUESTED,
        ODH_RESTART,
        REWRITE_URI,
        HEADERS_REQUEST_SET,
        NOTEBOOK,
        OWNER_TEMPLATE,
        RESTARTED_FOR,
        TEMPLATE,
        TAKEN_OVER,
        WAITING,
        "carrel.dev/applied",
        "kubectl.kubernetes.io/last-applied-configuration",
    ];
    let key = prop_oneof![select(known).prop_map(str::to_owned), "([a-z]{1,5}[.]io/)?[a-zA-Z0-9]{1,9}"];
    let word = select(vec![AT_ONCE, ON_STOP, "true", "/", "/a b", "{}", "null", "{\"X-A\": \"b\"}", "{\"a\": 1}", "["]);
    map(key, prop_oneof![word.prop_map(str::to_owned), schema::odd_text()].boxed())
}

fn map(key: impl Strategy<Value = String>, value: BoxedStrategy<String>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(key, value, 0..4)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key, value.into())).collect::<Map<_, _>>().into())
}

/// Any Notebook that the API server stores, without what it adds.
pub fn any_notebook(taste: Taste) -> BoxedStrategy<Value> {
    (any_metadata(any_name()), any_spec(taste))
        .prop_map(|(metadata, spec)| {
            json!({"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": metadata, "spec": spec})
        })
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Checked;
    use crate::notebook::NotebookSpec;

    /// Names of all fields on the way to a value, one a path.
    fn paths(value: &Value, schema: &Value, at: &str, found: &mut std::collections::BTreeSet<String>) {
        found.insert(at.to_owned());
        for (name, field) in value.as_object().into_iter().flatten() {
            if let Some(schema) = schema["properties"].get(name) {
                paths(field, schema, &format!("{at}.{name}"), found);
            }
        }
        for item in value.as_array().into_iter().flatten() {
            paths(item, &schema["items"], &format!("{at}[]"), found);
        }
    }

    /// A generator that leaves fields out tests nothing.
    #[test]
    fn every_part_of_the_schema_is_made_and_mostly_fits_our_types() {
        let schema = spec_schema();
        let (mut found, mut valid) = (std::collections::BTreeSet::new(), 0);
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = any_spec(Taste::Odd);
        for _ in 0..300 {
            let spec = strategy.new_tree(&mut runner).unwrap().current();
            paths(&spec, &schema, "", &mut found);
            let parsed: Checked<NotebookSpec> = serde_json::from_value(spec).unwrap();
            valid += usize::from(parsed.valid().is_some());
        }
        let mut pods: Vec<_> = schema["properties"]["template"]["properties"]["spec"]["properties"]
            .as_object()
            .unwrap()
            .keys()
            .filter(|field| !found.contains(&format!(".template.spec.{field}")))
            .collect();
        pods.retain(|field| !FORBIDDEN.contains(&field.as_str()));
        assert!(pods.is_empty(), "never made: {pods:?}");
        println!("{} of the schema's paths in 300 specs, {valid} of which fit our types", found.len());
        assert!(found.len() > 600, "{}", found.len());
        assert!(valid > 200, "{valid}");
    }
}
