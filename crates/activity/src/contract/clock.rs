//! Calculating with times that may be anything: what goes over the end of time stays at it.

use carrel_api::TimeSpan;
use jiff::{SignedDuration, Timestamp};

pub(super) fn after(time: Timestamp, span: TimeSpan) -> Timestamp {
    time.checked_add(span.duration()).unwrap_or(Timestamp::MAX)
}

pub(super) fn before(time: Timestamp, span: TimeSpan) -> Timestamp {
    time.checked_sub(span.duration()).unwrap_or(Timestamp::MIN)
}

/// From one time to a later one; none if it is not later.
pub(super) fn between(from: Timestamp, to: Timestamp) -> TimeSpan {
    TimeSpan::from_secs(to.duration_since(from).as_secs())
}

pub(super) fn half(span: TimeSpan) -> TimeSpan {
    TimeSpan::from_secs(span.duration().checked_div(2).unwrap_or(SignedDuration::ZERO).as_secs())
}
