use std::io::Cursor;
use std::path::PathBuf;

use carrel_api::activity::{StopCause, Verdict};
use jiff::Timestamp;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn record(name: &str, second: i64, happened: Happened) -> Record {
    let server = Server { kind: "Notebook".into(), namespace: "team".into(), name: name.into() };
    Record { at: at(second), server, pod: Some("uid".into()), happened }
}

fn started(name: &str, second: i64) -> Record {
    let said = Said { labels: [("tier".to_owned(), "free".to_owned())].into(), ..Said::default() };
    let holds = Holds { cpu: 500, memory: 1 << 30, gpus: [("nvidia.com/gpu".to_owned(), 1)].into() };
    record(name, second, Happened::Started(Started { container: at(second), holds, said }))
}

fn heard(name: &str, second: i64, verdict: Verdict) -> Record {
    let heard = Heard { verdict, since: at(second), evidence: Vec::new(), unseen_since: None };
    record(name, second, Happened::Verdict(heard))
}

fn text(text: &[u8], since: Option<Timestamp>) -> History {
    read([Cursor::new(text)], since).unwrap()
}

/// A file in a directory that is gone when this is dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("carrel-history-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("history.jsonl")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes as a process does from its beginning to its end.
fn write(place: &Place, bound: u64, records: Vec<Record>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (journal, writing) = Journal::open(&place.file(), bound).unwrap();
    for record in records {
        journal.note(record);
    }
    assert_eq!(journal.lost(), 0);
    drop(journal);
    runtime.block_on(writing);
}

#[test]
fn each_record_is_a_line_that_is_read_again() {
    let stopped = Stopped { cause: StopCause::Idle, by: "lab".into(), evidence: Vec::new() };
    let all = vec![
        started("a", 1),
        record("a", 2, Happened::Changed(Said::default())),
        heard("a", 3, Verdict::Idle),
        record("a", 4, Happened::Warned { cause: StopCause::Idle, due: at(9) }),
        record("a", 5, Happened::Cancelled { cause: StopCause::Idle }),
        record("a", 6, Happened::Stopped(stopped)),
        record("a", 7, Happened::Ended),
    ];
    let lines: Vec<u8> = all.iter().flat_map(Record::line).collect();
    assert_eq!(String::from_utf8_lossy(&lines).lines().count(), all.len());
    assert_eq!(text(&lines, None), History { records: all, since: None, unreadable: 0 });
    assert_eq!(
        String::from_utf8(record("a", 7, Happened::Ended).line()).unwrap(),
        "{\"v\":1,\"at\":\"2027-01-15T08:00:07Z\",\"kind\":\"Notebook\",\"namespace\":\"team\",\"name\":\"a\",\
         \"pod\":\"uid\",\"event\":\"ended\"}\n"
    );
}

#[test]
fn what_cant_be_read_is_counted_and_left_out() {
    let mut lines = started("a", 1).line();
    let good = String::from_utf8(heard("a", 2, Verdict::Busy).line()).unwrap();
    lines.extend(good.replace("\"v\":1", "\"v\":2").into_bytes());
    lines.extend(b"\n\xff\n{\"v\":1,\"at\":");
    let history = text(&lines, None);
    assert_eq!((history.records.len(), history.unreadable), (1, 3));
}

#[test]
fn what_was_before_is_kept_only_as_far_as_it_tells_how_things_stood() {
    let records = vec![
        started("old", 1),
        record("old", 2, Happened::Ended),
        started("runs", 3),
        heard("runs", 4, Verdict::Busy),
        started("runs", 10),
        heard("runs", 11, Verdict::Idle),
        heard("runs", 30, Verdict::Busy),
    ];
    let history = History::new(records.clone(), Some(at(20)), 0);
    let runs: Vec<_> = history.records.iter().filter(|record| record.server.name == "runs").cloned().collect();
    assert_eq!(runs, records[4..]);
    assert!(!history.records.contains(&records[0]));
}

#[test]
fn a_file_goes_on_after_a_crash_that_tore_its_last_line() {
    let place = Place::new("torn");
    write(&place, 1 << 20, vec![started("a", 1)]);
    let torn = &heard("a", 2, Verdict::Busy).line()[..30];
    std::fs::write(place.file(), [started("a", 1).line(), torn.to_vec()].concat()).unwrap();
    write(&place, 1 << 20, vec![heard("a", 3, Verdict::Idle)]);
    let history = of_files(&place.file(), None).unwrap();
    assert_eq!((history.records, history.unreadable), (vec![started("a", 1), heard("a", 3, Verdict::Idle)], 1));
}

