use carrel_api::activity::{StopCause, Verdict};
use carrel_runtime::Key;

use super::*;

const GAP: TimeSpan = TimeSpan::from_mins(3);

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(minute)
}

fn server() -> Server {
    Server { kind: "Notebook", key: Key::new("team", "iris") }
}

fn none() -> BTreeMap<String, String> {
    BTreeMap::new()
}

fn judged(verdict: Verdict, since: i64, minute: i64) -> Judged {
    Judged { verdict, since: at(since), evidence: Vec::new(), at: at(minute) }
}

fn pending(due: i64) -> PendingStop {
    PendingStop { at: at(due), cause: StopCause::Idle, warned: at(due - 10) }
}

fn last_stop(minute: i64) -> LastStop {
    let (by, message) = ("nights".to_owned(), String::new());
    LastStop { at: at(minute), cause: StopCause::Idle, by, message, evidence: Vec::new() }
}

/// Looks at the server with this pod, whose container started at that minute.
fn see(notes: &mut Notes, pod: &str, container: Option<i64>, labels: &BTreeMap<String, String>, now: i64) -> String {
    let (none, holds) = (none(), Holds::default);
    let seen = Seen {
        pod,
        container: container.map(at),
        ending: false,
        holds: &holds,
        labels,
        annotations: &none,
        namespace_labels: &none,
        announced: None,
    };
    words(notes.see(&server(), Some(&seen), at(now)))
}

fn words(records: impl IntoIterator<Item = Record>) -> String {
    let word = |record: Record| match record.happened {
        Happened::Started(_) => "started",
        Happened::Changed(_) => "changed",
        Happened::Verdict(_) => "verdict",
        Happened::Warned { .. } => "warned",
        Happened::Cancelled { .. } => "cancelled",
        Happened::Stopped(_) => "stopped",
        Happened::Ended => "ended",
    };
    records.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_transition_is_noted_once_however_often_it_is_seen() {
    let (mut notes, labels) = (Notes::default(), [("tier".to_owned(), "free".to_owned())].into());
    assert_eq!(see(&mut notes, "1", None, &none(), 0), "");
    assert_eq!(see(&mut notes, "1", Some(1), &none(), 1), "started");
    assert_eq!(see(&mut notes, "1", Some(1), &none(), 2), "");
    assert_eq!(see(&mut notes, "1", Some(1), &labels, 3), "changed");
    assert_eq!(see(&mut notes, "1", Some(1), &labels, 4), "");
    // A container that waits to be started again has its pod still.
    assert_eq!(see(&mut notes, "1", None, &labels, 5), "");
    assert_eq!(see(&mut notes, "1", Some(6), &labels, 6), "started");
    assert_eq!(see(&mut notes, "2", Some(8), &labels, 8), "ended started");
    assert_eq!(words(notes.see(&server(), None, at(9))), "ended");
    assert_eq!(words(notes.see(&server(), None, at(10))), "");
}

#[test]
fn verdicts_are_noted_on_transitions_and_where_nobody_looked() {
    let mut notes = Notes::default();
    let hear = |notes: &mut Notes, judged: Judged| words(notes.hear(&server(), "1", &judged, GAP));
    assert_eq!(hear(&mut notes, judged(Verdict::Busy, 1, 1)), "", "nobody knows when it started");
    see(&mut notes, "1", Some(1), &none(), 1);
    assert_eq!(hear(&mut notes, judged(Verdict::Busy, 0, 0)), "", "an answer of an earlier start");
    assert_eq!(hear(&mut notes, judged(Verdict::Busy, 2, 2)), "verdict");
    assert_eq!(hear(&mut notes, judged(Verdict::Busy, 2, 3)), "");
    assert_eq!(hear(&mut notes, judged(Verdict::Idle, 3, 4)), "verdict");
    assert_eq!(hear(&mut notes, judged(Verdict::Idle, 3, 9)), "verdict", "nobody looked for five minutes");
    assert_eq!(words(notes.hear(&server(), "2", &judged(Verdict::Busy, 9, 9), GAP)), "", "another pod");
    see(&mut notes, "1", Some(10), &none(), 10);
    assert_eq!(hear(&mut notes, judged(Verdict::Idle, 10, 11)), "verdict", "the first of a new start");
}

#[test]
fn a_stop_is_noted_from_its_announcement_on_and_its_pod_begins_no_new_run() {
    let mut notes = Notes::default();
    let announce =
        |notes: &mut Notes, stop: Option<PendingStop>| words(notes.announce(&server(), stop.as_ref(), at(5)));
    assert_eq!(announce(&mut notes, Some(pending(20))), "");
    see(&mut notes, "1", Some(1), &none(), 1);
    assert_eq!(announce(&mut notes, None), "");
    assert_eq!(announce(&mut notes, Some(pending(20))), "warned");
    assert_eq!(announce(&mut notes, Some(pending(20))), "");
    assert_eq!(announce(&mut notes, None), "cancelled");
    assert_eq!(announce(&mut notes, Some(pending(40))), "warned");
    assert_eq!(words(notes.stop(&server(), &last_stop(40))), "stopped");
    assert_eq!(words(notes.stop(&server(), &last_stop(40))), "");
    assert_eq!(announce(&mut notes, None), "");
    assert_eq!(see(&mut notes, "1", Some(1), &none(), 41), "");
    assert_eq!(words(notes.hear(&server(), "1", &judged(Verdict::Busy, 41, 41), GAP)), "");
    assert_eq!(words(notes.see(&server(), None, at(42))), "");
    assert_eq!(see(&mut notes, "2", Some(50), &none(), 50), "started");
}

#[test]
fn a_process_that_finds_a_stop_announced_does_not_note_that_again() {
    let (mut notes, none, holds) = (Notes::default(), none(), Holds::default);
    let stop = pending(20);
    let seen = Seen {
        pod: "1",
        container: Some(at(1)),
        ending: false,
        holds: &holds,
        labels: &none,
        annotations: &none,
        namespace_labels: &none,
        announced: Some(&stop),
    };
    let leaving = Seen { ending: true, ..seen };
    assert_eq!(words(notes.see(&server(), Some(&leaving), at(12))), "", "it is on its way out already");
    assert_eq!(words(notes.see(&server(), Some(&seen), at(12))), "started");
    assert_eq!(words(notes.announce(&server(), Some(&stop), at(12))), "");
}
