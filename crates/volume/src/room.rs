//! Whether a claim must be judged before it is made or grows, and what is known of the room in its namespace.
//!
//! Only where a ResourceQuota or a LimitRange stands. The API server's own dry run is the judge, so that what is refused
//! leaves nothing behind, and says so in numbers.

use carrel_runtime::bounds::Limits;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use crate::claim::{Claim, kept, made};
use crate::growth::{Growth, growth};
use crate::observe::Observed;
use crate::obstacle::{mismatch, obstacle};
use crate::resolve::{Refusal, Resolved};

/// What is known of the room for a claim.
pub type Judged = carrel_runtime::judge::Judged<Refusal>;

/// What needs room.
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    /// A claim that is to be made.
    Made(Box<PersistentVolumeClaim>),
    /// A claim that is to ask for more.
    Grown(Box<PersistentVolumeClaim>),
}

/// What needs room, if anything does.
pub fn due(observed: &Observed, resolved: &Resolved) -> Option<Due> {
    if observed.is_being_deleted() {
        return None;
    }
    match &observed.claim {
        Claim::Missing if !observed.in_flight && obstacle(observed, resolved).is_none() => {
            Some(Due::Made(Box::new(made(resolved))))
        }
        Claim::Ours(live) if mismatch(live, resolved).is_none() && growth(observed, resolved, live) == Growth::Due => {
            Some(Due::Grown(Box::new(kept(resolved, &resolved.size))))
        }
        _ => None,
    }
}

/// Whether what is due may be done.
pub fn may(limits: &Limits, judged: &Judged) -> bool {
    limits.are_none() || *judged == Judged::Fits
}

/// When its owner asked. A claim that is to grow asks after those that are to be made: since when is written nowhere.
pub(crate) fn asked_since(observed: &Observed, due: &Due) -> Timestamp {
    let made = observed.request.metadata.creation_timestamp.as_ref().map(|time| time.0);
    match due {
        Due::Made(_) => made.unwrap_or(Timestamp::MAX),
        Due::Grown(_) => Timestamp::MAX,
    }
}
