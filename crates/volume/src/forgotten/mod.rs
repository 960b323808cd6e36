//! Claims that no pod mounts, and since when, as far as anybody knows. Kubernetes says it by a condition of the claim, from
//! 1.37 on and of bound claims alone; a VolumeRequest remembers it in its status. Of other claims nobody knows.
//!
//! Nothing here deletes anything: what is forgotten is told, and somebody decides.

mod tally;

use carrel_api::volume_request::{UsedBy, VolumeRequest};
use carrel_runtime::quantity::nanos;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;

use crate::claim::{asked, belongs_to, capacity, phase, true_condition};

pub use tally::{Forgotten, Tally};

/// The condition of a claim that no pod names which is not over; its time is when that began, or when Kubernetes began to
/// look (KEP-5541).
const UNUSED: &str = "Unused";

/// Since when no pod mounts a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused {
    /// Since then, or for longer.
    Since(Timestamp),
    /// Since it was made.
    Never,
    /// Nobody knows; no longer than it is there.
    Unknown,
}

/// What a claim itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfClaim {
    /// When it was made.
    pub made: Timestamp,
    /// Bytes: what its volume has, else what it asks for.
    pub bytes: u64,
    /// Whether it ever had a volume: no pod mounts one that is not there.
    was_bound: bool,
    unused: Option<Timestamp>,
}

impl OfClaim {
    /// What a claim says; `None` if it can't be forgotten: it is being deleted, or a pod owns it and takes it along (an
    /// ephemeral volume).
    pub fn of(claim: &PersistentVolumeClaim) -> Option<Self> {
        let of_pod = claim.owner_references().iter().any(|owner| owner.kind == "Pod" && owner.controller == Some(true));
        if claim.metadata.deletion_timestamp.is_some() || of_pod {
            return None;
        }
        let unused = true_condition(claim, UNUSED).and_then(|condition| condition.last_transition_time.as_ref());
        Some(Self {
            made: claim.metadata.creation_timestamp.as_ref().map(|time| time.0).unwrap_or_default(),
            bytes: capacity(claim).or(asked(claim)).and_then(bytes).unwrap_or_default(),
            was_bound: phase(claim) != "Pending",
            unused: unused.map(|time| time.0),
        })
    }
}

fn bytes(size: &str) -> Option<u64> {
    u64::try_from(nanos(size)? / 1_000_000_000).ok()
}

/// What a VolumeRequest remembers of its claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfRequest {
    /// Since when no pod mounts it.
    pub unused_since: Option<Timestamp>,
    /// Who did last.
    pub last_used_by: Option<UsedBy>,
}

impl OfRequest {
    /// What a VolumeRequest remembers of this claim, if it is its own.
    pub fn of(request: &VolumeRequest, claim: &PersistentVolumeClaim) -> Option<Self> {
        belongs_to(claim, request.metadata.uid.as_deref().unwrap_or_default()).then(|| Self::said_by(request))
    }

    fn said_by(request: &VolumeRequest) -> Self {
        let status = request.status.as_ref().and_then(|status| status.valid());
        status.map_or_else(Self::default, |status| Self {
            unused_since: status.unused_since,
            last_used_by: status.last_used_by.clone(),
        })
    }
}

/// Since when no pod mounts a claim that none mounts now. Where two say different things, what is the shorter counts: somebody
/// may delete data for it.
pub fn unused(claim: &OfClaim, request: Option<&OfRequest>) -> Unused {
    let remembered = request.and_then(|request| request.unused_since);
    let never_seen = request.is_some_and(|request| request.last_used_by.is_none()) && remembered == Some(claim.made);
    if never_seen || !claim.was_bound {
        return Unused::Never;
    }
    remembered.max(claim.unused).map_or(Unused::Unknown, Unused::Since)
}

/// Whether a claim that no pod mounts now is forgotten: mounted by none for longer than `after`, or nobody knows and it is
/// older than that.
pub fn is_forgotten(claim: &OfClaim, unused: Unused, after: SignedDuration, now: Timestamp) -> bool {
    let since = match unused {
        Unused::Since(since) => since,
        Unused::Never | Unused::Unknown => claim.made,
    };
    now.duration_since(since) >= after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day)
    }

    fn claim(text: &str) -> Option<OfClaim> {
        OfClaim::of(&serde_saphyr::from_str(text).unwrap())
    }

    #[test]
    fn a_claim_that_goes_by_itself_is_not_forgotten() {
        let pod = "ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: p, controller: true}]";
        assert_eq!(claim(&format!("{{metadata: {{name: a, {pod}}}}}")), None);
        assert_eq!(claim("{metadata: {name: a, deletionTimestamp: '2026-01-01T00:00:00Z'}}"), None);
        let has = claim(
            "{metadata: {name: a, creationTimestamp: '1970-01-02T00:00:00Z'}, spec: {resources: {requests: {storage: 1Gi}}},
              status: {phase: Bound, capacity: {storage: 2Gi}, conditions: [{type: Unused, status: 'True', lastTransitionTime: '1970-01-05T00:00:00Z'}]}}",
        );
        assert_eq!(has, Some(OfClaim { made: at(1), bytes: 2 << 30, was_bound: true, unused: Some(at(4)) }));
        let waits = claim("{metadata: {name: a}, spec: {resources: {requests: {storage: 1500M}}}}").unwrap();
        assert_eq!((waits.bytes, waits.was_bound), (1_500_000_000, false));
    }

    #[test]
    fn what_is_known_is_said_and_what_is_not_is_not() {
        let of = |unused: Option<i64>| OfClaim { made: at(1), bytes: 0, was_bound: true, unused: unused.map(at) };
        let asked = |since: Option<i64>, by: bool| OfRequest {
            unused_since: since.map(at),
            last_used_by: by.then(UsedBy::default),
        };
        for (claim, request, expected) in [
            (of(None), None, Unused::Unknown),
            (of(Some(4)), None, Unused::Since(at(4))),
            (of(None), Some(asked(Some(3), true)), Unused::Since(at(3))),
            (of(None), Some(asked(None, false)), Unused::Unknown),
            // The shorter of the two.
            (of(Some(4)), Some(asked(Some(3), true)), Unused::Since(at(4))),
            (of(Some(2)), Some(asked(Some(3), true)), Unused::Since(at(3))),
            // Looked after since it was made. Kubernetes' own condition begins when it is bound.
            (of(Some(2)), Some(asked(Some(1), false)), Unused::Never),
            // Looked after since later.
            (of(None), Some(asked(Some(3), false)), Unused::Since(at(3))),
            (OfClaim { was_bound: false, ..of(None) }, None, Unused::Never),
        ] {
            assert_eq!(unused(&claim, request.as_ref()), expected, "{claim:?} {request:?}");
        }
    }

    #[test]
    fn a_claim_is_forgotten_once_it_is_unused_for_that_long_and_not_before() {
        let claim = OfClaim { made: at(1), bytes: 0, was_bound: true, unused: None };
        let month = SignedDuration::from_hours(24 * 30);
        for (unused, now, expected) in [
            (Unused::Since(at(10)), 39, false),
            (Unused::Since(at(10)), 40, true),
            (Unused::Never, 30, false),
            (Unused::Never, 31, true),
            (Unused::Unknown, 30, false),
            (Unused::Unknown, 31, true),
        ] {
            assert_eq!(is_forgotten(&claim, unused, month, at(now)), expected, "{unused:?} on day {now}");
        }
    }
}
