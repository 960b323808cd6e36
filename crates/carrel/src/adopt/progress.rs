//! How far a takeover is, by the rows and by what the controllers say of servers. Pure.

use carrel_api::server::{Condition, READY, ROUTED, Reason};

use super::read::Found;
use super::rows::{Fate, Now, Row};

/// Reasons of the condition `Ready` with which Carrel leaves a server's children as they are.
const LEFT: [Reason; 3] = [Reason::InvalidSpec, Reason::NameTaken, Reason::Refused];

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Children that are Carrel's.
    pub(super) done: usize,
    /// Those that Carrel has still to write.
    pub(super) due: Vec<String>,
    /// Those that Carrel does not write, with why.
    pub(super) left: Vec<String>,
}

pub(super) fn progress(rows: &[Row], found: &Found) -> Progress {
    let mut progress = Progress::default();
    for row in rows {
        let named = format!("{}/{} of {} {}", row.child.kind, row.child.name, row.kind, row.key());
        match (&row.becomes, said(row, found)) {
            (Fate::Nothing, _) if row.now == Now::Carrel => progress.done += 1,
            (Fate::Nothing | Fate::Stays(_), _) => {}
            (Fate::TakenOver | Fate::Made, None) => progress.due.push(named),
            (_, Some(said)) => {
                let (reason, message) = (said.reason.as_deref(), said.message.as_deref());
                let words = format!("{named}: {}: {}", reason.unwrap_or_default(), message.unwrap_or_default());
                progress.left.push(words);
            }
            (Fate::Refused(why), None) => progress.left.push(format!("{named}: {why}")),
        }
    }
    progress
}

/// What Carrel says of its leaving a child as it is.
fn said<'a>(row: &Row, found: &'a Found) -> Option<&'a Condition> {
    let type_ = if row.child.is_route() { ROUTED } else { READY };
    let said = found.condition(row.kind, &row.key(), type_)?;
    let is_left = row.child.is_route() || LEFT.iter().any(|reason| said.reason.as_deref() == Some(reason.as_str()));
    (is_left && said.status == "False").then_some(said)
}
