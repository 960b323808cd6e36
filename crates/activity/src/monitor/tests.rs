use std::sync::atomic::{AtomicUsize, Ordering};

use carrel_api::activity::Verdict;
use jiff::SignedDuration;

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

fn server() -> Server {
    Server { kind: "Notebook", key: Key::new("team", "iris") }
}

fn subject(stored: Option<&Activity>) -> Subject<'_> {
    let reach = Reach {
        namespace: "team".into(),
        pod: "iris-0".into(),
        pod_ip: [127, 0, 0, 1].into(),
        port: 8888,
        service: "iris".into(),
    };
    Subject { pod_uid: "1", started: at(0), reach, base_path: String::new(), way: None, stored, signals: None }
}

fn body(text: &str) -> Answer {
    Answer::Body(text.to_owned())
}

fn kernel(state: &str) -> Answer {
    body(&format!(r#"[{{"id": "k", "execution_state": "{state}", "last_activity": "1970-01-01T00:05:00Z"}}]"#))
}

/// A monitor that looks after one server, and how often its controller was told.
fn desk(stored: Option<&Activity>) -> (Monitor, Arc<AtomicUsize>) {
    let (monitor, _) = Monitor::new(Asker::pods(), Settings::default());
    let told = Arc::new(AtomicUsize::new(0));
    let count = told.clone();
    monitor.on_news("Notebook", move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    monitor.on_news("Tensorboard", |key| panic!("{key} is none"));
    assert_eq!(monitor.look_after(&server(), Some(subject(stored)), at(6)), None);
    (monitor, told)
}

fn hear(monitor: &Monitor, minute: i64, answers: &[(Question, Answer)]) {
    let target = monitor.shared.table.target(&server()).unwrap();
    monitor.shared.hear(&target, answers, at(minute));
}

#[test]
fn a_server_that_answers_as_jupyter_is_asked_as_that() {
    let (monitor, told) = desk(None);
    let other = [(Question::CodeServer, body("<html>")), (Question::Endpoint, Answer::Refused(403))];
    let jupyter = [(Question::Kernels, kernel("idle")), (Question::Terminals, body("[]"))];
    assert_eq!(monitor.shared.table.target(&server()).unwrap().questions.len(), 4);
    hear(&monitor, 7, &[&jupyter[..], &other].concat());
    let judged = monitor.look_after(&server(), Some(subject(None)), at(8)).unwrap();
    assert_eq!((judged.verdict, judged.since, judged.evidence.len()), (Verdict::Idle, at(5), 2));
    let questions = &monitor.shared.table.target(&server()).unwrap().questions;
    assert_eq!(questions, &[Question::Kernels, Question::Terminals]);
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

#[test]
fn only_news_is_told_and_an_answer_that_is_waited_for() {
    let (monitor, told) = desk(None);
    let jupyter = [(Question::Kernels, kernel("busy")), (Question::Terminals, body("[]"))];
    for minute in 7..10 {
        hear(&monitor, minute, &jupyter);
    }
    assert_eq!(told.load(Ordering::Relaxed), 1);
    monitor.ask(&server());
    hear(&monitor, 10, &jupyter);
    assert_eq!(told.load(Ordering::Relaxed), 2);
    hear(&monitor, 11, &jupyter);
    assert_eq!(told.load(Ordering::Relaxed), 2);
}

#[test]
fn a_restarted_container_begins_anew_and_one_that_is_let_go_is_forgotten() {
    let (monitor, _) = desk(None);
    hear(&monitor, 7, &[(Question::Kernels, kernel("busy")), (Question::Terminals, body("[]"))]);
    let again = Subject { started: at(9), ..subject(None) };
    assert_eq!(monitor.look_after(&server(), Some(again), at(9)), None);
    hear(&monitor, 10, &[(Question::Kernels, body("[]")), (Question::Terminals, body("[]"))]);
    let again = Subject { started: at(9), ..subject(None) };
    let judged = monitor.look_after(&server(), Some(again), at(10)).unwrap();
    assert_eq!((judged.verdict, judged.since), (Verdict::Idle, at(9)));
    monitor.look_after(&server(), None, at(11));
    assert!(monitor.shared.table.is_empty() && monitor.shared.cases.lock().is_empty());
}

#[test]
fn a_process_that_has_not_asked_yet_goes_on_from_what_is_stored() {
    let stored = Activity { verdict: Verdict::Idle, since: at(3), evidence: Vec::new(), pending: None, kept: None };
    let (monitor, _) = desk(Some(&stored));
    // It has no time of its own to tell.
    hear(&monitor, 7, &[(Question::Kernels, body("[]")), (Question::Terminals, body("[]"))]);
    let judged = monitor.look_after(&server(), Some(subject(None)), at(8)).unwrap();
    assert_eq!((judged.verdict, judged.since), (Verdict::Idle, at(3)));
}
