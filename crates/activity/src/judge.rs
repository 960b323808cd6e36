//! From what the signals say, round after round, to a verdict.

use carrel_api::activity::{Evidence, Verdict};
use jiff::Timestamp;

/// A verdict of this process, as new as its last round.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Whether somebody works with the server.
    pub verdict: Verdict,
    /// Since when; of Idle, the last activity.
    pub since: Timestamp,
    /// What each signal said in the last round.
    pub evidence: Vec<Evidence>,
    /// When the last round was.
    pub at: Timestamp,
}
