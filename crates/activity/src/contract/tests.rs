use std::collections::BTreeMap;

use carrel_api::activity::Verdict;
use carrel_api::vocabulary::KEEP_ALIVE;
use serde_json::{Value, json};

use super::*;
use crate::policy::{Defaults, Named, Wishes, effective};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + minute * 60).unwrap()
}

/// A server that started at minute 0, with what is stored of it.
struct Server {
    effective: Effective,
    life: Life,
}

impl Server {
    fn new(spec: Value) -> Self {
        let spec = serde_json::from_value(spec).unwrap();
        let none = BTreeMap::new();
        let policies = [Named { name: "lab".to_owned(), created: None, spec }];
        let effective = effective(&policies, &none, &none, &none, &Defaults::default());
        Self { effective, life: Life::default() }
    }

    fn decide(&mut self, minute: i64, heard: Option<(Verdict, i64, i64)>) -> Decision {
        let heard = heard.map(|(verdict, since, asked)| Judged {
            verdict,
            since: at(since),
            evidence: Vec::new(),
            at: at(asked),
        });
        let decision = decide(&Facts {
            now: at(minute),
            life: &self.life,
            stopped: None,
            pod: Some(Pod { started: at(0) }),
            heard: heard.as_ref(),
            effective: &self.effective,
        });
        self.life.activity.clone_from(&decision.activity);
        decision
    }
}

fn an_hour() -> Server {
    Server::new(json!({"idle": {"idleAfter": "1h"}}))
}

#[test]
fn an_idle_server_is_announced_asked_and_stopped() {
    let mut server = an_hour();
    let idle = |asked| Some((Verdict::Idle, 5, asked));
    assert_eq!(server.decide(54, idle(54)).warn, None);
    let announced = server.decide(55, idle(55)).warn.unwrap();
    assert_eq!(announced.stop.at, at(65));
    assert_eq!(server.decide(64, idle(64)).act, Act::Nothing);
    assert_eq!(server.decide(65, idle(64)).act, Act::Ask);
    assert!(matches!(server.decide(65, idle(65)).act, Act::Stop { cause: StopCause::Idle, .. }));
}

#[test]
fn activity_in_the_grace_cancels_and_an_answer_that_fails_does_not_stop() {
    let mut server = an_hour();
    server.decide(55, Some((Verdict::Idle, 5, 55)));
    assert_eq!(server.decide(65, Some((Verdict::Unknown, 64, 65))).act, Act::Ask);
    let decision = server.decide(66, Some((Verdict::Busy, 66, 66)));
    assert_eq!((decision.act, decision.cancelled), (Act::Nothing, Some(StopCause::Idle)));
    assert_eq!(server.life.activity.unwrap().pending, None);
}

#[test]
fn after_a_clock_that_jumps_ahead_and_after_a_restart_the_grace_is_whole() {
    let mut server = an_hour();
    server.decide(6, Some((Verdict::Idle, 5, 6)));
    assert_eq!(server.decide(300, None).act, Act::Nothing);
    assert_eq!(server.decide(300, Some((Verdict::Idle, 5, 300))).warn.unwrap().stop.at, at(310));
}

#[test]
fn nothing_changes_at_rest() {
    let mut server = an_hour();
    let first = server.decide(1, Some((Verdict::Busy, 1, 1))).activity;
    assert_eq!(server.decide(500, Some((Verdict::Busy, 1, 500))).activity, first);
}

#[test]
fn one_value_of_a_snooze_is_granted_once_and_cut_to_the_policy() {
    let mut server = Server::new(json!({"idle": {"idleAfter": "1h"}, "keepAlive": {"max": "2h", "budget": "3h"}}));
    let ask = |minute: i64| Wishes::read(&[(KEEP_ALIVE.to_owned(), at(minute).to_string())].into()).0;
    server.effective.wishes = ask(600);
    let kept = |decision: &Decision| decision.activity.as_ref().and_then(|a| a.kept.clone()).unwrap();
    let decision = server.decide(10, Some((Verdict::Idle, 5, 10)));
    assert_eq!((decision.activity.as_ref().unwrap().verdict, kept(&decision).until), (Verdict::Busy, at(130)));
    let decision = server.decide(130, Some((Verdict::Idle, 5, 130)));
    assert_eq!((kept(&decision).until, decision.act), (at(130), Act::Nothing));
    server.effective.wishes = ask(700);
    assert_eq!(kept(&server.decide(140, Some((Verdict::Idle, 5, 140)))).until, at(200));
    server.effective.wishes = ask(800);
    assert!(server.decide(210, Some((Verdict::Idle, 5, 210))).snooze_refused.is_some());
}

