//! The plan for people.

use carrel_api::activity::Verdict;
use jiff::Timestamp;

use super::rows::{Row, State, why_busy};
use crate::age::short;
use crate::printed::{columns, line};

const HEAD: [&str; 6] = ["NAMESPACE", "KIND", "NAME", "NODE IS", "UNTIL", "WHY"];

/// The rows with their head, in columns.
pub(super) fn table(rows: &[Row], now: Timestamp) -> String {
    let rows = rows.iter().map(|row| cells(row, now).into());
    columns(&[line(HEAD)].into_iter().chain(rows).collect::<Vec<_>>())
}

fn cells(row: &Row, now: Timestamp) -> [String; 6] {
    let state = match row.state {
        State::Held => "held",
        State::Free => "free",
    };
    let until = row.until.map_or_else(|| "-".to_owned(), |until| format!("{until:.0}"));
    [row.namespace.clone(), row.kind.clone(), row.name.clone(), state.to_owned(), until, why(row, now)]
}

fn why(row: &Row, now: Timestamp) -> String {
    let since = row.since.map(|since| short(now.duration_since(since))).unwrap_or_default();
    let mut words = vec![match (row.verdict, why_busy(row).as_slice()) {
        (Some(Verdict::Busy), []) => format!("busy for {since}"),
        (Some(Verdict::Busy), by) => format!("busy for {since} ({})", by.join(", ")),
        (Some(Verdict::Idle), _) => format!("idle for {since}"),
        (Some(Verdict::Unknown) | None, _) => "nobody can tell whether it is used".to_owned(),
    }];
    if row.moves_when_idle {
        words.push("moves by itself once it is idle".to_owned());
    }
    words.extend(row.not_protected.clone());
    words.extend(row.other_budgets.iter().map(|other| match other.disruptions_allowed {
        ..=0 => format!("the PodDisruptionBudget {} allows no disruption", other.name),
        allowed => format!("the PodDisruptionBudget {} allows {allowed}", other.name),
    }));
    if row.is_held() && row.until.is_some() && !row.other_budgets.is_empty() {
        // The API server evicts no pod that two budgets select, and answers with an error that a drain does not wait for.
        words.push("two budgets select it, so that a drain fails instead of waiting".to_owned());
    }
    words.join("; ")
}
