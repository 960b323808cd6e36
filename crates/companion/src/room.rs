//! Whether a start must be judged before it happens: only where a ResourceQuota or a LimitRange stands. There a Deployment
//! stays at 0 until the API server's own dry run lets its pod through, as its controllers would try again ever later.

use carrel_api::server::STOPPED;
use carrel_runtime::child::Child;
use carrel_server::rejection::{is_about_room, rejection};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;

use crate::Companion;
use crate::beside::Place;
use crate::observe::Observed;
use crate::wanted::Wanted;

/// Whether a start is due that must be judged: there is no pod, and nothing is on the way to make one but what was refused.
/// A pod that is there is never judged again.
pub(crate) fn start_is_due<K: Companion>(observed: &Observed<K>, wanted: &Wanted, place: &Place) -> bool {
    if observed.limits.are_none() {
        return false;
    }
    let starts = match &observed.deployment {
        Child::Missing => true,
        Child::Ours(live) => replicas(live) == 0 || refused_on_the_way(observed).is_some(),
        Child::Leaving | Child::Foreign { .. } => false,
    };
    let stays = !wanted.stopped && !observed.is_being_deleted() && !matches!(place, Place::Away(_));
    starts && stays && observed.pod.is_none()
}

/// The words with which the API server refused the pod of a start that was let through: somebody else took the room.
pub(crate) fn refused_on_the_way<K: Companion>(observed: &Observed<K>) -> Option<&str> {
    let live = observed.deployment.ours().filter(|live| replicas(live) != 0)?;
    refused(live).filter(|words| is_about_room(rejection(words, &[]).0))
}

/// The API server's words where it refused to let the Deployment's controllers make the pod.
pub(crate) fn refused(live: &Deployment) -> Option<&str> {
    let conditions = live.status.as_ref()?.conditions.as_deref()?;
    let failure = conditions
        .iter()
        .find(|one| one.type_.as_deref() == Some("ReplicaFailure") && one.status.as_deref() == Some("True"))?;
    failure.message.as_deref()
}

fn replicas(live: &Deployment) -> i32 {
    live.spec.replicas.unwrap_or(1)
}

/// When its owner asked for the start: when it was made, or started after its last stop. What nobody has seen yet asks after
/// all others.
pub(crate) fn asked_since<K: Companion>(observed: &Observed<K>) -> Timestamp {
    let made = observed.object.meta().creation_timestamp.as_ref().map(|time| time.0);
    match K::said(&observed.status).condition(STOPPED) {
        Some(stopped) if stopped.status == "True" => None,
        Some(stopped) => stopped.last_transition_time.or(made),
        None => made,
    }
    .unwrap_or(Timestamp::MAX)
}
