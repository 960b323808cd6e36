//! The one thing to say of a claim. Decided by a list; the first that speaks wins.

use carrel_api::volume_request::{READY, Reason};
use carrel_runtime::apply::WriteError;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;

use super::resized::users;
use super::{Outcome, SELECTED_NODE};
use crate::claim::{Claim, capacity, class, phase};
use crate::observe::Observed;
use crate::obstacle::{mismatch, obstacle};
use crate::plan::{Plan, Step};
use crate::rejection::{is_about_room, rejection};
use crate::resolve::{Refusal, Resolved};
use crate::room::Judged;
use crate::slim_class::SlimClass;

/// The reason of the Events with which a driver says that it can't make a volume.
pub(crate) const PROVISIONING_FAILED: &str = "ProvisioningFailed";

/// What is said, and whether pods can mount the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) ready: bool,
    pub(super) refusal: Refusal,
}

/// Everything that a check may look at.
struct Case<'a> {
    observed: &'a Observed,
    resolved: &'a Result<Resolved, Refusal>,
    plan: &'a Plan,
    outcome: Outcome<'a>,
}

/// In this order: what its owner wants, what can't be, what fails, and what is.
const CHECKS: &[fn(&Case<'_>) -> Option<Refusal>] =
    &[deleted, refused, taken, differs, write_failed, ending, hindered, no_room, lost, waits];

pub(super) fn why(observed: &Observed, resolved: &Result<Resolved, Refusal>, plan: &Plan, outcome: Outcome<'_>) -> Why {
    let case = Case { observed, resolved, plan, outcome };
    let live = observed.claim.ours().filter(|live| phase(live) == "Bound");
    let bound = |live: &PersistentVolumeClaim| {
        let size = capacity(live).map(|size| format!(" ({size})")).unwrap_or_default();
        Refusal::new(Reason::Bound, format!("the claim {} is bound to a volume{size}", live.name_any()))
    };
    let said = CHECKS.iter().find_map(|check| check(&case));
    let pending =
        if matches!(plan.step, Step::Adopt(_)) { "the claim is being taken" } else { "the claim is being made" };
    let refusal = said.or_else(|| live.map(bound)).unwrap_or_else(|| Refusal::new(Reason::Pending, pending));
    // Pods can mount it, whatever else there is to say.
    let ready = live.is_some() && !observed.is_being_deleted() && refusal.reason != Reason::Mismatch;
    Why { ready, refusal }
}

fn deleted(case: &Case<'_>) -> Option<Refusal> {
    let observed = case.observed;
    if !observed.is_being_deleted() {
        return None;
    }
    if !(observed.deletes() && observed.is_marked()) {
        return Some(Refusal::new(Reason::Released, "the VolumeRequest is being deleted; its claim and the data stay"));
    }
    if matches!(observed.claim, Claim::Ours(_))
        && let Some(users) = users(&observed.users)
    {
        let message = format!(
            "the claim is deleted with its data once no pod mounts it, which {users} does; stop what mounts it, or set \
            reclaim: Retain to keep the data"
        );
        return Some(Refusal::new(Reason::InUse, message));
    }
    if let Some(error) = case.outcome.failed {
        let message = format!("the claim could not be deleted for now; it is tried again. {error}");
        return Some(Refusal::new(Reason::WriteFailed, message));
    }
    Some(Refusal::new(Reason::Deleting, "the claim is being deleted with its data"))
}

fn refused(case: &Case<'_>) -> Option<Refusal> {
    case.resolved.as_ref().err().cloned()
}

fn taken(case: &Case<'_>) -> Option<Refusal> {
    let resolved = case.resolved.as_ref().ok()?;
    let name = &resolved.name;
    let message = match &case.observed.claim {
        Claim::Foreign { owner } => {
            format!("the claim {name} belongs to {owner}; it is left alone. Choose another name")
        }
        Claim::Orphan(_) if !resolved.adopt => {
            format!(
                "a claim {name} is there already; set spec.adopt: true to take it with its data, or choose another name"
            )
        }
        _ => return None,
    };
    Some(Refusal::new(Reason::NameTaken, message))
}

fn differs(case: &Case<'_>) -> Option<Refusal> {
    match &case.observed.claim {
        Claim::Ours(live) | Claim::Orphan(live) => mismatch(live, case.resolved.as_ref().ok()?),
        _ => None,
    }
}

fn write_failed(case: &Case<'_>) -> Option<Refusal> {
    match case.outcome.failed? {
        WriteError::Taken { name, .. } => {
            let message = format!("a claim {name} is there already, and was made by somebody else; it is left alone");
            Some(Refusal::new(Reason::NameTaken, message))
        }
        WriteError::Refused { message, .. } => Some(rejection(message)),
        error @ (WriteError::Timeout(_) | WriteError::Failed(_) | WriteError::Encode(_)) => {
            let message = format!("the claim could not be written for now; it is tried again. {error}");
            Some(Refusal::new(Reason::WriteFailed, message))
        }
        WriteError::NotLeader | WriteError::Gone(_) => None,
    }
}

fn ending(case: &Case<'_>) -> Option<Refusal> {
    let Claim::Leaving(claim) = &case.observed.claim else { return None };
    let name = claim.name_any();
    let by = users(&case.observed.users).map(|users| format!(", which {users} does")).unwrap_or_default();
    let message = format!(
        "somebody deletes the claim {name}; it ends with its data when no pod mounts it{by}, and an empty one is made then"
    );
    Some(Refusal::new(Reason::ClaimEnding, message))
}

fn hindered(case: &Case<'_>) -> Option<Refusal> {
    let waits = matches!(case.observed.claim, Claim::Missing) && !case.observed.in_flight;
    waits.then(|| obstacle(case.observed, case.resolved.as_ref().ok()?)).flatten()
}

/// A claim that is not made, and why.
fn no_room(case: &Case<'_>) -> Option<Refusal> {
    let observed = case.observed;
    let held = matches!(observed.claim, Claim::Missing) && !observed.in_flight && case.plan.step == Step::Nothing;
    if !held {
        return None;
    }
    if let Judged::Refused(refusal) = &observed.judged {
        return Some(refusal.clone());
    }
    // While it is judged again, what was said still holds.
    let said = observed.status.condition(READY).zip(observed.status.reason);
    if let Some((ready, reason)) = said.filter(|(_, reason)| is_about_room(*reason)) {
        return Some(Refusal::new(reason, ready.message.clone()));
    }
    let message = "waits for its turn: where a quota bounds the namespace, volumes are judged one after another";
    Some(Refusal::new(Reason::Pending, message))
}

fn lost(case: &Case<'_>) -> Option<Refusal> {
    let live = case.observed.claim.ours().filter(|live| phase(live) == "Lost")?;
    let name = live.name_any();
    let message = format!(
        "the volume of the claim {name} is gone, and its data with it; delete the claim, and an empty one is made"
    );
    Some(Refusal::new(Reason::ClaimLost, message))
}

/// What a claim without a volume waits for.
fn waits(case: &Case<'_>) -> Option<Refusal> {
    let live = case.observed.claim.ours().filter(|live| phase(live) == "Pending")?;
    if let Some(words) = case.observed.said.get(PROVISIONING_FAILED) {
        let message = format!("the driver can't make the volume, and tries again: {words}");
        return Some(Refusal::new(Reason::ProvisioningFailed, message));
    }
    let class = class(live).and_then(|name| case.observed.class(name));
    if class.is_some_and(SlimClass::waits_for_pod) && !live.annotations().contains_key(SELECTED_NODE) {
        let message = "the volume is made when a pod first mounts it; start the notebook that uses it";
        return Some(Refusal::new(Reason::WaitingForPod, message));
    }
    let by = class.map(|class| format!(" by {}", class.provisioner)).unwrap_or_default();
    Some(Refusal::new(Reason::Provisioning, format!("the volume is being made{by}")))
}
