//! Whether a start must be judged before it happens, and what is known of the room in its namespace.
//!
//! Only where a ResourceQuota or a LimitRange stands. There a StatefulSet stays at 0 until the API server's own dry run
//! lets its pod through: its controller would try again ever later, and say nothing of what would fit.

use std::sync::Arc;

use carrel_runtime::quantity::nanos;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::ResourceExt;

use carrel_api::notebook::STOPPED;

use crate::observe::{Child, Observed};
use crate::plan::is_being_deleted;
use crate::rejection::{exceeded, is_about_room, rejection};
use crate::resolve::{Refusal, Resolved};

/// What bounds a namespace.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Its ResourceQuotas.
    pub quotas: Vec<Arc<ResourceQuota>>,
    /// How many LimitRanges it has.
    pub ranges: usize,
}

impl Limits {
    fn are_none(&self) -> bool {
        self.quotas.is_empty() && self.ranges == 0
    }
}

/// What is known of a start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Judged {
    /// Nothing: none is due, or it was not asked yet.
    #[default]
    Not,
    /// It fits.
    Fits,
    /// Others are judged first, or could not be judged for now.
    Waits,
    /// It does not fit.
    Refused(Refusal),
}

/// Whether a start is due that must be judged: there is no pod, and nothing is on the way to make one but what was refused.
/// A pod that is there is never judged again.
pub(crate) fn start_is_due(observed: &Observed, resolved: &Resolved) -> bool {
    if observed.limits.are_none() {
        return false;
    }
    let starts = match &observed.stateful_set {
        Child::Missing => true,
        Child::Ours(set) => set.spec.replicas == Some(0) || refused_on_the_way(observed).is_some(),
        Child::Leaving | Child::Foreign { .. } => false,
    };
    let stays = !resolved.stopped && !is_being_deleted(&observed.notebook);
    starts && stays && observed.pod.is_none()
}

/// The words with which the API server refused the pod of a start that was let through: somebody else took the room.
pub(crate) fn refused_on_the_way(observed: &Observed) -> Option<&str> {
    let set = observed.stateful_set.ours()?;
    let words = observed.rejection.as_deref().filter(|_| set.spec.replicas != Some(0))?;
    is_about_room(rejection(words, &[]).0).then_some(words)
}

/// When its owner asked for the start: when it was made, or started after its last stop. What nobody has seen yet asks
/// after all others.
pub(crate) fn asked_since(observed: &Observed) -> Timestamp {
    let made = observed.notebook.creation_timestamp().map(|time| time.0);
    match observed.status.condition(STOPPED) {
        Some(stopped) if stopped.status == "True" => None,
        Some(stopped) => stopped.last_transition_time.or(made),
        None => made,
    }
    .unwrap_or(Timestamp::MAX)
}

/// Whether a quota that is known here has room for what the API server refused by it: one of the two is behind.
pub(crate) fn is_contradicted(words: &str, limits: &Limits) -> bool {
    let Some(exceeded) = exceeded(words) else { return false };
    let Some(quota) = limits.quotas.iter().find(|quota| quota.name_any() == exceeded.quota) else { return true };
    exceeded.resources.iter().all(|short| left(quota, &short.resource) >= nanos(&short.asked))
}

/// What is left of a resource in a quota, as its status says.
fn left(quota: &ResourceQuota, resource: &str) -> Option<i128> {
    let status = quota.status.as_ref()?;
    let hard = nanos(&status.hard.as_ref()?.get(resource)?.0)?;
    let used = status.used.as_ref().and_then(|used| used.get(resource)).and_then(|used| nanos(&used.0));
    hard.checked_sub(used.unwrap_or_default())
}

/// Whether a change of a quota may make room: more is left of something, or something is no longer bounded.
pub(crate) fn makes_room(old: &ResourceQuota, new: &ResourceQuota) -> bool {
    let bounded =
        |quota: &ResourceQuota| quota.status.as_ref().and_then(|status| status.hard.clone()).unwrap_or_default();
    let (before, after) = (bounded(old), bounded(new));
    before.keys().any(|resource| !after.contains_key(resource) || left(new, resource) > left(old, resource))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn quota(hard: &str, used: &str) -> ResourceQuota {
        let status = json!({"hard": {"requests.cpu": hard}, "used": {"requests.cpu": used}});
        serde_json::from_value(json!({"metadata": {"name": "team"}, "status": status})).unwrap()
    }

    #[test]
    fn room_is_made_by_more_or_by_less_use_and_never_by_a_start() {
        assert!(makes_room(&quota("4", "4"), &quota("4", "3500m")));
        assert!(makes_room(&quota("4", "4"), &quota("5", "4")));
        assert!(makes_room(&quota("4", "4"), &ResourceQuota::default()));
        assert!(!makes_room(&quota("4", "3"), &quota("4", "4")));
        assert!(!makes_room(&quota("4", "4"), &quota("4", "4000m")));
        assert!(!makes_room(&ResourceQuota::default(), &quota("4", "0")));
    }

    #[test]
    fn a_refusal_by_numbers_that_are_older_than_ours_does_not_count() {
        let words = "pods \"x-0\" is forbidden: exceeded quota: team, requested: requests.cpu=1, used: requests.cpu=4, limited: requests.cpu=4";
        let limits = |used: &str| Limits { quotas: vec![Arc::new(quota("4", used))], ranges: 0 };
        assert!(!is_contradicted(words, &limits("4")));
        assert!(!is_contradicted(words, &limits("3500m")));
        assert!(is_contradicted(words, &limits("3")));
        assert!(is_contradicted(words, &Limits::default()), "it is gone");
        assert!(!is_contradicted("maximum cpu usage per Container is 1", &limits("0")));
    }
}
