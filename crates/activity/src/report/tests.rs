use carrel_api::activity::StopCause;

use super::*;
use crate::history::{Heard, Holds, Record, Said, Server, Started, Stopped};
use crate::judge::tests::replay::clock;

fn record(name: &str, at: &str, happened: Happened) -> Record {
    let (namespace, name) = name.split_once('/').unwrap();
    let server = Server { kind: "Notebook".into(), namespace: namespace.into(), name: name.into() };
    Record { at: clock(at), server, pod: None, happened }
}

fn start(name: &str, at: &str) -> Record {
    let holds = Holds { cpu: 2_000, memory: 1 << 30, gpus: [("amd.com/gpu".to_owned(), 2)].into() };
    record(name, at, Happened::Started(Started { container: clock(at), holds, said: Said::default() }))
}

fn heard(name: &str, at: &str, verdict: Verdict, since: &str, unseen_since: Option<&str>) -> Record {
    let unseen_since = unseen_since.map(clock);
    record(name, at, Happened::Verdict(Heard { verdict, since: clock(since), evidence: Vec::new(), unseen_since }))
}

fn stop(name: &str, at: &str) -> Record {
    let stopped = Stopped { cause: StopCause::Idle, by: "lab".into(), evidence: Vec::new() };
    record(name, at, Happened::Stopped(stopped))
}

/// Hours of servers: held, used, idle, unknown, given back.
fn servers(line: &Line) -> String {
    let all = [&line.held, &line.used, &line.idle, &line.unknown, &line.given_back];
    all.map(|hours| hours.servers.to_string()).join(" ")
}

fn day() -> Vec<Record> {
    vec![
        start("a/x", "08:00"),
        heard("a/x", "09:00", Verdict::Busy, "09:00", None),
        heard("a/x", "12:00", Verdict::Idle, "11:55", None),
        stop("a/x", "14:00"),
        record("a/x", "14:01", Happened::Ended),
        start("a/x", "17:00"),
        heard("a/x", "17:00", Verdict::Idle, "17:00", None),
        heard("a/x", "19:00", Verdict::Idle, "18:50", Some("17:30")),
        start("b/y", "08:00"),
        record("b/y", "09:00", Happened::Ended),
    ]
}

#[test]
fn hours_are_told_by_what_was_known_of_them() {
    let report = report(&History::new(day(), None, 0), clock("20:00"));
    assert_eq!(servers(&report.namespaces["a"]), "9 3 3.5 2.5 3");
    assert_eq!(servers(&report.namespaces["b"]), "1 0 0 1 0");
    assert_eq!(servers(&report.sum()), "10 3 3.5 3.5 3");
    let given_back = &report.namespaces["a"].given_back;
    let held = [given_back.cpu, given_back.memory_gib, given_back.gpus["amd.com/gpu"]];
    assert_eq!(held.map(|hours| hours.to_string()).join(" "), "6 3 6");
}

#[test]
fn a_report_begins_when_it_is_asked_to_and_knows_what_was_stopped_before() {
    let report = report(&History::new(day(), Some(clock("15:00")), 0), clock("20:00"));
    assert_eq!(servers(&report.namespaces["a"]), "3 0 1.5 1.5 2");
    assert_eq!(report.namespaces.len(), 1);
}

#[test]
fn what_the_history_knows_no_start_of_is_told_and_not_counted() {
    let all = vec![heard("a/x", "09:00", Verdict::Busy, "09:00", None), record("a/x", "10:00", Happened::Ended)];
    let report = report(&History::new(all, None, 0), clock("20:00"));
    assert_eq!((report.without_start, report.namespaces.len()), (1, 0));
}
