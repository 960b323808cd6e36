//! What the conditions of an object say, each with what would help.

use std::fmt::Write;

use carrel_api::activity::StopCause;
use carrel_api::notebook::RESTART_REQUIRED;
use carrel_api::server::{
    self, ACTIVITY_UNKNOWN, Condition, DISRUPTION_PENDING, NOT_PROTECTED, READY, ROUTED, STOP_PENDING, WISH_REFUSED,
};
use carrel_api::volume_request;
use jiff::Timestamp;

use crate::age::short;
use crate::kind::Kind;

/// Conditions that are told beside `Ready`, in this order. Those of pods are left out: `Ready` says what they come to.
const TOLD: &[&str] = &[
    ROUTED,
    STOP_PENDING,
    ACTIVITY_UNKNOWN,
    WISH_REFUSED,
    DISRUPTION_PENDING,
    NOT_PROTECTED,
    RESTART_REQUIRED,
    volume_request::RESIZED,
];

/// The state, in a line with its reason, and its words below it.
pub(super) fn state(kind: Kind, conditions: &[Condition], now: Timestamp) -> String {
    let Some(ready) = conditions.iter().find(|condition| condition.type_ == READY) else {
        return "Its status does not say how it does: no Carrel looked at it yet. `carrel doctor` says whether one works.\n"
            .to_owned();
    };
    let is_ready = ready.status == "True";
    let word = if is_ready { "Ready" } else { "Not ready" };
    told(word, ready, (!is_ready).then_some(kind), now)
}

/// The other conditions that matter.
pub(super) fn others(kind: Kind, conditions: &[Condition], now: Timestamp) -> Vec<String> {
    let of = |type_: &&str| conditions.iter().find(|condition| condition.type_ == *type_);
    let told = |condition: &Condition| {
        // These two say that something is as it should be when they are true; all others are there only while it is not.
        let is_well =
            [ROUTED, volume_request::RESIZED].contains(&condition.type_.as_str()) && condition.status == "True";
        let is_false = condition.status == "False";
        let word = if is_false { format!("Not {}", condition.type_) } else { condition.type_.clone() };
        told(&word, condition, (!is_well).then_some(kind), now)
    };
    TOLD.iter().filter_map(of).map(told).collect()
}

fn told(word: &str, condition: &Condition, help: Option<Kind>, now: Timestamp) -> String {
    let since = condition.last_transition_time.map(|since| format!(" for {}", short(now.duration_since(since))));
    let mut text = word.to_owned() + &since.unwrap_or_default();
    if let Some(reason) = &condition.reason {
        let _ = write!(text, ": {reason}");
    }
    text.push('\n');
    for line in condition.message.iter().flat_map(|message| message.lines()) {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(help) = help.and_then(|kind| sentence(kind, condition.reason.as_deref()?)) {
        let _ = writeln!(text, "  What that means, and what helps: {help}");
    }
    text
}

/// What docs/reasons.md says of a reason.
fn sentence(kind: Kind, reason: &str) -> Option<&'static str> {
    if kind == Kind::VolumeRequest {
        let all = volume_request::Reason::ALL;
        return all.iter().find(|one| one.as_str() == reason).map(|one| one.sentence());
    }
    let of_stops = || StopCause::ALL.iter().find(|one| one.as_str() == reason).map(|one| one.sentence());
    let all = server::Reason::ALL;
    all.iter().find(|one| one.as_str() == reason).map(|one| one.sentence()).or_else(of_stops)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::conditions;
    use serde_json::{Value, json};

    fn now() -> Timestamp {
        "2026-01-02T10:00:00Z".parse().unwrap()
    }

    fn of(status: &Value) -> Vec<Condition> {
        conditions(&serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap())
    }

    #[test]
    fn a_state_is_told_with_its_message_and_what_helps() {
        let status = json!({"conditions": [
            {"type": "Ready", "status": "False", "reason": "Evicted", "message": "one\ntwo",
                "lastTransitionTime": "2026-01-02T09:48:00Z"},
            {"type": "PodScheduled", "status": "True"},
            {"deploymentState": "Available"},
            {"type": "Routed", "status": "True", "reason": "Routed", "message": "there"},
            {"type": "StopPending", "status": "True", "reason": "Idle", "message": "soon"},
        ]});
        let all = of(&status);
        let sentence = server::Reason::Evicted.sentence();
        let expected =
            format!("Not ready for 12m: Evicted\n  one\n  two\n  What that means, and what helps: {sentence}\n");
        assert_eq!(state(Kind::Notebook, &all, now()), expected);
        let idle = StopCause::Idle.sentence();
        let expected = [
            "Routed: Routed\n  there\n".to_owned(),
            format!("StopPending: Idle\n  soon\n  What that means, and what helps: {idle}\n"),
        ];
        assert_eq!(others(Kind::Notebook, &all, now()), expected);
    }

    #[test]
    fn a_word_means_what_it_means_for_its_kind() {
        let status =
            json!({"conditions": [{"type": "Ready", "status": "False", "reason": "QuotaExceeded", "message": "m"}]});
        let of_volume = state(Kind::VolumeRequest, &of(&status), now());
        assert!(of_volume.contains(volume_request::Reason::QuotaExceeded.sentence()), "{of_volume}");
        assert!(state(Kind::Notebook, &of(&json!({"conditions": 7})), now()).contains("no Carrel looked at it yet"));
        let ready = json!({"conditions": [{"type": "Ready", "status": "True", "reason": "Running", "message": "m"}]});
        assert_eq!(state(Kind::Notebook, &of(&ready), now()), "Ready: Running\n  m\n", "nothing is to be helped");
    }
}
