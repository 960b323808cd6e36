//! Why a volume is not as large as asked, if it is not.

use carrel_api::volume_request::{Reason, UsedBy};
use carrel_runtime::apply::WriteError;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::Outcome;
use crate::claim::{asked, capacity, is_larger, phase, true_condition};
use crate::growth::{Growth, growth};
use crate::observe::Observed;
use crate::obstacle::mismatch;
use crate::rejection::{is_about_room, rejection};
use crate::resolve::{Refusal, Resolved};
use crate::room::{Judged, may};

/// The reason of the Events with which a driver says that it can't grow a volume.
pub(crate) const RESIZE_FAILED: &str = "VolumeResizeFailed";

pub(super) fn resized(
    observed: &Observed,
    resolved: &Result<Resolved, Refusal>,
    outcome: Outcome<'_>,
) -> Option<Refusal> {
    let (resolved, live) = (resolved.as_ref().ok()?, observed.claim.ours()?);
    if observed.is_being_deleted() || mismatch(live, resolved).is_some() {
        return None;
    }
    match growth(observed, resolved, live) {
        Growth::Held(refusal) => Some(refusal),
        Growth::Due => Some(on_the_way(observed, resolved, live, outcome)),
        Growth::None => grows(observed, live),
    }
}

/// The claim is to ask for more.
fn on_the_way(observed: &Observed, resolved: &Resolved, live: &PersistentVolumeClaim, outcome: Outcome<'_>) -> Refusal {
    let (has, wants) = (asked(live).unwrap_or_default(), &resolved.size);
    let held = |refusal: &Refusal| {
        Refusal::new(refusal.reason, format!("the claim has {has} and can't grow to {wants}: {}", refusal.message))
    };
    if let Judged::Refused(refusal) = &observed.judged {
        return held(refusal);
    }
    match outcome.failed {
        Some(WriteError::Refused { message, .. }) => return held(&rejection(message)),
        Some(WriteError::Timeout(_) | WriteError::Failed(_) | WriteError::Encode(_)) => {
            let message = format!("the claim could not be grown from {has} to {wants} for now; it is tried again");
            return Refusal::new(Reason::WriteFailed, message);
        }
        Some(WriteError::NotLeader | WriteError::Gone(_) | WriteError::Taken { .. }) | None => {}
    }
    if !may(&observed.limits, &observed.judged) {
        // While it is judged again, what was said still holds.
        let said = observed.status.condition(super::RESIZED).zip(observed.status.reason);
        if let Some((condition, reason)) = said.filter(|(_, reason)| is_about_room(*reason)) {
            return Refusal::new(reason, condition.message.clone());
        }
        let message = "waits for its turn: where a quota bounds the namespace, volumes are judged one after another";
        return Refusal::new(Reason::Pending, message);
    }
    Refusal::new(Reason::Resizing, growing(has, wants))
}

/// The claim asks for what it should, and the volume follows.
fn grows(observed: &Observed, live: &PersistentVolumeClaim) -> Option<Refusal> {
    let (has, wants) = (capacity(live), asked(live));
    if phase(live) != "Bound" || !is_larger(wants, has) {
        return None;
    }
    let (has, wants) = (has.unwrap_or_default(), wants.unwrap_or_default());
    if let Some(why) = failure(observed, live) {
        let message = format!("the driver can't grow the volume from {has} to {wants}: {why}");
        return Some(Refusal::new(Reason::ResizeFailed, message));
    }
    if true_condition(live, "FileSystemResizePending").is_some() {
        let then = match users(&observed.users) {
            Some(users) => format!("restart {users}"),
            None => "no pod mounts it now".to_owned(),
        };
        let message = format!(
            "the volume has grown from {has} to {wants}, and its file system grows when a pod mounts it next; {then}"
        );
        return Some(Refusal::new(Reason::FileSystemResizePending, message));
    }
    Some(Refusal::new(Reason::Resizing, growing(has, wants)))
}

fn growing(has: &str, wants: &str) -> String {
    format!("the driver grows the volume from {has} to {wants}")
}

/// The words of whoever could not grow it.
fn failure(observed: &Observed, live: &PersistentVolumeClaim) -> Option<String> {
    let condition =
        ["ControllerResizeError", "NodeResizeError"].into_iter().find_map(|type_| true_condition(live, type_));
    let words = condition.map(|condition| condition.message.clone().unwrap_or_default());
    words.filter(|words| !words.is_empty()).or_else(|| observed.said.get(RESIZE_FAILED).cloned())
}

/// The most users that a message names.
const NAMED: usize = 5;

/// Who mounts a volume, in words; each Notebook once.
pub(super) fn users(users: &[UsedBy]) -> Option<String> {
    let word = |user: &UsedBy| {
        let kind = if user.kind == "Notebook" { "the notebook" } else { "the pod" };
        format!("{kind} {}", user.name)
    };
    let mut words: Vec<_> = users.iter().map(word).collect();
    words.dedup();
    if words.len() > NAMED {
        let more = words.len() - NAMED;
        words.truncate(NAMED);
        words.push(format!("{more} more"));
    }
    (!words.is_empty()).then(|| words.join(", "))
}
