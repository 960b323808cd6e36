//! What a ResourceQuota has no room for, and when it may have.
//!
//! The API server's words have no form that anything promises; what is not recognized is told as it is.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::ResourceExt;

use crate::quantity::nanos;

/// What a quota has no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The ResourceQuota's name.
    pub quota: String,
    /// Each resource that does not fit.
    pub resources: Vec<Short>,
}

/// A resource that does not fit, with the API server's own amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// As the quota names it, such as `requests.cpu`.
    pub resource: String,
    /// What is asked for.
    pub asked: String,
    /// What is used.
    pub used: String,
    /// What is allowed.
    pub hard: String,
}

/// Why, out of `create Pod X-0 in StatefulSet X failed error: pods "X-0" is forbidden: WHY`.
pub fn why(words: &str) -> &str {
    let words = words.split_once("failed error: ").map_or(words, |(_, words)| words);
    words.split_once("is forbidden: ").map_or(words, |(_, why)| why).trim()
}

/// What a quota has no room for: `NAME, requested: a=1,b=2, used: a=0,b=0, limited: a=1,b=1`.
pub fn exceeded(words: &str) -> Option<Exceeded> {
    let (quota, rest) = why(words).strip_prefix("exceeded quota: ")?.split_once(", requested: ")?;
    let (requested, rest) = rest.split_once(", used: ")?;
    let (used, limited) = rest.split_once(", limited: ")?;
    let amount = |of: &str, resource: &str| {
        let pair = of.split(',').filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == resource);
        pair.map(|(_, amount)| amount.to_owned())
    };
    let short = |(resource, asked): (&str, &str)| {
        let (used, hard) = (amount(used, resource)?, amount(limited, resource)?);
        Some(Short { resource: resource.to_owned(), asked: asked.to_owned(), used, hard })
    };
    let resources: Option<Vec<_>> =
        requested.split(',').filter_map(|pair| pair.trim().split_once('=')).map(short).collect();
    Some(Exceeded { quota: quota.to_owned(), resources: resources? })
}

/// Whether a quota that is known here has room for what the API server refused by it: one of the two is behind.
pub fn is_contradicted(words: &str, quotas: &[Arc<ResourceQuota>]) -> bool {
    let Some(exceeded) = exceeded(words) else { return false };
    let Some(quota) = quotas.iter().find(|quota| quota.name_any() == exceeded.quota) else { return true };
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
pub fn makes_room(old: &ResourceQuota, new: &ResourceQuota) -> bool {
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
        let quotas = |used: &str| vec![Arc::new(quota("4", used))];
        assert!(!is_contradicted(words, &quotas("4")));
        assert!(!is_contradicted(words, &quotas("3500m")));
        assert!(is_contradicted(words, &quotas("3")));
        assert!(is_contradicted(words, &[]), "it is gone");
        assert!(!is_contradicted("maximum cpu usage per Container is 1", &quotas("0")));
    }
}
