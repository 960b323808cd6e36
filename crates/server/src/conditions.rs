//! The conditions that each server has, out of the one thing that is said of it.

use carrel_api::server::{Condition, Phase, READY, Reason, STOPPED};
use carrel_api::whole_seconds;
use jiff::Timestamp;

use crate::Refusal;

/// The one thing to say of a server: its phase, a reason and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Its state.
    pub phase: Phase,
    /// Why it is so.
    pub reason: Reason,
    /// The same for a person.
    pub message: String,
}

impl Why {
    /// This.
    pub fn new(phase: Phase, reason: Reason, message: impl Into<String>) -> Self {
        Self { phase, reason, message: message.into() }
    }

    /// A refusal, in this state.
    pub fn of(phase: Phase, refusal: Refusal) -> Self {
        Self { phase, reason: refusal.reason, message: refusal.message }
    }
}

/// Whether the server answers.
pub fn ready(why: &Why) -> Condition {
    Condition {
        type_: READY.to_owned(),
        status: truth(why.phase == Phase::Running),
        reason: Some(why.reason.as_str().to_owned()),
        message: Some(why.message.clone()),
        ..Condition::default()
    }
}

/// Whether its owner stopped it. A reason stands here only while it is so: Kubeflow's web app shows whatever has one.
pub fn stopped(why: &Why) -> Condition {
    let stopped = why.phase == Phase::Stopped;
    Condition {
        type_: STOPPED.to_owned(),
        status: truth(stopped),
        reason: stopped.then(|| Reason::StoppedByOwner.as_str().to_owned()),
        message: stopped.then(|| why.message.clone()),
        ..Condition::default()
    }
}

/// A condition's status as a word.
pub fn truth(value: bool) -> String {
    if value { "True" } else { "False" }.to_owned()
}

/// Gives conditions the times of their transitions: those of before, while the status of one is what it was.
pub fn time<'a>(conditions: &mut [Condition], before: impl Fn(&str) -> Option<&'a Condition>, now: Timestamp) {
    for condition in conditions {
        let same = before(&condition.type_).filter(|before| before.status == condition.status);
        let kept = same.and_then(|before| before.last_transition_time);
        condition.last_transition_time = Some(kept.unwrap_or_else(|| whole_seconds(now)));
    }
}
