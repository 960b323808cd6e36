//! The conditions that each server has, out of the one thing that is said of it.

use std::collections::BTreeMap;

use carrel_api::server::{Condition, Phase, READY, Reason, STOPPED};
use carrel_api::vocabulary::STOPPED as STOPPED_BY;
use carrel_api::whole_seconds;
use jiff::Timestamp;

use crate::Refusal;
use crate::life::stopped_by_carrel;

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

/// What to say of a server that is stopped, and whose pod is there yet or not.
pub fn stopping(annotations: &BTreeMap<String, String>, pod: bool) -> Why {
    let stop = stopped_by_carrel(annotations);
    let who = stop.as_ref().map_or("stopped by its owner", |stop| stop.message.as_str());
    if pod {
        return Why::new(Phase::Stopping, Reason::Stopping, format!("{who}; the pod is ending"));
    }
    let reason = if stop.is_some() { Reason::StoppedByPolicy } else { Reason::StoppedByOwner };
    let message = format!("{who}; remove the annotation {STOPPED_BY} to start it; its volumes are kept");
    Why::new(Phase::Stopped, reason, message)
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

/// Whether it is stopped, by its owner or by a policy. A reason stands here only while it is so: Kubeflow's web app shows whatever has one.
pub fn stopped(why: &Why) -> Condition {
    let stopped = why.phase == Phase::Stopped;
    Condition {
        type_: STOPPED.to_owned(),
        status: truth(stopped),
        reason: stopped.then(|| why.reason.as_str().to_owned()),
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