#[test]
fn a_history_stays_within_its_bound_and_tells_of_who_runs_how_it_started() {
    let (place, bound) = (Place::new("bound"), 64 << 10);
    let mut records = vec![started("a", 0), started("b", 0), record("b", 1, Happened::Ended)];
    records.extend((2..1_500).map(|second| heard("a", second, Verdict::Busy)));
    // Each process goes on where the last one was.
    for part in records.chunks(500) {
        write(&place, bound, part.to_vec());
    }
    let size = |path: PathBuf| std::fs::metadata(path).unwrap().len();
    assert!(size(place.file()) + size(old_of(&place.file())) <= bound);
    let history = of_files(&place.file(), None).unwrap();
    assert_eq!(history.unreadable, 0);
    assert_eq!(history.records.first(), Some(&started("a", 0)));
    assert_eq!(history.records.last(), records.last());
    assert!(history.records.len() < 700, "{}", history.records.len());
    assert!(history.records.iter().all(|record| record.server.name == "a"));
}

#[test]
fn whoever_notes_never_waits_and_what_does_not_fit_is_counted() {
    let place = Place::new("full");
    let (journal, _not_run) = Journal::open(&place.file(), 1 << 20).unwrap();
    for second in 0..8_200 {
        journal.note(heard("a", second, Verdict::Busy));
    }
    assert_eq!(journal.lost(), 8);
    assert!(matches!(Journal::open(&place.0.join("no/such"), 1 << 20), Err(JournalError::Open { .. })));
    assert!(matches!(Journal::open(&place.file(), 1_000), Err(JournalError::TooSmall)));
}

#[test]
fn a_server_that_is_found_running_once_more_did_not_start_anew() {
    let mut again = started("a", 1);
    again.at = at(10);
    let records = vec![started("a", 1), heard("a", 2, Verdict::Busy), again];
    assert_eq!(History::new(records.clone(), Some(at(20)), 0).records, records);
}

#[test]
fn what_ended_while_nobody_kept_the_history_ends_when_somebody_does_again() {
    let place = Place::new("settle");
    let there = |name: &str| crate::prober::Server { kind: "Notebook", key: carrel_runtime::Key::new("team", name) };
    write(
        &place,
        1 << 20,
        vec![started("gone", 1), started("runs", 1), started("over", 1), record("over", 2, Happened::Ended)],
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (journal, writing) = Journal::open(&place.file(), 1 << 20).unwrap();
    let scribe = Scribe::new(journal);
    let (none, holds) = (std::collections::BTreeMap::new(), Holds::default);
    let seen = Seen {
        pod: "uid",
        container: Some(at(1)),
        ending: false,
        holds: &holds,
        labels: &none,
        annotations: &none,
        namespace_labels: &none,
        announced: None,
    };
    scribe.see(&there("runs"), Some(&seen), at(50));
    scribe.settle(&place.file(), at(60)).unwrap();
    drop(scribe);
    runtime.block_on(writing);
    let history = of_files(&place.file(), None).unwrap();
    let (runs, _) = history.runs();
    let ends: Vec<_> = runs.iter().map(|run| (run.server.name.as_str(), run.end.map(|(at, _)| at))).collect();
    assert_eq!(ends, [("gone", Some(at(60))), ("over", Some(at(2))), ("runs", None)]);
}

#[test]
fn a_process_that_writes_after_another_one_goes_on_in_the_file_that_is_there() {
    let place = Place::new("turns");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (journal, writing) = Journal::open(&place.file(), 64 << 10).unwrap();
    // The other one led until now, and filled the file more than once.
    let mut records = vec![started("a", 0)];
    records.extend((1..700).map(|second| heard("a", second, Verdict::Busy)));
    write(&place, 64 << 10, records.clone());
    let fresh = std::fs::read(place.file()).unwrap();
    journal.note(record("a", 900, Happened::Ended));
    drop(journal);
    runtime.block_on(writing);
    let now = std::fs::read(place.file()).unwrap();
    assert_eq!(now, [fresh, record("a", 900, Happened::Ended).line()].concat());
}

#[test]
fn a_run_that_was_taken_for_ended_goes_on_from_when_it_was_found_again() {
    let mut again = started("a", 1);
    again.at = at(30);
    let history = History::new(vec![started("a", 1), record("a", 20, Happened::Ended), again], None, 0);
    let (runs, _) = history.runs();
    assert_eq!(runs.iter().map(|run| run.from).collect::<Vec<_>>(), [at(1), at(20)]);
}
