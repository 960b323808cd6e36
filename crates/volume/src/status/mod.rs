//! What is said of a VolumeRequest: what its claim has, who uses it, and one reason with a sentence.

mod memory;
pub(crate) mod resized;
pub(crate) mod why;

use carrel_api::volume_request::{Condition, READY, RESIZED, Reason, VolumeRequestStatus};
use carrel_api::whole_seconds;
use carrel_runtime::apply::WriteError;
use jiff::Timestamp;
use kube::ResourceExt;

use crate::claim::{Claim, asked, capacity, class};
use crate::observe::Observed;
use crate::plan::Plan;
use crate::resolve::{Refusal, Resolved};

/// What became of a plan, as far as a status speaks of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome<'a> {
    /// The first write that failed.
    pub failed: Option<&'a WriteError>,
}

/// On a claim: the node that the scheduler chose for the first pod that mounts it.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// The status of a VolumeRequest after its plan was carried out. `now` is used for the time of a transition only, so that
/// the same memory gives the same status.
pub fn status(
    observed: &Observed,
    resolved: &Result<Resolved, Refusal>,
    plan: &Plan,
    outcome: Outcome<'_>,
    now: Timestamp,
) -> VolumeRequestStatus {
    let resized = resized::resized(observed, resolved, outcome);
    // What kept a claim from growing is said there alone.
    let other = Outcome { failed: outcome.failed.filter(|_| resized.is_none()) };
    let why = why::why(observed, resolved, plan, other);
    let condition = |type_: &str, is: bool, refusal: &Refusal| Condition {
        type_: type_.to_owned(),
        status: if is { "True" } else { "False" }.to_owned(),
        observed_generation: observed.request.metadata.generation,
        last_transition_time: transition(observed.status.condition(type_), is, now),
        reason: refusal.reason.as_str().to_owned(),
        message: refusal.message.clone(),
    };
    let mut conditions = vec![condition(READY, why.ready, &why.refusal)];
    conditions.extend(resized.as_ref().map(|refusal| condition(RESIZED, false, refusal)));
    let first = if why.ready && why.refusal.reason == Reason::Bound {
        resized.map(|one| one.reason)
    } else {
        Some(why.refusal.reason)
    };
    let claim = match &observed.claim {
        // What is said of a claim binds its owner (the CRD's rules), who must be free to mend this.
        Claim::Ours(_) if why.refusal.reason == Reason::Mismatch => None,
        Claim::Ours(claim) => Some(claim.as_ref()),
        Claim::Leaving(claim) => Some(claim.as_ref()).filter(|_| observed.status.claim.is_some()),
        Claim::Missing | Claim::Orphan(_) | Claim::Foreign { .. } => None,
    };
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let memory = memory::memory(observed, claim, now);
    VolumeRequestStatus {
        conditions,
        reason: first,
        observed_generation: observed.request.metadata.generation,
        claim: claim.map(ResourceExt::name_any),
        size: claim.and_then(|claim| owned(asked(claim))),
        capacity: claim.and_then(|claim| owned(capacity(claim))),
        storage_class_name: claim.and_then(|claim| owned(class(claim))),
        access_modes: claim.and_then(|claim| claim.spec.as_ref()?.access_modes.clone()).unwrap_or_default(),
        node: claim.and_then(|claim| node(observed, claim)),
        used_by: claim.map(|_| observed.users.clone()).unwrap_or_default(),
        unused_since: memory.unused_since,
        last_used_by: memory.last_used_by,
    }
}

/// The one node of its users, or else the one that the scheduler chose.
fn node(observed: &Observed, claim: &impl ResourceExt) -> Option<String> {
    let mut nodes: Vec<_> = observed.users.iter().filter_map(|user| user.node.as_ref()).collect();
    nodes.sort();
    nodes.dedup();
    match nodes.as_slice() {
        [] => claim.annotations().get(SELECTED_NODE).cloned(),
        [node] => Some((*node).clone()),
        _ => None,
    }
}

/// Whether a change of status may wait a moment: on the way to being bound or larger, where the next change comes at once.
pub fn may_wait(before: &VolumeRequestStatus, after: &VolumeRequestStatus) -> bool {
    let passing = |status: &VolumeRequestStatus| matches!(status.reason, Some(Reason::Pending | Reason::Provisioning));
    let is_made = passing(after) && (before.conditions.is_empty() || passing(before));
    let grows = !before.conditions.is_empty() && before.reason.is_none() && after.reason == Some(Reason::Resizing);
    is_made || grows
}

/// When a condition's status last changed: stays what it was while the status does.
fn transition(before: Option<&Condition>, is: bool, now: Timestamp) -> Timestamp {
    let kept = before.filter(|before| (before.status == "True") == is).map(|before| before.last_transition_time);
    kept.unwrap_or_else(|| whole_seconds(now))
}
