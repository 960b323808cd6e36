//! What was heard of a server, in words.

use std::fmt::Write;

use carrel_api::activity::{Activity, Evidence};
use jiff::Timestamp;

use crate::age::short;

/// A verdict, the evidence that decided it, and whether its owner asked to keep the server.
pub(crate) fn heard(activity: &Activity, now: Timestamp) -> String {
    let age = short(now.duration_since(activity.since));
    let mut text = format!("{} since {:.0} ({age} ago).\n", activity.verdict.as_str(), activity.since);
    text.push_str(&evidence(&activity.evidence));
    if let Some(kept) = activity.kept.as_ref().filter(|kept| kept.until > now) {
        let _ = writeln!(text, "Kept until {:.0}, as its owner asked.", kept.until);
    }
    text
}

/// What each signal said, a line each.
pub(crate) fn evidence(evidence: &[Evidence]) -> String {
    let line = |one: &Evidence| format!("  {:?} says {:?}: {}\n", one.signal, one.vote, one.value);
    evidence.iter().map(line).collect()
}
