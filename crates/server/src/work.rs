//! What became of a plan: the first write of a child that failed, and when to look again.

use std::time::Duration;

use carrel_runtime::apply::{Applied, WriteError};
use carrel_runtime::ledger::IN_FLIGHT;
use carrel_runtime::runner::Next;

use crate::kind::Kind;

/// What became of a plan.
#[derive(Debug)]
pub struct Work {
    /// The first write that failed, and the kind of the child.
    pub failed: Option<(Kind, WriteError)>,
    /// When to look again without being woken.
    pub next: Next,
}

impl Default for Work {
    fn default() -> Self {
        Self { failed: None, next: Next::Wait }
    }
}

impl Work {
    /// The kind of the child whose name another object has.
    pub fn taken(&self) -> Option<Kind> {
        self.failed.as_ref().and_then(|(kind, error)| matches!(error, WriteError::Taken { .. }).then_some(*kind))
    }

    /// Notes how a write ended; the first failure is the one that is told.
    pub fn note(&mut self, kind: Kind, result: Result<Applied, WriteError>) {
        match result {
            Ok(Applied::InFlight) => self.next = Next::After(IN_FLIGHT + Duration::from_secs(1)),
            // Nothing to tell of the errors: whoever has the lease, or whoever deletes, does the rest.
            Ok(Applied::Settled | Applied::Wrote(_)) | Err(WriteError::NotLeader | WriteError::Gone(_)) => {}
            Err(error) => {
                self.failed.get_or_insert((kind, error));
            }
        }
    }
}
