//! What one signal says at one time.

use carrel_api::activity::{Evidence, Signal, Vote};
use jiff::Timestamp;

/// What one signal says of a server at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The signal.
    pub signal: Signal,
    /// What it says.
    pub vote: Vote,
    /// In what words; bounded, since the text may come from the server.
    pub value: String,
    /// When it was asked.
    pub at: Timestamp,
    /// When the server was last active, as it says itself. Never trusted to be in the past.
    pub last_active: Option<Timestamp>,
    /// The question was refused with status 403: what a stock Kubeflow AuthorizationPolicy says to all but `/api/kernels`.
    pub forbidden: bool,
}

impl Reading {
    /// As evidence in a status.
    pub fn evidence(&self) -> Evidence {
        Evidence { signal: self.signal, vote: self.vote, value: self.value.clone(), at: self.at }
    }
}
