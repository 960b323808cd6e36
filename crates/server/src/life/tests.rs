use carrel_activity::policy::{Defaults, Named, effective};
use carrel_api::activity::Verdict;
use carrel_api::server::{STOP_PENDING, WISH_REFUSED};
use carrel_api::vocabulary::{IDLE_AFTER, STOPPED};
use serde_json::json;

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(minute)
}

fn heard(verdict: Verdict, since: i64, minute: i64) -> Judged {
    Judged { verdict, since: at(since), evidence: Vec::new(), at: at(minute) }
}

fn rules(annotations: &BTreeMap<String, String>) -> Effective {
    let spec = serde_json::from_value(json!({"idle": {"idleAfter": "1h"}})).unwrap();
    let policy = Named { name: "nights".to_owned(), created: None, spec };
    effective(&[policy], &BTreeMap::new(), &BTreeMap::new(), annotations, &Defaults::default())
}

/// A server that runs since minute 0, as its controller sees it time and again.
#[derive(Default)]
struct Server {
    annotations: BTreeMap<String, String>,
    life: Life,
    conditions: Vec<Condition>,
    edited: bool,
}

impl Server {
    fn lives(&mut self, minute: i64, judged: &Judged) -> Lived {
        let effective = rules(&self.annotations);
        let lived = live(&Known {
            now: at(minute),
            annotations: &self.annotations,
            life: &self.life,
            conditions: &self.conditions,
            edited: self.edited,
            started: Some(at(0)),
            effective: Some(&effective),
            heard: Some(judged),
        });
        (self.life, self.conditions) = (lived.life.clone(), lived.conditions.clone());
        lived
    }
}

fn words(lived: &Lived) -> Vec<&str> {
    lived.notices.iter().map(|notice| notice.reason.as_ref()).collect()
}

#[test]
fn an_idle_server_is_warned_once_asked_and_stopped() {
    let mut server = Server::default();
    assert_eq!(server.lives(10, &heard(Verdict::Busy, 10, 10)).conditions, []);
    let warned = server.lives(65, &heard(Verdict::Idle, 15, 65));
    assert_eq!(words(&warned), ["StopPending"]);
    let [condition] = &warned.conditions[..] else { panic!("{warned:?}") };
    let message = condition.message.clone().unwrap();
    assert_eq!((condition.type_.as_str(), condition.reason.as_deref()), (STOP_PENDING, Some("Idle")));
    assert!(message.contains("1970-01-01T01:15:00Z") && message.contains("nights"), "{message}");
    let again = server.lives(70, &heard(Verdict::Idle, 15, 70));
    assert_eq!((words(&again), &again.conditions), (vec![], &warned.conditions));
    assert_eq!(server.lives(75, &heard(Verdict::Idle, 15, 74)).act, Act::Ask);
    let Act::Stop { last_stop, .. } = server.lives(76, &heard(Verdict::Idle, 15, 76)).act else { panic!() };
    assert!(stopped(&last_stop, "7")["metadata"]["annotations"][STOPPED].is_string());
}

#[test]
fn who_comes_back_or_edits_it_is_not_stopped_at_that_time() {
    let mut server = Server::default();
    server.lives(65, &heard(Verdict::Idle, 15, 65));
    let back = server.lives(70, &heard(Verdict::Busy, 70, 70));
    assert_eq!((words(&back), &back.conditions), (vec!["StopCancelled"], &vec![]));

    let mut server = Server::default();
    server.lives(65, &heard(Verdict::Idle, 15, 65));
    server.edited = true;
    let edited = server.lives(74, &heard(Verdict::Idle, 15, 74));
    assert_eq!(words(&edited), ["StopPending"]);
    assert_eq!(edited.life.activity.unwrap().pending.unwrap().at, at(84));
}

#[test]
fn a_wish_that_is_not_granted_is_told_once() {
    let mut server = Server::default();
    server.annotations.insert(IDLE_AFTER.to_owned(), "9d".to_owned());
    let told = server.lives(10, &heard(Verdict::Busy, 10, 10));
    assert_eq!((words(&told), told.conditions[0].type_.as_str()), (vec![WISH_REFUSED], WISH_REFUSED));
    assert_eq!(words(&server.lives(11, &heard(Verdict::Busy, 10, 11))), [""; 0]);
}

#[test]
fn nothing_is_done_nor_unsaid_before_the_policies_are_known() {
    let mut server = Server::default();
    let warned = server.lives(65, &heard(Verdict::Idle, 15, 65));
    let lived = live(&Known {
        now: at(900),
        annotations: &server.annotations,
        life: &server.life,
        conditions: &server.conditions,
        edited: false,
        started: Some(at(0)),
        effective: None,
        heard: Some(&heard(Verdict::Idle, 15, 900)),
    });
    assert_eq!((lived.act, lived.life, lived.conditions), (Act::Nothing, warned.life, warned.conditions));
}
