//! What other policies would have done: the recorded runs of servers, replayed through the rules of the controller.
//!
//! What was heard of a server is taken as it was recorded, and holds until the next record; which policy holds and what becomes
//! of the server is decided anew. A run that would have been stopped ends there.

mod ahead;
mod replay;

use jiff::Timestamp;
use serde::Serialize;

use carrel_api::activity::{Evidence, Life, StopCause};

use crate::history::{End, History, Hours, Run, Server};
use crate::policy::{Defaults, Named};

pub use ahead::{Standing, ahead};

/// What would have become of all servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// Of each recorded run, by server and time.
    pub fates: Vec<Fate>,
    /// Servers of which the history does not tell how they started; of that time nothing is said.
    pub without_start: usize,
}

/// What would have become of a server in one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fate {
    /// The server.
    #[serde(flatten)]
    pub server: Server,
    /// When it started.
    pub started: Timestamp,
    /// When it really ended; it still runs if absent.
    pub ended: Option<Timestamp>,
    /// Why Carrel really stopped it, if it did.
    pub really_stopped: Option<StopCause>,
    /// The stops that would have been announced.
    pub warnings: Vec<Warning>,
    /// How it would have been stopped, if it would.
    pub stopped: Option<Stop>,
    /// What would have been given back.
    pub given_back: Hours,
}

/// A stop that would have been announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// When.
    pub at: Timestamp,
    /// When it was to come.
    pub due: Timestamp,
    /// Why.
    pub cause: StopCause,
    /// Who wants it.
    pub by: String,
}

/// A stop that would have come.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: StopCause,
    /// Who wants it.
    pub by: String,
    /// In words for a person.
    pub message: String,
    /// What the signals said.
    pub evidence: Vec<Evidence>,
    /// When the schedule would have started it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_again: Option<Timestamp>,
    /// When it was really used again in the same run: its user would have found it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_again: Option<Timestamp>,
}

/// What these policies would have done from the history's `since` on until `now`.
pub fn simulate(history: &History, policies: &[Named], defaults: &Defaults, now: Timestamp) -> Simulation {
    let (runs, without_start) = history.runs();
    let from = history.since.unwrap_or(Timestamp::MIN);
    let fates = runs.iter().filter_map(|run| fate(run, policies, defaults, Life::default(), (from, now)));
    Simulation { fates: fates.collect(), without_start }
}

/// What would have become of a run between two times; none if it was over before.
fn fate(
    run: &Run<'_>,
    policies: &[Named],
    defaults: &Defaults,
    life: Life,
    (from, now): (Timestamp, Timestamp),
) -> Option<Fate> {
    let until = run.until(now);
    if until < from {
        return None;
    }
    let (warnings, stopped) = replay::replay(run, policies, defaults, life, (from, until));
    let given_back = stopped.as_ref().map(|stop| {
        let to = stop.starts_again.map_or(until, |again| again.min(until));
        Hours::of(run.holds(), stop.at, to)
    });
    Some(Fate {
        server: run.server.clone(),
        started: run.started.container,
        ended: run.end.map(|(at, _)| at),
        really_stopped: run.end.and_then(|(_, end)| match end {
            End::Stopped(stopped) => Some(stopped.cause),
            End::Gone => None,
        }),
        warnings,
        stopped,
        given_back: given_back.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
