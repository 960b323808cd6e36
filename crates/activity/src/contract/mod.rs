//! What becomes of a server: the contract that nobody who works is stopped, and nobody unwarned.
//!
//! A stop is announced and stored first, then waits for its grace, then for a probe that is newer than its time, and comes
//! only if the reason for it still holds. Each call sees what is stored and what this process heard, nothing else, so that a
//! restart or another replica goes on where the last one was, at worst with a new announcement.

mod clock;
mod parked;
mod running;
mod snooze;
mod stops;

use carrel_api::activity::{Activity, LastStop, Life, PendingStop, StopCause};
use jiff::Timestamp;

use crate::judge::Judged;
use crate::policy::Effective;

/// All that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The time.
    pub now: Timestamp,
    /// What is stored.
    pub life: &'a Life,
    /// How it was stopped, while it is.
    pub stopped: Option<StoppedAs>,
    /// Its pod, while the server's container runs and is ready.
    pub pod: Option<Pod>,
    /// What this process was told; `None` until it was.
    pub heard: Option<&'a Judged>,
    /// What holds for it, and what its owner asks for.
    pub effective: &'a Effective,
}

/// How a server was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoppedAs {
    /// Whether the schedule stopped it.
    pub by_schedule: bool,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
}

/// A server's pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod {
    /// When the server's container started.
    pub started: Timestamp,
}

/// What to do and to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// What is to be stored; none while there is no pod. The same as is stored unless something changed.
    pub activity: Option<Activity>,
    /// What to do.
    pub act: Act,
    /// Nobody can tell for long whether it is used.
    pub unknown_for_long: Option<UnknownForLong>,
    /// A stop was announced just now.
    pub warn: Option<Announced>,
    /// A stop that had been announced does not come, or not then.
    pub cancelled: Option<StopCause>,
    /// Until when it is kept from drains, while it is busy.
    pub protect_until: Option<Timestamp>,
    /// Why a snooze is not granted, in a sentence for the owner.
    pub snooze_refused: Option<String>,
    /// When to look again, if nothing happens before; always later than now.
    pub next: Option<Timestamp>,
}

/// What to do with a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Act {
    /// Nothing.
    #[default]
    Nothing,
    /// Ask it: it is about to be stopped, and only an answer that is newer than the stop's time decides.
    Ask,
    /// Stop it.
    Stop {
        /// Why.
        cause: StopCause,
        /// What to say of it.
        last_stop: LastStop,
    },
    /// Start it.
    Start,
    /// Delete it.
    Delete,
}

/// It is unknown for long whether a server is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownForLong {
    /// A sentence for a person; the same for as long as it lasts.
    pub message: String,
    /// Whether an Event tells its owner.
    pub warn: bool,
}

/// A stop that was announced just now.
#[derive(Clone, Debug, PartialEq)]
pub struct Announced {
    /// The stop.
    pub stop: PendingStop,
    /// Who wants it.
    pub by: String,
    /// A sentence for a person.
    pub message: String,
}

impl Decision {
    fn look_again(&mut self, now: Timestamp, at: Timestamp) {
        if at > now {
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
    }
}

/// Decides what becomes of a server. Same facts later in time give the same `activity`, unless a time in it came.
pub fn decide(facts: &Facts<'_>) -> Decision {
    match (facts.stopped, facts.pod) {
        (Some(stopped), _) => parked::parked(facts, stopped),
        (None, Some(pod)) => running::running(facts, pod),
        // A server that never got a pod is never idle.
        (None, None) => Decision::default(),
    }
}

#[cfg(test)]
mod tests;
