use carrel_api::activity::{Evidence, PendingStop, Signal, StopCause, Vote};
use serde_json::json;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn policy(name: &str, created: &str, spec: Value) -> Named {
    Named { name: name.to_owned(), created: Some(at(created)), spec: serde_json::from_value(spec).unwrap() }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn policies() -> Policies {
    let read = vec![
        policy("a", "2026-02-01T00:00:00Z", json!({"idle": {"idleAfter": "1h"}, "lifetime": {"maxRunning": "1d"}})),
        policy(
            "lab",
            "2026-01-01T00:00:00Z",
            json!({"idle": {"idleAfter": "2h", "userLimits": {"min": "1h", "max": "4h"}, "exemptLabel": "keep"}}),
        ),
        policy("high", "2026-03-01T00:00:00Z", json!({"priority": 5, "lifetime": {"maxRunning": "2d"}})),
        policy("broken", "2026-01-01T00:00:00Z", json!({"priority": 9, "idle": {"idleAfter": "0s"}})),
    ];
    Policies { read, unreadable: vec![("odd".to_owned(), "idle.idleAfter: must be a time span".to_owned())] }
}

fn of(labels: &[(&str, &str)], annotations: &[(&str, &str)], life: &Life, messages: &[(String, String)]) -> String {
    explained(&Facts {
        kind: "Notebook",
        namespace: "team",
        name: "iris",
        namespace_labels: &BTreeMap::new(),
        labels: &map(labels),
        annotations: &map(annotations),
        life,
        messages,
        policies: &policies(),
        defaults: &Defaults::default(),
        now: at("2026-03-01T12:00:00Z"),
    })
}

fn life(pending: Option<PendingStop>) -> Life {
    let heard = Evidence {
        signal: Signal::Kernels,
        vote: Vote::Idle,
        value: "0 of 1 kernels busy".into(),
        at: at("2026-03-01T10:00:00Z"),
    };
    let since = at("2026-03-01T10:00:00Z");
    let activity = Activity { verdict: Verdict::Idle, since, evidence: vec![heard], pending, kept: None };
    Life { activity: Some(activity), last_stop: None }
}

#[test]
fn each_section_is_told_with_who_decides_it_and_why() {
    let text = of(&[], &[(IDLE_AFTER, "3h")], &life(None), &[]);
    for expected in [
        "The policy broken is not followed at all: idle.idleAfter must be longer",
        "The policy odd is not followed at all: idle.idleAfter: must be a time span",
        "of the same priority as a, and older",
        "priority 5 is above 0 of a",
        "Carrel's defaults",
        "userLimits: {max: 4h, min: 1h}",
        "nobody used it for 3h, its owner's own limit; of lab, its owner may set one from 1h to 4h.",
        "Its owner asks for carrel.dev/idle-after=3h: taken into account.",
        "Idle since 2026-03-01T10:00:00Z (2h ago).",
        "Kernels says Idle: 0 of 1 kernels busy",
        "it is stopped for that at 2026-03-01T13:00:00Z at the earliest",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let heads: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(SECTIONS.iter().all(|(section, _)| heads.contains(section)), "{text}");
}

#[test]
fn wishes_that_are_refused_exemptions_and_the_next_stop_are_told() {
    let (warned, due) = (at("2026-03-01T11:55:00Z"), at("2026-03-01T12:05:00Z"));
    let pending = PendingStop { at: due, cause: StopCause::Idle, warned };
    let said = [(STOP_PENDING.to_owned(), "It will be stopped at noon".to_owned())];
    let text = of(&[], &[(IDLE_AFTER, "9h")], &life(Some(pending)), &said);
    for expected in [
        "9h is not from 1h to 4h, which is what lab allows.",
        "nobody used it for 2h, the limit of lab",
        "Next: it is stopped at 2026-03-01T12:05:00Z (Idle), announced at 2026-03-01T11:55:00Z",
        "It will be stopped at noon",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let exempt = of(&[("keep", "")], &[], &Life::default(), &[]);
    assert!(exempt.contains("its label keep exempts it, by lab"), "{exempt}");
    assert!(exempt.contains("Its status tells no verdict"), "{exempt}");
    let stopped = of(&[], &[(STOPPED, "2026-03-01T11:00:00Z")], &Life::default(), &[]);
    assert!(stopped.contains("It is stopped, since 2026-03-01T11:00:00Z"), "{stopped}");
}
