//! Kubeflow's annotations of activity, which its web app shows, kept up at a coarse rate where an admin asks for it: each write
//! of them is a change of the object that everybody who watches it hears of.

use std::collections::BTreeMap;

use carrel_api::activity::{Activity, Verdict};
use carrel_api::vocabulary::{CHECKED_AT, LAST_ACTIVITY};
use carrel_api::whole_seconds;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// They are written this often at most.
const RATE: SignedDuration = SignedDuration::from_mins(15);

/// What is to be written of a running server that is so, and when to look again. Of one of which nobody can tell nothing is.
pub(super) fn kept_up(
    annotations: &BTreeMap<String, String>,
    activity: &Activity,
    now: Timestamp,
) -> (Option<Value>, Option<Timestamp>) {
    let used = match activity.verdict {
        Verdict::Busy => now,
        Verdict::Idle => activity.since,
        Verdict::Unknown => return (None, None),
    };
    let checked = annotations.get(CHECKED_AT).and_then(|at| at.parse::<Timestamp>().ok());
    // One from the future was written by another clock.
    if let Some(checked) = checked.filter(|checked| *checked <= now && now.duration_since(*checked) < RATE) {
        return (None, checked.checked_add(RATE).ok());
    }
    let time = |at: Timestamp| whole_seconds(at).to_string();
    let patch = json!({"metadata": {"annotations": {LAST_ACTIVITY: time(used), CHECKED_AT: time(now)}}});
    (Some(patch), now.checked_add(RATE).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_767_348_000 + minute * 60).unwrap()
    }

    fn activity(verdict: Verdict) -> Activity {
        Activity { verdict, since: at(-30), evidence: Vec::new(), pending: None, kept: None }
    }

    #[test]
    fn they_are_written_each_quarter_of_an_hour_and_not_of_the_unknown() {
        let mut annotations = BTreeMap::new();
        let (patch, next) = kept_up(&annotations, &activity(Verdict::Idle), at(0));
        let written = &patch.unwrap()["metadata"]["annotations"];
        assert_eq!(written[LAST_ACTIVITY], "2026-01-02T09:30:00Z");
        assert_eq!(written[CHECKED_AT], "2026-01-02T10:00:00Z");
        assert_eq!(next, Some(at(15)));
        annotations.insert(CHECKED_AT.to_owned(), written[CHECKED_AT].as_str().unwrap().to_owned());
        assert_eq!(kept_up(&annotations, &activity(Verdict::Busy), at(14)), (None, Some(at(15))));
        let (patch, _) = kept_up(&annotations, &activity(Verdict::Busy), at(15));
        assert_eq!(patch.unwrap()["metadata"]["annotations"][LAST_ACTIVITY], "2026-01-02T10:15:00Z");
        assert!(kept_up(&annotations, &activity(Verdict::Busy), at(-5)).0.is_some(), "the clock was set back");
        assert_eq!(kept_up(&annotations, &activity(Verdict::Unknown), at(60)), (None, None));
    }
}
