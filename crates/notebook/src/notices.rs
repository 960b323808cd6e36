//! Which Events a change of status is worth: one a change, as the status holds what was said before.

use std::borrow::Cow;

use carrel_api::notebook::{Condition, NotebookStatus, Phase, READY, ROUTED, Reason};
use carrel_runtime::notice::{Notice, Tone};

/// The Events for a status that is written over another.
pub fn notices(before: &NotebookStatus, after: &NotebookStatus) -> Vec<Notice> {
    let mut notices = Vec::new();
    let message = after.condition(READY).and_then(|ready| ready.message.clone()).unwrap_or_default();
    let say = |tone, reason| Notice { tone, reason: Cow::Borrowed(reason), message: message.clone() };
    let phase = after.phase;
    let changed = before.phase != phase || before.reason != after.reason;
    if before.phase.is_none() && matches!(phase, Some(Phase::Starting | Phase::Running | Phase::Stopped)) {
        let message = "StatefulSet and Service are made".to_owned();
        notices.push(Notice { tone: Tone::Normal, reason: "Created".into(), message });
    }
    notices.extend(misrouted(before, after));
    if !changed {
        return notices;
    }
    match (phase, after.reason) {
        (Some(Phase::Running), _) => notices.push(say(Tone::Normal, "Started")),
        (Some(Phase::Stopped), _) => notices.push(say(Tone::Normal, "Stopped")),
        // On the way, or on the way out: nothing that anybody must know.
        (
            _,
            None
            // The end of a pod is told when it is ended.
            | Some(
                Reason::Pending
                | Reason::Starting
                | Reason::ImagePull
                | Reason::Restarting
                | Reason::Stopping
                | Reason::Terminating,
            ),
        ) => {}
        // Waiting for a queue, a node or a volume is no fault.
        (_, Some(reason @ (Reason::Queued | Reason::ScaleUpInProgress | Reason::VolumeBinding))) => {
            notices.push(say(Tone::Normal, reason.as_str()));
        }
        (_, Some(reason)) => notices.push(say(Tone::Warning, reason.as_str())),
    }
    notices
}

/// A route that needs its owner or an admin. That the whole cluster lacks its kind is in Carrel's log, and no word a Notebook.
fn misrouted(before: &NotebookStatus, after: &NotebookStatus) -> Option<Notice> {
    let routed = after.condition(ROUTED)?;
    let said = |condition: &Condition| (condition.reason.clone(), condition.message.clone());
    if before.condition(ROUTED).map(said) == Some(said(routed)) {
        return None;
    }
    let needs_a_person = [Reason::RouteInvalid, Reason::RouteUnsupported, Reason::NameTaken, Reason::Refused];
    let reason = needs_a_person.into_iter().find(|reason| routed.reason.as_deref() == Some(reason.as_str()))?;
    let message = routed.message.clone().unwrap_or_default();
    Some(Notice { tone: Tone::Warning, reason: reason.as_str().into(), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: Phase, reason: Option<Reason>) -> NotebookStatus {
        let ready = Condition { type_: READY.to_owned(), message: Some("why".to_owned()), ..Condition::default() };
        NotebookStatus { phase: Some(phase), reason, conditions: vec![ready], ..NotebookStatus::default() }
    }

    fn words(before: &NotebookStatus, after: &NotebookStatus) -> Vec<Cow<'static, str>> {
        notices(before, after).into_iter().map(|notice| notice.reason).collect()
    }

    #[test]
    fn a_life_has_an_event_a_change_and_none_for_what_passes() {
        let life = [
            (NotebookStatus::default(), vec![]),
            (status(Phase::Starting, Some(Reason::Pending)), vec!["Created"]),
            (status(Phase::Starting, Some(Reason::Starting)), vec![]),
            (status(Phase::Running, None), vec!["Started"]),
            (status(Phase::Running, None), vec![]),
            (status(Phase::Starting, Some(Reason::Restarting)), vec![]),
            (status(Phase::Running, None), vec!["Started"]),
            (status(Phase::Starting, Some(Reason::CrashLoop)), vec!["CrashLoop"]),
            (status(Phase::Stopping, Some(Reason::Stopping)), vec![]),
            (status(Phase::Stopped, Some(Reason::StoppedByOwner)), vec!["Stopped"]),
            (status(Phase::Starting, Some(Reason::QuotaExceeded)), vec!["QuotaExceeded"]),
            (status(Phase::Terminating, Some(Reason::Terminating)), vec![]),
        ];
        for pair in life.windows(2) {
            let [(before, _), (after, expected)] = pair else { panic!() };
            assert_eq!(words(before, after), *expected, "{:?}", after.reason);
        }
    }

    #[test]
    fn a_route_that_needs_a_person_is_a_warning_once() {
        let with = |reason: Reason| {
            let mut status = status(Phase::Running, None);
            let (reason, message) = (Some(reason.as_str().to_owned()), Some("why".to_owned()));
            status.conditions.push(Condition { type_: ROUTED.to_owned(), reason, message, ..Condition::default() });
            status
        };
        let (good, bad, missing) = (with(Reason::Routed), with(Reason::RouteInvalid), with(Reason::RouteApiMissing));
        let expected = Notice { tone: Tone::Warning, reason: "RouteInvalid".into(), message: "why".into() };
        assert_eq!(notices(&good, &bad), [expected]);
        for (before, after) in [(&bad, &bad), (&bad, &good), (&good, &missing)] {
            assert_eq!(notices(before, after), []);
        }
    }

    #[test]
    fn what_can_not_run_is_a_warning_with_its_sentence() {
        let notices = notices(&NotebookStatus::default(), &status(Phase::Error, Some(Reason::NameTaken)));
        assert_eq!(notices, [Notice { tone: Tone::Warning, reason: "NameTaken".into(), message: "why".into() }]);
    }
}