#[test]
fn only_the_hard_limit_stops_a_busy_server() {
    let mut server = Server::new(json!({"lifetime": {"maxRunning": "2h", "hardLimit": "1h"}}));
    let busy = |asked| Some((Verdict::Busy, 1, asked));
    assert_eq!(server.decide(125, busy(125)).warn, None);
    assert!(server.decide(170, busy(170)).warn.is_some());
    assert!(matches!(server.decide(180, busy(180)).act, Act::Stop { cause: StopCause::HardLimit, .. }));
}

#[test]
fn what_ran_too_long_is_stopped_once_nobody_uses_it() {
    let mut server = Server::new(json!({"lifetime": {"maxRunning": "2h"}}));
    assert_eq!(server.decide(200, Some((Verdict::Busy, 1, 200))).warn, None);
    let idle = |asked| Some((Verdict::Idle, 200, asked));
    let announced = server.decide(201, idle(201)).warn.unwrap();
    assert_eq!((announced.stop.cause, announced.stop.at), (StopCause::MaxRunning, at(211)));
    assert_eq!(server.decide(210, idle(210)).act, Act::Nothing);
    assert!(matches!(server.decide(211, idle(211)).act, Act::Stop { cause: StopCause::MaxRunning, .. }));
}

#[test]
fn what_is_done_is_stopped_but_not_what_has_done_nothing_since_its_start() {
    let mut server = Server::new(json!({}));
    server.effective.wishes.stop_when_done = true;
    for minute in [1, 30, 600] {
        let decision = server.decide(minute, Some((Verdict::Idle, 0, minute)));
        assert_eq!((decision.act, decision.warn), (Act::Nothing, None), "{minute}");
    }
    assert_eq!(server.decide(610, Some((Verdict::Busy, 610, 610))).act, Act::Nothing);
    let idle = |asked| Some((Verdict::Idle, 620, asked));
    let mut stopped = (621..640).map(|minute| (minute, server.decide(minute, idle(minute)).act));
    let (_, act) = stopped.find(|(_, act)| *act != Act::Nothing).unwrap();
    let Act::Stop { cause, last_stop } = act else { panic!("{act:?}") };
    assert_eq!((cause, last_stop.by.as_str()), (StopCause::Done, "its owner"));
}

/// What is decided of a stopped server.
fn parked(server: &Server, minute: i64, stopped: StoppedAs) -> Decision {
    decide(&Facts {
        now: at(minute),
        life: &server.life,
        stopped: Some(stopped),
        pod: None,
        heard: None,
        effective: &server.effective,
    })
}

#[test]
fn a_notebook_that_stays_stopped_is_deleted_only_where_the_policy_says_so() {
    let stopped = StoppedAs { by_schedule: false, since: Some(at(0)) };
    let server = Server::new(json!({"afterStop": {"deleteAfter": "30d"}}));
    let day = 24 * 60;
    let decision = parked(&server, 29 * day, stopped);
    assert_eq!((decision.act, decision.next), (Act::Nothing, Some(at(30 * day))));
    assert_eq!(parked(&server, 30 * day, stopped).act, Act::Delete);
    assert_eq!(parked(&server, 90 * day, StoppedAs { since: None, ..stopped }).act, Act::Nothing, "nobody knows");
    assert_eq!(parked(&Server::new(json!({"afterStop": {}})), 900 * day, stopped).act, Act::Nothing);
}

#[test]
fn the_schedule_starts_what_it_stopped_and_who_asks_for_it() {
    // Minute 0 is Monday, 02:40.
    let window = json!({"days": ["Monday"], "from": "08:00", "to": "18:00"});
    let mut server = Server::new(json!({"schedule": {"timeZone": "UTC", "windows": [window]}}));
    let by = |by_schedule| StoppedAs { by_schedule, since: Some(at(-600)) };
    let morning = 7 * 60 + 45 - 160;
    assert_eq!(parked(&server, morning, by(true)).act, Act::Nothing, "nobody asks");
    server.effective.wishes.start_with_window = true;
    let before = parked(&server, morning - 1, by(true));
    assert_eq!((before.act, before.next), (Act::Nothing, Some(at(morning))));
    assert_eq!(parked(&server, morning, by(true)).act, Act::Start);
    assert_eq!(parked(&server, morning, by(false)).act, Act::Nothing, "its owner stopped it");
}
