//! Every reason to stop a server that holds, each with when it would be stopped for that.

use carrel_api::TimeSpan;
use carrel_api::activity::{StopCause, Verdict};
use jiff::Timestamp;

use super::clock::{after, before, half};
use super::{Facts, Pod};
use crate::schedule::{self, State};

/// For how long a server that is done is announced to stop.
const DONE_WARNING: TimeSpan = TimeSpan::from_mins(1);

/// A reason to stop a server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reason {
    pub(super) cause: StopCause,
    /// When, at the earliest.
    pub(super) at: Timestamp,
    /// How long before it is announced at least.
    pub(super) warning: TimeSpan,
    /// Whether only an idle server is stopped for it.
    pub(super) only_idle: bool,
    /// Who wants it.
    pub(super) by: String,
    /// Why, in words for a person.
    pub(super) why: String,
}

impl Reason {
    pub(super) fn announced_from(&self) -> Timestamp {
        before(self.at, self.warning)
    }
}

/// The reasons to stop a server that is found to be so since then, where the schedule says `hours`; for Idle, `since` is its
/// last activity.
pub(super) fn reasons(
    facts: &Facts<'_>,
    pod: Pod,
    verdict: Verdict,
    since: Timestamp,
    hours: Option<State>,
) -> Vec<Reason> {
    let mut reasons: Vec<_> =
        of_schedule(facts, pod, verdict, hours).into_iter().chain(hard_limit(facts, pod)).collect();
    if verdict == Verdict::Idle {
        reasons.extend(idle(facts, since));
        reasons.extend(max_running(facts, pod));
        reasons.extend(done(facts, pod, since));
    }
    let least = facts.effective.idle.as_ref().map_or(TimeSpan::ZERO, |idle| idle.section.min_running);
    for reason in &mut reasons {
        reason.at = reason.at.max(after(pod.started, least));
    }
    reasons
}

fn idle(facts: &Facts<'_>, since: Timestamp) -> Option<Reason> {
    let (idle, limit) = (facts.effective.idle.as_ref()?, facts.effective.idle_after?);
    Some(Reason {
        cause: StopCause::Idle,
        at: after(since, limit),
        warning: idle.section.warn_before.min(half(limit)),
        only_idle: true,
        by: idle.name.clone(),
        why: format!("nobody has used it since {since:.0}, and {limit} is the limit"),
    })
}

fn max_running(facts: &Facts<'_>, pod: Pod) -> Option<Reason> {
    let lifetime = facts.effective.lifetime.as_ref()?;
    Some(Reason {
        cause: StopCause::MaxRunning,
        at: after(pod.started, lifetime.section.max_running),
        warning: lifetime.section.warn_before,
        only_idle: true,
        by: lifetime.name.clone(),
        why: format!("it ran for longer than {} and nobody uses it", lifetime.section.max_running),
    })
}

fn hard_limit(facts: &Facts<'_>, pod: Pod) -> Option<Reason> {
    let lifetime = facts.effective.lifetime.as_ref()?;
    let limit = lifetime.section.hard_limit?;
    Some(Reason {
        cause: StopCause::HardLimit,
        at: after(after(pod.started, lifetime.section.max_running), limit),
        warning: lifetime.section.warn_before,
        only_idle: false,
        by: lifetime.name.clone(),
        why: format!("it ran for {limit} more than {}, used or not", lifetime.section.max_running),
    })
}

fn of_schedule(facts: &Facts<'_>, pod: Pod, verdict: Verdict, hours: Option<State>) -> Option<Reason> {
    let by = facts.effective.schedule.as_ref()?;
    let schedule = &by.section;
    let end = match hours? {
        State::Open { until } => until?,
        State::Closed { until } => {
            // Who starts a server outside the hours has it until the next window's end.
            let end = schedule::previous_end(schedule, facts.now).filter(|end| *end > pod.started)?;
            // What would be started again at once is not stopped.
            let starts = facts.effective.wishes.start_with_window && facts.now >= before(until, schedule.start_before);
            Some(end).filter(|_| !starts)?
        }
    };
    let only_idle = verdict == Verdict::Idle;
    let at = if only_idle { end } else { after(end, schedule.busy_limit?) };
    Some(Reason {
        cause: StopCause::Schedule,
        at,
        warning: schedule.warn_before,
        only_idle,
        by: by.name.clone(),
        why: format!("the hours of the schedule ended at {end:.0}"),
    })
}

/// Only what did something since the start can be done with it: else a wish that was left behind would stop each start.
fn done(facts: &Facts<'_>, pod: Pod, since: Timestamp) -> Option<Reason> {
    (facts.effective.wishes.stop_when_done && since > pod.started).then(|| Reason {
        cause: StopCause::Done,
        at: after(since, DONE_WARNING),
        warning: DONE_WARNING,
        only_idle: true,
        by: "its owner".to_owned(),
        why: format!("its owner asked to stop it when it is done, which it was at {since:.0}"),
    })
}
