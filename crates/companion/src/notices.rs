//! Which Events a change of status is worth: one a change, as the status holds what was said before.

use carrel_api::server::{Phase, READY, Reason, Said};
use carrel_runtime::notice::{Notice, Tone};

/// The Events for a status that is written over another.
pub fn notices(before: &Said, after: &Said) -> Vec<Notice> {
    if before.phase == after.phase && before.reason == after.reason {
        return Vec::new();
    }
    let message = after.condition(READY).and_then(|ready| ready.message.clone()).unwrap_or_default();
    let say = |tone, reason: &'static str| vec![Notice { tone, reason: reason.into(), message: message.clone() }];
    match (after.phase, after.reason) {
        (Some(Phase::Running), _) => say(Tone::Normal, "Started"),
        (Some(Phase::Stopped), _) => say(Tone::Normal, "Stopped"),
        // On the way, or on the way out: nothing that anybody must know.
        (
            _,
            None
            | Some(Reason::Pending | Reason::Starting | Reason::ImagePull | Reason::Stopping | Reason::Terminating),
        ) => Vec::new(),
        // No fault: it waits for another, or for what others do.
        (
            _,
            Some(
                reason @ (Reason::GivesWay
                | Reason::VolumeBusyElsewhere
                | Reason::VolumeBinding
                | Reason::Queued
                | Reason::ScaleUpInProgress),
            ),
        ) => say(Tone::Normal, reason.as_str()),
        (_, Some(reason)) => say(Tone::Warning, reason.as_str()),
    }
}
