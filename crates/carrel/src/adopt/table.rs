//! The rows for people, and their sum.

use super::rows::{Fate, Now, PodFate, Row};
use crate::printed::{columns, line};

const HEAD: [&str; 5] = ["KIND", "NAMESPACE/NAME", "CHILD", "NOW", "WHAT BECOMES OF IT"];

/// Fields that wait for a restart and are told at most.
const MANY: usize = 3;

/// The rows with their head, in columns.
pub(super) fn table(rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        let child = format!("{}/{}", row.child.kind, row.child.name);
        line([row.kind, &row.key().to_string(), &child, &now(&row.now), &becomes(row)])
    });
    columns(&[line(HEAD)].into_iter().chain(rows).collect::<Vec<_>>())
}

fn now(now: &Now) -> String {
    match now {
        Now::Kubeflow => "Kubeflow's".to_owned(),
        Now::Carrel => "Carrel's".to_owned(),
        Now::Other(_) => "somebody else's".to_owned(),
        Now::Leaving => "being deleted".to_owned(),
        Now::None => "none".to_owned(),
    }
}

fn becomes(row: &Row) -> String {
    let fate = match &row.becomes {
        Fate::TakenOver => "taken over".to_owned(),
        Fate::Made => "made".to_owned(),
        Fate::Nothing => "nothing".to_owned(),
        Fate::Stays(why) => format!("stays: {why}"),
        Fate::Refused(why) => format!("refused: {why}"),
    };
    let pod = match &row.pod {
        Some(PodFate::Replaced) => Some("its pod is replaced once".to_owned()),
        Some(PodFate::Restarts(why)) => Some(format!("its pod restarts: {why}")),
        Some(PodFate::GoesOn) if row.is_due() => Some("its pod goes on".to_owned()),
        Some(PodFate::GoesOn) | None => None,
    };
    [Some(fate), pod, waits(&row.waits_for_restart)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn waits(fields: &[String]) -> Option<String> {
    let told: Vec<_> = fields.iter().take(MANY).map(String::as_str).collect();
    let more = match fields.len().saturating_sub(MANY) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!told.is_empty()).then(|| format!("waits for its next start: {}{more}", told.join(", ")))
}

/// What becomes of all, in a sentence.
pub(super) fn sum(rows: &[Row]) -> String {
    let count = |is: fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    let parts = [
        (count(|row| row.becomes == Fate::TakenOver), "to take over"),
        (count(|row| row.becomes == Fate::Made), "to make"),
        (count(|row| row.becomes == Fate::Nothing), "already Carrel's"),
        (count(|row| matches!(row.becomes, Fate::Stays(_))), "to leave as they are"),
        (count(|row| matches!(row.becomes, Fate::Refused(_))), "refused"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let replaced = count(|row| row.pod == Some(PodFate::Replaced));
    let restarted = count(|row| matches!(row.pod, Some(PodFate::Restarts(_))));
    let goes_on = count(|row| row.pod == Some(PodFate::GoesOn));
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() {
        return "no Notebook, Tensorboard or PVCViewer is there".to_owned();
    }
    let mut told = format!(
        "{} children: {}. Of {} pods {goes_on} {} on, {replaced} {} replaced once",
        rows.len(),
        parts.join(", "),
        goes_on + replaced + restarted,
        if goes_on == 1 { "goes" } else { "go" },
        if replaced == 1 { "is" } else { "are" },
    );
    if restarted > 0 {
        told =
            format!("{told}, {restarted} {} as the owner asked", if restarted == 1 { "restarts" } else { "restart" });
    }
    told
}
