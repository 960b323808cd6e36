//! Since when no pod mounts a claim, and who did last: what Kubernetes forgets with the pod.

use carrel_api::volume_request::UsedBy;
use carrel_api::whole_seconds;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use crate::observe::Observed;

/// Of a claim that is no older, and that no pod was seen to mount, it is said that none ever did.
const JUST_MADE: SignedDuration = SignedDuration::from_mins(1);

/// What is remembered while no pod mounts the claim. Written when the last pod goes, and as it is from then on.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) unused_since: Option<Timestamp>,
    pub(super) last_used_by: Option<UsedBy>,
}

pub(super) fn memory(observed: &Observed, claim: Option<&PersistentVolumeClaim>, now: Timestamp) -> Memory {
    let Some(claim) = claim.filter(|_| observed.users.is_empty()) else { return Memory::default() };
    let made = claim.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let before = &observed.status;
    // Not what was said of an older claim of the name.
    if let Some(since) = before.unused_since.filter(|since| made.is_none_or(|made| *since >= made)) {
        return Memory { unused_since: Some(since), last_used_by: before.last_used_by.clone() };
    }
    // The clocks of two machines differ.
    let now = made.map_or(whole_seconds(now), |made| made.max(whole_seconds(now)));
    let last = before.used_by.first();
    let since = match made.filter(|made| last.is_none() && now.duration_since(*made) < JUST_MADE) {
        Some(made) => made,
        None => now,
    };
    Memory { unused_since: Some(since), last_used_by: last.cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::story;
    use carrel_api::volume_request::VolumeRequestStatus;

    const MADE: &str = "2026-01-01T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// What is remembered at this time, of a claim that was made then, mounted by these pods, after that was remembered.
    fn remembers(now: &str, made: &str, pods: &str, before: (Option<&str>, &[&str], Option<&str>)) -> String {
        let text = format!(
            "{{request: {{metadata: {{name: v, namespace: a, uid: u}}, spec: {{size: 1Gi}}}}, pods: {pods},
               claim: {{metadata: {{name: v, creationTimestamp: '{made}', annotations: {{carrel.dev/volume-request-uid: u}}}}}}}}"
        );
        let mut observed = story(&text);
        let user = |name: &str| UsedBy { name: name.to_owned(), ..UsedBy::default() };
        let (since, used_by, last) = before;
        observed.status = VolumeRequestStatus {
            unused_since: since.map(at),
            used_by: used_by.iter().map(|name| user(name)).collect(),
            last_used_by: last.map(user),
            ..VolumeRequestStatus::default()
        };
        let claim = observed.claim.ours().cloned();
        let Memory { unused_since, last_used_by } = memory(&observed, claim.as_ref(), at(now));
        let word = |since: Timestamp| format!("{since} {}", last_used_by.map(|user| user.name).unwrap_or_default());
        unused_since.map(word).unwrap_or_default()
    }

    #[test]
    fn since_when_a_claim_is_unused_is_remembered_from_its_first_day_to_its_last() {
        let none = (None, &[][..], None);
        assert_eq!(remembers("2026-01-01T00:00:05.5Z", MADE, "[]", none), "2026-01-01T00:00:00Z ", "it was just made");
        let kept = (Some(MADE), &[][..], None);
        assert_eq!(remembers("2026-03-01T00:00:00Z", MADE, "[]", kept), "2026-01-01T00:00:00Z ", "nothing moves");
        let pods = "[{metadata: {name: p}}]";
        assert_eq!(remembers("2026-03-01T00:00:00Z", MADE, pods, kept), "", "it is mounted");
        let used = (None, &["iris"][..], None);
        assert_eq!(
            remembers("2026-03-01T00:00:00.7Z", MADE, "[]", used),
            "2026-03-01T00:00:00Z iris",
            "the pod is gone"
        );
        let kept = (Some("2026-03-01T00:00:00Z"), &[][..], Some("iris"));
        assert_eq!(remembers("2026-05-01T00:00:00Z", MADE, "[]", kept), "2026-03-01T00:00:00Z iris");
        let again = remembers("2026-04-01T00:00:05Z", "2026-04-01T00:00:00Z", "[]", kept);
        assert_eq!(again, "2026-04-01T00:00:00Z ", "another claim of the name");
    }

    #[test]
    fn of_a_claim_that_was_not_looked_after_nobody_says_that_it_was_never_mounted() {
        let none = (None, &[][..], None);
        assert_eq!(remembers("2026-02-01T00:00:00Z", MADE, "[]", none), "2026-02-01T00:00:00Z ");
        assert_eq!(remembers("2025-12-31T23:59:00Z", MADE, "[]", none), "2026-01-01T00:00:00Z ", "a clock behind");
    }
}
