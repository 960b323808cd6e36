//! What servers held in a time, how much of it was used, and what culling gave back: by namespace.

use std::collections::BTreeMap;

use carrel_api::activity::Verdict;
use jiff::Timestamp;
use serde::Serialize;

use crate::history::{End, Happened, History, Hours, Run};

/// Hours by namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The namespaces by name.
    pub namespaces: BTreeMap<String, Line>,
    /// Servers of which the history does not tell how they started; of that time nothing is counted.
    pub without_start: usize,
}

/// Hours of a namespace, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Held by servers: used, idle and unknown together.
    pub held: Hours,
    /// Held while somebody worked with them.
    pub used: Hours,
    /// Held while nobody did.
    pub idle: Hours,
    /// Held while nobody could tell.
    pub unknown: Hours,
    /// Not held since Carrel stopped a server, until it started again.
    pub given_back: Hours,
}

impl Report {
    /// Of all namespaces.
    pub fn sum(&self) -> Line {
        let mut sum = Line::default();
        for line in self.namespaces.values() {
            sum.held += &line.held;
            sum.used += &line.used;
            sum.idle += &line.idle;
            sum.unknown += &line.unknown;
            sum.given_back += &line.given_back;
        }
        sum
    }
}

/// The hours from the history's `since` on until `now`.
pub fn report(history: &History, now: Timestamp) -> Report {
    let (runs, without_start) = history.runs();
    let mut report = Report { namespaces: BTreeMap::new(), without_start };
    let since = history.since.unwrap_or(Timestamp::MIN);
    for run in &runs {
        let line = report.namespaces.entry(run.server.namespace.clone()).or_default();
        let until = run.until(now).min(now);
        let within = |from: Timestamp, to: Timestamp| Hours::of(run.holds(), from.max(since), to.min(until));
        line.held += &within(run.from, until);
        for (from, to, verdict) in spans(run, until) {
            let sum = match verdict {
                Some(Verdict::Busy) => &mut line.used,
                Some(Verdict::Idle) => &mut line.idle,
                Some(Verdict::Unknown) | None => &mut line.unknown,
            };
            *sum += &within(from, to);
        }
        if let Some((at, End::Stopped(_))) = run.end {
            line.given_back += &Hours::of(run.holds(), at.max(since), run.next.map_or(now, |next| next.min(now)));
        }
    }
    report.namespaces.retain(|_, line| line.held.servers > 0.0 || line.given_back.servers > 0.0);
    report
}

/// A run in spans of one verdict; none before the first and where nobody looked. Idleness counts from the last activity, as far
/// as that does not reach into work that was seen.
fn spans(run: &Run<'_>, until: Timestamp) -> Vec<(Timestamp, Timestamp, Option<Verdict>)> {
    let (mut spans, mut from, mut verdict) = (Vec::new(), run.from, None);
    for record in &run.records {
        let Happened::Verdict(heard) = &record.happened else { continue };
        let at = record.at.max(from);
        if let Some(unseen) = heard.unseen_since {
            let unseen = unseen.clamp(from, at);
            spans.push((from, unseen, verdict));
            spans.push((unseen, at, None));
        } else {
            // Before the first answer only the server itself knows, and says since when it is idle.
            let known = if verdict.is_none() { heard.since.clamp(from, at) } else { at };
            spans.push((from, known, verdict));
            spans.push((known, at, Some(heard.verdict)));
        }
        (from, verdict) = (at, Some(heard.verdict));
    }
    spans.push((from, until.max(from), verdict));
    spans
}

#[cfg(test)]
mod tests;
