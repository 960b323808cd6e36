//! Times as Kubernetes keeps them.

use jiff::Timestamp;

/// The time without its fraction of a second: a Kubernetes time has whole ones, and a finer one would differ from itself once
/// it is stored.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
