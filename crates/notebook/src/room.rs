//! Whether a start must be judged before it happens, and what is known of the room in its namespace.
//!
//! Only where a ResourceQuota or a LimitRange stands. There a StatefulSet stays at 0 until the API server's own dry run
//! lets its pod through: its controller would try again ever later, and say nothing of what would fit.

use carrel_runtime::child::Child;
use carrel_server::rejection::{is_about_room, rejection};
use jiff::Timestamp;

use carrel_api::notebook::STOPPED;

use crate::observe::Observed;
use crate::plan::is_being_deleted;
use crate::resolve::{Refusal, Resolved};

/// What is known of a start.
pub type Judged = carrel_runtime::judge::Judged<Refusal>;

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
    let made = observed.notebook.metadata.creation_timestamp.as_ref().map(|time| time.0);
    match observed.status.condition(STOPPED) {
        Some(stopped) if stopped.status == "True" => None,
        Some(stopped) => stopped.last_transition_time.or(made),
        None => made,
    }
    .unwrap_or(Timestamp::MAX)
}
