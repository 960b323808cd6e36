use std::collections::BTreeMap;

use carrel_api::TimeSpan;
use carrel_api::activity::{Life, Verdict};
use serde_json::{Value, json};

use super::*;
use crate::contract::{Act, Facts, Pod, decide};
use crate::history::{Happened, Heard, Holds, Record, Said, Started, Stopped};
use crate::judge::tests::replay::{Trace, clock};
use crate::judge::{Judged, Memory, Round, Rules, judge};
use crate::policy::effective;

fn policy(spec: Value) -> Vec<Named> {
    vec![Named { name: "lab".to_owned(), created: None, spec: serde_json::from_value(spec).unwrap() }]
}

fn server() -> Server {
    Server { kind: "Notebook".into(), namespace: "team".into(), name: "iris".into() }
}

fn record(at: Timestamp, happened: Happened) -> Record {
    Record { at, server: server(), pod: Some("uid".into()), happened }
}

fn start(at: Timestamp) -> Record {
    let holds = Holds { cpu: 2_000, memory: 4 << 30, gpus: [("nvidia.com/gpu".to_owned(), 1)].into() };
    record(at, Happened::Started(Started { container: at, holds, said: Said::default() }))
}

fn heard(at: &str, verdict: Verdict, since: &str) -> Record {
    let heard = Heard { verdict, since: clock(since), evidence: Vec::new(), unseen_since: None };
    record(clock(at), Happened::Verdict(heard))
}

/// What the controller does with a trace, and what it notes: a round each period, a decision after it and whenever the last
/// one says to look again.
fn live(trace: &Trace, policies: &[Named]) -> (Option<(Timestamp, StopCause)>, Vec<Record>, Timestamp) {
    let started = clock(&trace.started);
    let gap = TimeSpan::from_secs(trace.period.duration().as_secs() * 3);
    let rules = Rules { stuck_after: trace.stuck_after, longest_gap: Some(gap) };
    let none = BTreeMap::new();
    let effective = effective(policies, &none, &none, &none, &Defaults::default());
    let (mut memory, mut life, mut told) = (Memory::default(), Life::default(), None::<Judged>);
    let mut records = vec![start(started)];
    let mut looks = trace.looks().into_iter().peekable();
    let mut last = started;
    while let Some(look) = looks.next() {
        if look.restart
            && let Some(judged) = told.take()
        {
            memory = Memory::restored(judged.verdict, judged.since, look.at);
        }
        let round = Round { readings: look.readings, at: look.at };
        let judged = judge(&mut memory, &round, &rules, started);
        if let Some(heard) = Heard::after(told.as_ref(), &judged, gap) {
            records.push(record(judged.at, Happened::Verdict(heard)));
        }
        // A timer counts the time that really passes, whatever is done to the clock.
        let awake = looks.peek().map(|next| look.at + next.true_at.duration_since(look.true_at));
        let mut now = Some(look.at);
        while let Some(time) = now {
            last = last.max(time);
            let decision = decide(&Facts {
                now: time,
                life: &life,
                stopped: None,
                pod: Some(Pod { started }),
                heard: Some(&judged),
                effective: &effective,
            });
            life.activity = decision.activity;
            if let Act::Stop { cause, last_stop } = decision.act {
                let stopped = Stopped { cause, by: last_stop.by, evidence: last_stop.evidence };
                records.push(record(time, Happened::Stopped(stopped)));
                return (Some((time, cause)), records, time);
            }
            now = decision.next.filter(|next| awake.is_some_and(|awake| *next < awake));
        }
        told = Some(judged);
    }
    (None, records, last)
}

#[test]
fn a_simulation_stops_what_the_controller_stops_on_every_trace() {
    let (mut stops, mut causes) = (0, std::collections::BTreeSet::new());
    for (name, trace) in Trace::all() {
        for spec in [
            json!({"idle": {"idleAfter": trace.idle_after}}),
            json!({"idle": {"idleAfter": "25m", "warnBefore": "5m", "minRunning": "2h"}}),
            json!({"lifetime": {"maxRunning": "90m", "hardLimit": "4h"}, "idle": {"idleAfter": "3h"}}),
            json!({"schedule": {"timeZone": "UTC", "busyLimit": "1h", "windows": [
                {"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
                 "from": "08:00", "to": "10:45"}]}}),
        ] {
            let policies = policy(spec.clone());
            let (stopped, records, end) = live(&trace, &policies);
            let history = History::new(records, None, 0);
            let simulation = simulate(&history, &policies, &Defaults::default(), end);
            assert_eq!((simulation.fates.len(), simulation.without_start), (1, 0), "{name}");
            let fate = simulation.fates[0].stopped.as_ref();
            let simulated = fate.map(|stop| (stop.at, stop.cause));
            let agree = match (stopped, simulated) {
                (Some((at, cause)), Some((then, why))) => {
                    cause == why && at.duration_since(then).abs() <= trace.period.duration()
                }
                (None, None) => true,
                _ => false,
            };
            assert!(agree, "{name} under {spec}: stopped {stopped:?}, simulated {simulated:?}");
            stops += usize::from(stopped.is_some());
            causes.extend(stopped.map(|(_, cause)| cause.as_str()));
        }
    }
    assert!(stops > 100, "{stops}");
    assert_eq!(causes.len(), 4, "{causes:?}");
}

