//! The StatefulSet of a Notebook, as Kubeflow makes it, but that it never restarts a pod by itself.

use std::collections::BTreeMap;

use carrel_api::vocabulary::{OWNER_TEMPLATE, STATEFUL_SET};
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::resolve::Resolved;

pub(super) fn stateful_set(resolved: &Resolved) -> StatefulSet {
    let mut annotations = resolved.annotations.clone();
    annotations.insert(OWNER_TEMPLATE.to_owned(), resolved.owner_template.clone());
    StatefulSet {
        metadata: super::metadata(resolved),
        spec: StatefulSetSpec {
            replicas: Some(i32::from(!resolved.stopped)),
            selector: LabelSelector {
                match_labels: Some(BTreeMap::from([(STATEFUL_SET.to_owned(), resolved.name.clone())])),
                ..LabelSelector::default()
            },
            // A change of the template waits for the next start, unless the plan restarts the pod.
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(resolved.labels.clone()),
                    annotations: Some(annotations),
                    ..ObjectMeta::default()
                }),
                spec: Some(resolved.pod.clone()),
            },
            ..StatefulSetSpec::default()
        },
        ..StatefulSet::default()
    }
}
