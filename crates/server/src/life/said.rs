//! What is said of a server's life beside what is stored: conditions that are there only while they are true, and Events.

use carrel_activity::contract::Decision;
use carrel_activity::policy::Effective;
use carrel_activity::way::Way;
use carrel_api::activity::PendingStop;
use carrel_api::server::{
    ACTIVITY_UNKNOWN, Condition, DISRUPTION_PENDING, NOT_PROTECTED, Reason, STOP_PENDING, WISH_REFUSED,
};
use carrel_runtime::notice::{Notice, Tone};

use super::Known;
use crate::conditions::truth;

/// The conditions that speak of a server's life.
const OURS: &[&str] = &[STOP_PENDING, ACTIVITY_UNKNOWN, WISH_REFUSED, DISRUPTION_PENDING, NOT_PROTECTED];

/// The conditions of before, where nothing can be decided.
pub(super) fn kept(known: &Known<'_>) -> Vec<Condition> {
    known.conditions.iter().filter(|condition| OURS.contains(&condition.type_.as_str())).cloned().collect()
}

/// The conditions and Events of a decision.
pub(super) fn said(known: &Known<'_>, effective: &Effective, decision: &Decision) -> (Vec<Condition>, Vec<Notice>) {
    let mut conditions = Vec::new();
    let mut notices = Vec::new();
    let before = |type_: &str| known.conditions.iter().find(|condition| condition.type_ == type_);

    let pending = decision.activity.as_ref().and_then(|activity| activity.pending.as_ref());
    if let Some(warn) = &decision.warn {
        notices.push(notice(Tone::Warning, STOP_PENDING, &warn.message));
    }
    if let Some(pending) = pending {
        let message = match (&decision.warn, before(STOP_PENDING).and_then(|before| before.message.clone())) {
            (Some(warn), _) => warn.message.clone(),
            (None, Some(message)) => message,
            (None, None) => announced(pending),
        };
        conditions.push(condition(STOP_PENDING, pending.cause.as_str(), message));
    } else if decision.cancelled.is_some() {
        notices.push(notice(
            Tone::Normal,
            "StopCancelled",
            "it is not stopped: it is used, or kept, or no rule asks for it",
        ));
    }
    if let Some(unknown) = &decision.unknown_for_long {
        if unknown.warn && before(ACTIVITY_UNKNOWN).is_none() {
            notices.push(notice(Tone::Warning, ACTIVITY_UNKNOWN, &unknown.message));
        }
        conditions.push(condition(ACTIVITY_UNKNOWN, Reason::NobodyCanTell.as_str(), unknown.message.clone()));
    }
    let way = Way::asked(known.annotations).err().map(|error| error.to_string());
    let refused: Vec<_> = effective.refused.iter().cloned().chain(decision.snooze_refused.clone()).chain(way).collect();
    if !refused.is_empty() {
        let message = refused.join("; ");
        if before(WISH_REFUSED).and_then(|before| before.message.as_ref()) != Some(&message) {
            notices.push(notice(Tone::Warning, WISH_REFUSED, &message));
        }
        conditions.push(condition(WISH_REFUSED, Reason::NotGranted.as_str(), message));
    }
    (conditions, notices)
}

/// In case that the words of the announcement were lost.
fn announced(pending: &PendingStop) -> String {
    format!("It will be stopped at {:.0}: {}", pending.at, pending.cause.sentence())
}

pub(crate) fn condition(type_: &str, reason: &str, message: String) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status: truth(true),
        reason: Some(reason.to_owned()),
        message: Some(message),
        ..Condition::default()
    }
}

pub(crate) fn notice(tone: Tone, reason: &'static str, message: &str) -> Notice {
    Notice { tone, reason: reason.into(), message: message.to_owned() }
}