#[test]
fn a_stop_gives_back_what_the_server_held_until_it_ended() {
    let records = vec![
        start(clock("09:00")),
        heard("09:01", Verdict::Busy, "09:01"),
        heard("10:01", Verdict::Idle, "10:00"),
        heard("13:00", Verdict::Busy, "13:00"),
        record(clock("14:00"), Happened::Ended),
    ];
    let history = History::new(records, None, 0);
    let draft = policy(json!({"idle": {"idleAfter": "1h"}}));
    let simulation = simulate(&history, &draft, &Defaults::default(), clock("20:00"));
    let fate = &simulation.fates[0];
    let stop = fate.stopped.as_ref().unwrap();
    assert_eq!((stop.at, stop.cause, stop.by.as_str()), (clock("11:00"), StopCause::Idle, "lab"));
    assert_eq!(stop.used_again, Some(clock("13:00")));
    let warning = Warning { at: clock("10:50"), due: clock("11:00"), cause: StopCause::Idle, by: "lab".into() };
    assert_eq!((fate.warnings.as_slice(), fate.ended), ([warning].as_slice(), Some(clock("14:00"))));
    let gpus = [("nvidia.com/gpu".to_owned(), 3.0)].into();
    assert_eq!(fate.given_back, Hours { servers: 3.0, cpu: 6.0, memory_gib: 12.0, gpus });
}

#[test]
fn a_draft_holds_from_the_time_that_is_asked_for_and_finds_what_was_so_before() {
    let records = vec![start(clock("09:00")), heard("09:01", Verdict::Idle, "09:00")];
    let history = History::new(records, Some(clock("15:00")), 0);
    let draft = policy(json!({"idle": {"idleAfter": "1h"}}));
    let simulation = simulate(&history, &draft, &Defaults::default(), clock("16:00"));
    assert_eq!(simulation.fates[0].stopped.as_ref().unwrap().at, clock("15:10"));
    assert_eq!(simulate(&history, &[], &Defaults::default(), clock("16:00")).fates[0].stopped, None);
}

#[test]
fn a_change_of_labels_or_wishes_counts_from_when_it_came() {
    let exempt = Said { labels: [("keep".to_owned(), "yes".to_owned())].into(), ..Said::default() };
    let records = vec![
        start(clock("09:00")),
        heard("09:01", Verdict::Idle, "09:00"),
        record(clock("09:55"), Happened::Changed(exempt)),
        record(clock("13:00"), Happened::Changed(Said::default())),
    ];
    let history = History::new(records, None, 0);
    let draft = policy(json!({"idle": {"idleAfter": "1h", "exemptLabel": "keep"}}));
    let simulation = simulate(&history, &draft, &Defaults::default(), clock("16:00"));
    let fate = &simulation.fates[0];
    assert_eq!(fate.warnings.iter().map(|warning| warning.at).collect::<Vec<_>>(), [clock("09:50"), clock("13:00")]);
    assert_eq!(fate.stopped.as_ref().unwrap().at, clock("13:10"));
}

#[test]
fn what_the_schedule_starts_again_is_given_back_only_until_then() {
    let wish = [(carrel_api::vocabulary::START_WITH_WINDOW.to_owned(), "true".to_owned())].into();
    let said = Said { annotations: wish, ..Said::default() };
    let started = Started { container: clock("09:00"), holds: Holds::default(), said };
    let records = vec![record(clock("09:00"), Happened::Started(started)), heard("09:01", Verdict::Idle, "09:00")];
    let history = History::new(records, None, 0);
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let draft =
        policy(json!({"schedule": {"timeZone": "UTC", "windows": [{"days": days, "from": "08:00", "to": "18:00"}]}}));
    let simulation = simulate(&history, &draft, &Defaults::default(), clock("60:00"));
    let stop = simulation.fates[0].stopped.as_ref().unwrap();
    assert_eq!((stop.at, stop.starts_again), (clock("18:00"), Some(clock("31:45"))));
    assert!((simulation.fates[0].given_back.servers - 13.75).abs() < 1e-9);
}

#[test]
fn a_warning_of_no_time_at_all_is_followed_by_its_stop() {
    let records = vec![start(clock("09:00")), heard("09:01", Verdict::Idle, "09:00")];
    let history = History::new(records, Some(clock("15:00")), 0);
    let draft = policy(json!({"idle": {"idleAfter": "1h", "warnBefore": "0s"}}));
    let simulation = simulate(&history, &draft, &Defaults::default(), clock("16:00"));
    assert_eq!(simulation.fates[0].stopped.as_ref().unwrap().at, clock("15:00"));
}
