//! Which Events a change of status is worth: one a change, as the status holds what was said before.

use carrel_api::volume_request::{READY, RESIZED, Reason, VolumeRequestStatus};
use carrel_runtime::notice::{Notice, Tone};

use crate::claim::is_larger;

/// The Events for a status that is written over another.
pub fn notices(before: &VolumeRequestStatus, after: &VolumeRequestStatus) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut say =
        |tone, reason: &'static str, message: String| notices.push(Notice { tone, reason: reason.into(), message });
    let is_bound = |status: &VolumeRequestStatus| status.condition(READY).is_some_and(|ready| ready.status == "True");
    if is_bound(after) && !is_bound(before) {
        let message = after.condition(READY).map(|ready| ready.message.clone()).unwrap_or_default();
        say(Tone::Normal, "Bound", message);
    }
    if before.capacity.is_some() && is_larger(after.capacity.as_deref(), before.capacity.as_deref()) {
        let size = |status: &VolumeRequestStatus| status.capacity.clone().unwrap_or_default();
        say(Tone::Normal, "Resized", format!("the volume has grown from {} to {}", size(before), size(after)));
    }
    if let Some(reason) = after.reason.filter(|reason| before.reason != Some(*reason)) {
        let condition = after.conditions.iter().find(|condition| condition.reason == reason.as_str());
        let message = condition.map(|condition| condition.message.clone()).unwrap_or_default();
        match reason {
            // On the way, or on the way out.
            Reason::Bound
            | Reason::Pending
            | Reason::Provisioning
            | Reason::Resizing
            | Reason::Deleting
            | Reason::Released => {}
            // No fault, and something to know.
            Reason::WaitingForPod | Reason::FileSystemResizePending | Reason::InUse => {
                say(Tone::Normal, reason.as_str(), message);
            }
            _ => say(Tone::Warning, reason.as_str(), message),
        }
    }
    debug_assert!(after.condition(RESIZED).is_none_or(|resized| resized.status == "False"));
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrel_api::volume_request::Condition;
    use jiff::Timestamp;

    fn status(ready: bool, reason: Option<Reason>, capacity: Option<&str>) -> VolumeRequestStatus {
        let condition = Condition {
            type_: READY.to_owned(),
            status: if ready { "True" } else { "False" }.to_owned(),
            observed_generation: None,
            last_transition_time: Timestamp::UNIX_EPOCH,
            reason: reason.unwrap_or(Reason::Bound).as_str().to_owned(),
            message: "why".to_owned(),
        };
        let capacity = capacity.map(str::to_owned);
        VolumeRequestStatus { conditions: vec![condition], reason, capacity, ..VolumeRequestStatus::default() }
    }

    #[test]
    fn a_life_has_an_event_a_change_and_none_for_what_passes() {
        let life = [
            (VolumeRequestStatus::default(), vec![]),
            (status(false, Some(Reason::QuotaExceeded), None), vec!["QuotaExceeded"]),
            (status(false, Some(Reason::Pending), None), vec![]),
            (status(false, Some(Reason::WaitingForPod), None), vec!["WaitingForPod"]),
            (status(false, Some(Reason::Provisioning), None), vec![]),
            (status(true, None, Some("1Gi")), vec!["Bound"]),
            (status(true, None, Some("1Gi")), vec![]),
            (status(true, Some(Reason::Resizing), Some("1Gi")), vec![]),
            (status(true, None, Some("2Gi")), vec!["Resized"]),
            (status(true, Some(Reason::ExpansionNotAllowed), Some("2Gi")), vec!["ExpansionNotAllowed"]),
            (status(false, Some(Reason::InUse), Some("2Gi")), vec!["InUse"]),
        ];
        for pair in life.windows(2) {
            let [(before, _), (after, expected)] = pair else { panic!() };
            let words: Vec<_> = notices(before, after).into_iter().map(|notice| notice.reason).collect();
            assert_eq!(words, *expected, "{:?}", after.reason);
        }
    }
}
