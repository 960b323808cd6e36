//! What becomes of a server that is stopped: started with the schedule's window, deleted after long, or nothing.

use super::clock::{after, before};
use super::{Act, Decision, Facts, StoppedAs};
use crate::schedule::{self, State};

pub(super) fn parked(facts: &Facts<'_>, stopped: StoppedAs) -> Decision {
    let mut decision = Decision::default();
    if let Some(by) =
        facts.effective.schedule.as_ref().filter(|_| stopped.by_schedule && facts.effective.wishes.start_with_window)
    {
        let from = match schedule::state(&by.section, facts.now) {
            State::Open { .. } => facts.now,
            State::Closed { until } => before(until, by.section.start_before),
        };
        if from <= facts.now {
            decision.act = Act::Start;
            return decision;
        }
        decision.look_again(facts.now, from);
    }
    let delete_after = facts.effective.after_stop.as_ref().and_then(|by| by.section.delete_after);
    if let (Some(span), Some(since)) = (delete_after, stopped.since) {
        let at = after(since, span);
        if at <= facts.now {
            decision.act = Act::Delete;
        }
        decision.look_again(facts.now, at);
    }
    decision
}
