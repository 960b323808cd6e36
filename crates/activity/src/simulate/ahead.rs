//! What policies will do to servers as they stand now.

use std::collections::BTreeMap;

use carrel_api::activity::{Activity, Evidence, Life, Signal, Verdict, Vote};
use jiff::Timestamp;

use super::{Simulation, fate};
use crate::history::{Happened, Heard, History, Holds, Record, Said, Server, Started};
use crate::policy::{Defaults, Named};

/// A server that runs, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The server.
    pub server: Server,
    /// When its container started.
    pub started: Timestamp,
    /// What its pod asks for.
    pub holds: Holds,
    /// What policies look at.
    pub said: Said,
    /// What its status says.
    pub life: Life,
}

/// What these policies will do from `now` until `until`, if nothing else happens: whoever works goes on to, and nobody else
/// begins. Of one whose status tells no verdict nothing is known that a stop could rest on.
pub fn ahead(
    standing: &[Standing],
    policies: &[Named],
    defaults: &Defaults,
    (now, until): (Timestamp, Timestamp),
) -> Simulation {
    let history = History::new(standing.iter().flat_map(|one| records(one, now)).collect(), Some(now), 0);
    let lives: BTreeMap<_, _> = standing.iter().map(|one| (&one.server, &one.life)).collect();
    let (runs, without_start) = history.runs();
    let fates = runs.iter().filter_map(|run| {
        let life = lives.get(run.server).map(|life| (*life).clone()).unwrap_or_default();
        fate(run, policies, defaults, life, (now, until))
    });
    Simulation { fates: fates.collect(), without_start }
}

fn records(one: &Standing, now: Timestamp) -> impl Iterator<Item = Record> {
    let record = |happened| Record { at: now, server: one.server.clone(), pod: None, happened };
    let started = Started { container: one.started, holds: one.holds.clone(), said: one.said.clone() };
    let activity = one.life.activity.as_ref().filter(|activity| activity.since >= one.started);
    let heard = activity.map(|activity| record(Happened::Verdict(without_snooze(activity))));
    [record(Happened::Started(started))].into_iter().chain(heard)
}

/// What was heard of the server itself. A status tells the verdict with the snooze that holds.
fn without_snooze(activity: &Activity) -> Heard {
    let snooze = |one: &Evidence| one.signal == Signal::KeepAlive;
    let evidence: Vec<_> = activity.evidence.iter().filter(|one| !snooze(one)).cloned().collect();
    let votes = |vote: Vote| evidence.iter().any(|one| one.vote == vote);
    let kept = activity.verdict == Verdict::Busy && activity.evidence.iter().any(snooze) && !votes(Vote::Busy);
    let verdict = match activity.verdict {
        Verdict::Busy if kept && votes(Vote::Idle) && !votes(Vote::Unknown) => Verdict::Idle,
        Verdict::Busy if kept => Verdict::Unknown,
        verdict => verdict,
    };
    Heard { verdict, since: activity.since, evidence, unseen_since: None }
}

#[cfg(test)]
mod tests {
    use carrel_api::activity::{Kept, StopCause};
    use carrel_api::vocabulary::KEEP_ALIVE;
    use serde_json::json;

    use super::*;
    use crate::judge::tests::replay::clock;

    fn standing(verdict: Verdict, since: &str) -> Standing {
        let activity = Activity { verdict, since: clock(since), evidence: Vec::new(), pending: None, kept: None };
        Standing {
            server: Server { kind: "Notebook".into(), namespace: "team".into(), name: "iris".into() },
            started: clock("08:00"),
            holds: Holds { cpu: 1_000, ..Holds::default() },
            said: Said::default(),
            life: Life { activity: Some(activity), last_stop: None },
        }
    }

    fn stops(standing: Standing, spec: serde_json::Value) -> Option<(Timestamp, StopCause)> {
        let spec = serde_json::from_value(spec).unwrap();
        let draft = [Named { name: "lab".to_owned(), created: None, spec }];
        let found = ahead(&[standing], &draft, &Defaults::default(), (clock("10:00"), clock("34:00")));
        found.fates[0].stopped.as_ref().map(|stop| (stop.at, stop.cause))
    }

    #[test]
    fn who_is_idle_is_stopped_when_its_time_comes_and_never_unwarned() {
        let hours = |hours: u32| json!({"idle": {"idleAfter": format!("{hours}h")}});
        assert_eq!(stops(standing(Verdict::Idle, "09:00"), hours(4)), Some((clock("13:00"), StopCause::Idle)));
        assert_eq!(stops(standing(Verdict::Idle, "08:30"), hours(1)), Some((clock("10:10"), StopCause::Idle)));
        assert_eq!(stops(standing(Verdict::Busy, "09:00"), hours(1)), None);
        assert_eq!(stops(standing(Verdict::Unknown, "09:00"), hours(1)), None);
        let silent = Standing { life: Life::default(), ..standing(Verdict::Idle, "09:00") };
        assert_eq!(stops(silent, hours(1)), None);
    }

    #[test]
    fn a_snooze_that_holds_is_waited_for() {
        let mut one = standing(Verdict::Busy, "09:30");
        let asked = clock("12:00").to_string();
        one.said.annotations = [(KEEP_ALIVE.to_owned(), asked.clone())].into();
        let activity = one.life.activity.as_mut().unwrap();
        let vote = |signal, vote| Evidence { signal, vote, value: String::new(), at: clock("09:30") };
        activity.evidence = vec![vote(Signal::Kernels, Vote::Idle), vote(Signal::KeepAlive, Vote::Busy)];
        activity.kept = Some(Kept { asked, from: clock("09:30"), until: clock("12:00"), used_seconds: 9_000 });
        let (at, cause) = stops(one, json!({"idle": {"idleAfter": "1h"}})).unwrap();
        assert_eq!(cause, StopCause::Idle);
        assert!(at >= clock("12:00") && at <= clock("13:00"), "{at}");
    }
}
