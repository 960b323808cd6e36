//! The `PodDisruptionBudget` that refuses every eviction of one pod.

use std::collections::BTreeMap;

use carrel_api::vocabulary::PROTECTED_UNTIL;
use carrel_runtime::FIELD_MANAGER;
use carrel_runtime::child::{Child, MANAGED_BY};
use jiff::Timestamp;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use super::{Seen, Subject};
use crate::slim_pod::SlimPod;

/// What to do about a pod's budget.
#[derive(Debug, PartialEq)]
pub(super) enum Budget {
    /// Nothing.
    Leave,
    /// It should stand so.
    Stand(Box<PodDisruptionBudget>),
    /// The one with this uid should go.
    Go(String),
}

/// What to do about a pod's budget, if the pod is to be kept until then.
pub(super) fn budget(seen: &Seen<'_>, until: Option<Timestamp>) -> Budget {
    match (seen.pod(), until, &seen.budget) {
        // Its delete wakes the server again.
        (_, _, Child::Leaving) => Budget::Leave,
        (Some(pod), Some(until), _) => Budget::Stand(Box::new(wanted(&seen.subject, pod, until))),
        // One whose pod is on its way out goes with that.
        (None, _, Child::Ours(_)) if seen.subject.pod.is_some() => Budget::Leave,
        (_, _, Child::Ours(live)) => live.uid().map_or(Budget::Leave, Budget::Go),
        (_, _, Child::Missing | Child::Foreign { .. }) => Budget::Leave,
    }
}

/// It belongs to the pod, not to whoever made the pod: so it never outlives it, and a pod that takes the other's place is
/// kept only for what runs in itself. That the garbage collector takes it away needs no Carrel.
fn wanted(subject: &Subject<'_>, pod: &SlimPod, until: Timestamp) -> PodDisruptionBudget {
    let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let annotations = [text(subject.annotation), (PROTECTED_UNTIL.to_owned(), format!("{until:.0}"))];
    PodDisruptionBudget {
        metadata: ObjectMeta {
            name: Some(subject.name.to_owned()),
            namespace: Some(subject.namespace.to_owned()),
            labels: Some(BTreeMap::from([text((MANAGED_BY, FIELD_MANAGER))])),
            annotations: Some(annotations.into()),
            // It holds up nobody's deletion, which is `blockOwnerDeletion` and would ask for more rights.
            owner_references: Some(vec![OwnerReference {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                name: subject.name.to_owned(),
                uid: pod.uid().unwrap_or_default(),
                controller: Some(true),
                ..OwnerReference::default()
            }]),
            ..ObjectMeta::default()
        },
        spec: Some(PodDisruptionBudgetSpec {
            min_available: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(BTreeMap::from([text(subject.label)])),
                ..LabelSelector::default()
            }),
            // A server that does not answer must never hold a node.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
