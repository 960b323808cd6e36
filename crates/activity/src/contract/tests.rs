use std::collections::BTreeMap;

use carrel_api::activity::Verdict;
use carrel_api::vocabulary::KEEP_ALIVE;
use serde_json::{Value, json};

use super::*;
use crate::policy::{Defaults, Named, effective};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + minute * 60).unwrap()
}

/// A server that started at minute 0, with what is stored of it.
struct Server {
    effective: Effective,
    wishes: Wishes,
    life: Life,
}

impl Server {
    fn new(spec: Value) -> Self {
        let spec = serde_json::from_value(spec).unwrap();
        let none = BTreeMap::new();
        let policies = [Named { name: "lab".to_owned(), created: None, spec }];
        let effective = effective(&policies, &none, &none, &none, &Defaults::default());
        Self { effective, wishes: Wishes::default(), life: Life::default() }
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
            wishes: &self.wishes,
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
    server.wishes = ask(600);
    let kept = |decision: &Decision| decision.activity.as_ref().and_then(|a| a.kept.clone()).unwrap();
    let decision = server.decide(10, Some((Verdict::Idle, 5, 10)));
    assert_eq!((decision.activity.as_ref().unwrap().verdict, kept(&decision).until), (Verdict::Busy, at(130)));
    let decision = server.decide(130, Some((Verdict::Idle, 5, 130)));
    assert_eq!((kept(&decision).until, decision.act), (at(130), Act::Nothing));
    server.wishes = ask(700);
    assert_eq!(kept(&server.decide(140, Some((Verdict::Idle, 5, 140)))).until, at(200));
    server.wishes = ask(800);
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
