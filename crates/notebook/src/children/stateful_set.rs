//! The StatefulSet of a Notebook, as Kubeflow makes it, but that it never restarts a pod by itself.

use std::collections::BTreeMap;

use carrel_api::vocabulary::{MADE_FROM, NOTEBOOK, OWNER_TEMPLATE, RESTARTED_FOR, STATEFUL_SET, TAKEN_OVER, TEMPLATE};
use carrel_runtime::covers::canonical;
use carrel_runtime::hash;
use carrel_server::pod_spec::name_account;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde_json::json;

use crate::resolve::Resolved;

pub(super) fn stateful_set(resolved: &Resolved) -> StatefulSet {
    let mut metadata = resolved.metadata.clone();
    for (map, own) in [
        (metadata.labels.get_or_insert_default(), &resolved.set_labels),
        (metadata.annotations.get_or_insert_default(), &resolved.set_annotations),
    ] {
        for (key, value) in own {
            // What Carrel finds its children by is nobody's to change.
            map.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    if let Some(text) = resolved.taken_over.as_ref().and_then(|taken| serde_json::to_string(taken).ok()) {
        metadata.annotations.get_or_insert_default().insert(TAKEN_OVER.to_owned(), text);
    }
    StatefulSet {
        metadata,
        spec: StatefulSetSpec {
            replicas: Some(i32::from(!resolved.stopped)),
            selector: LabelSelector {
                match_labels: Some(BTreeMap::from([(STATEFUL_SET.to_owned(), resolved.child.clone())])),
                ..LabelSelector::default()
            },
            // A change of the template waits for the next start, unless the plan restarts the pod.
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            template: template(resolved),
            ..StatefulSetSpec::default()
        },
        ..StatefulSet::default()
    }
}

fn template(resolved: &Resolved) -> PodTemplateSpec {
    let mut spec = resolved.pod.clone();
    name_account(&mut spec);
    let mut annotations = resolved.annotations.clone();
    // Of what the pod is, not of what is noted on it; another spelling is no change.
    let whole = json!({"labels": resolved.labels, "annotations": annotations, "spec": resolved.pod});
    annotations.insert(TEMPLATE.to_owned(), hash::of(&canonical(&whole)));
    annotations.insert(NOTEBOOK.to_owned(), resolved.name.clone());
    annotations.insert(MADE_FROM.to_owned(), format!("{}/{}", resolved.uid, resolved.generation));
    annotations.insert(OWNER_TEMPLATE.to_owned(), resolved.owner_template.clone());
    if let Some(request) = &resolved.restart_request {
        annotations.insert(RESTARTED_FOR.to_owned(), request.clone());
    }
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(resolved.labels.clone()),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(spec),
    }
}
