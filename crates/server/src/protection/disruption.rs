//! What becomes of a server whose node is to go: what is said of it, and whether it moves.

use std::time::Duration;

use carrel_activity::contract::Act;
use carrel_api::activity::Verdict;
use carrel_api::server::{Condition, DISRUPTION_PENDING, Reason};
use carrel_runtime::notice::{Notice, Tone};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::Seen;
use crate::life::said::{condition, notice};
use crate::life::{Guard, Lived, Stored};

/// How old an answer may be that a pod ends for.
const FRESH: Duration = Duration::from_secs(30);

/// Whether a pod leaves its node by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Moving {
    /// No.
    #[default]
    Stays,
    /// Once an answer says that nobody uses it still.
    Asks,
    /// Yes: the pod of this name and uid ends, for this reason.
    Ends {
        /// Its name.
        pod: String,
        /// Its uid: never its successor's.
        uid: String,
        /// Why, in a sentence for its owner.
        message: String,
    },
}

/// The condition of a pod whose node is to go. That it was used since that began stands in its reason, so that it is known
/// after a restart.
pub(super) fn disruption(seen: &Seen<'_>, stored: Stored<'_>, lived: &Lived, guard: Guard) -> Option<Condition> {
    let node = seen.node.as_deref()?;
    let (pod, going) = (seen.pod()?, node.is_going()?);
    let verdict = verdict(lived);
    let moves = guard.move_when_idle && (verdict == Some(Verdict::Busy) || held(pod.creation_timestamp(), stored));
    let fate = match (verdict, lived.protect_until) {
        (Some(Verdict::Busy), Some(until)) if moves => {
            format!("it is busy and kept there until {until:.0} at most, and moves by itself once nobody uses it")
        }
        (Some(Verdict::Busy), Some(until)) => {
            format!(
                "it is busy and kept there until {until:.0} at most; a drain ends it after that, or once nobody uses it"
            )
        }
        (Some(Verdict::Busy), None) if moves => {
            "it is busy and not kept there any more, so that a drain ends it; it moves by itself once nobody uses it"
                .to_owned()
        }
        (Some(Verdict::Busy), None) => "it is busy and not kept there, so that a drain ends it".to_owned(),
        (Some(Verdict::Idle), _) if moves => "nobody uses it any more, so that it moves".to_owned(),
        (Some(Verdict::Idle), _) => "nobody uses it; a drain ends its pod, which starts on another node".to_owned(),
        (Some(Verdict::Unknown) | None, _) => {
            "nobody can tell whether it is used; a drain ends its pod, which starts on another node".to_owned()
        }
    };
    let reason = if moves { Reason::MovesWhenIdle } else { Reason::NodeCordoned };
    let message = format!("its node {} {going}: {fate}", node.name_any());
    Some(condition(DISRUPTION_PENDING, reason.as_str(), message))
}

/// The Event for a condition that was not there before.
pub(super) fn told(stored: Stored<'_>, disruption: Option<&Condition>) -> Option<Notice> {
    let message = disruption?.message.as_deref()?;
    before(stored).is_none().then(|| notice(Tone::Warning, DISRUPTION_PENDING, message))
}

/// Whether the pod ends by itself: only one that was used when its node was to go already, that is said to be idle since, that
/// says so still, and that nothing else is done to.
pub(super) fn moving(seen: &Seen<'_>, stored: Stored<'_>, lived: &Lived, guard: Guard, now: Timestamp) -> Moving {
    let (Some(pod), Some(node)) = (seen.pod(), seen.node.as_deref()) else { return Moving::Stays };
    let published = stored.life.activity.as_ref().map(|activity| activity.verdict);
    let is_idle = [verdict(lived), published].iter().all(|verdict| *verdict == Some(Verdict::Idle));
    let is_due = guard.move_when_idle && is_idle && lived.act == Act::Nothing && pod.is_ready();
    let (Some(going), true, true) = (node.is_going(), is_due, held(pod.creation_timestamp(), stored)) else {
        return Moving::Stays;
    };
    // An answer from the future was heard before the clock was set back.
    let is_fresh = |at: Timestamp| at <= now && now.duration_since(at).unsigned_abs() <= FRESH;
    match guard.heard {
        Some((Verdict::Idle, at)) if is_fresh(at) => Moving::Ends {
            pod: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
            message: format!(
                "nobody uses it any more and its node {} {going}: the pod ends, and starts on another node",
                node.name_any()
            ),
        },
        Some((_, at)) if is_fresh(at) => Moving::Stays,
        Some(_) | None => Moving::Asks,
    }
}

fn verdict(lived: &Lived) -> Option<Verdict> {
    lived.life.activity.as_ref().map(|activity| activity.verdict)
}

fn before(stored: Stored<'_>) -> Option<&Condition> {
    stored.conditions.iter().find(|condition| condition.type_ == DISRUPTION_PENDING)
}

/// Whether this very pod was used when its node was to go: what was said of one before it, on another such node perhaps, would
/// end one pod after the other.
fn held(made: Option<Time>, stored: Stored<'_>) -> bool {
    before(stored).is_some_and(|before| {
        let is_its = made.zip(before.last_transition_time).is_some_and(|(made, since)| made.0 <= since);
        is_its && before.reason.as_deref() == Some(Reason::MovesWhenIdle.as_str())
    })
}
