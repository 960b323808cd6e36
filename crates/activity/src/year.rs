//! A year of one server, over and over: people who work at random, policies of several time zones, restarts at any instant,
//! lost writes, clock steps, a second replica. Whatever happens, nobody who works is stopped, and nobody unwarned.

use crate::contract::{Act, Facts, Pod, StoppedAs, decide};
use crate::judge::Judged;
use crate::policy::{Defaults, Named, effective};
use crate::schedule::previous_end;
use carrel_api::activity::{Life, StopCause, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// Numbers that look random, the same for each seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % sides).unwrap()
    }
    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

const ZONES: [&str; 5] =
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"];
const IDLE_AFTER: i64 = 3_600;
const WARNING: i64 = 600;
const MIN_RUNNING: i64 = 900;

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[derive(Default, Debug)]
struct Told {
    stops: usize,
    starts: usize,
    writes: usize,
    changes: usize,
    causes: std::collections::BTreeMap<&'static str, usize>,
}

/// So many days of one server that is asked every `period` seconds. All times are in seconds of true time from its start; `skew`
/// is what the controller's clock is wrong by.
#[allow(clippy::too_many_lines)]
fn run(zone: &str, seed: u64, days: i64, period: i64) -> Told {
    let mut dice = Dice(seed);
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let spec = serde_json::from_value(json!({
        "idle": {"idleAfter": "1h", "minRunning": "15m"},
        "lifetime": {"maxRunning": "20h", "hardLimit": "10h"},
        "schedule": {"timeZone": zone, "busyLimit": "1h", "windows": [
            {"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "from": "07:30", "to": "02:15"},
            {"days": ["Saturday", "Sunday"], "from": "02:30", "to": "12:00"},
        ]},
    }));
    let policies = [Named { name: "lab".to_owned(), created: None, spec: spec.unwrap() }];
    let none = std::collections::BTreeMap::new();
    let mut effective = effective(&policies, &none, &none, &none, &Defaults::default());
    effective.wishes.start_with_window = dice.one_in(2);
    let schedule = &effective.schedule.as_ref().unwrap().section;

    let mut told = Told::default();
    let (mut t, mut skew, mut life) = (0_i64, 0_i64, Life::default());
    let mut stopped: Option<StoppedAs> = None;
    let mut started = 0_i64;
    // When the clock was last set, or this process began: what was promised before may come later for that.
    let mut disturbed = 0_i64;
    let mut heard: Option<Judged> = None;
    let (mut busy_until, mut last_used, mut next_work) = (0_i64, 0_i64, 3_600_i64);
    let mut next_probe = 30_i64;
    let mut next_trouble = dice.roll(200_000);
    let mut was_busy = false;

    while t < days * 86_400 {
        if t >= next_work && (stopped.is_none() || dice.one_in(4)) {
            busy_until = t + 60 + if dice.one_in(20) { dice.roll(150_000) } else { dice.roll(9_000) };
            next_work = busy_until + 60 + if dice.one_in(3) { dice.roll(90_000) } else { dice.roll(5_000) };
            if stopped.take().is_some() {
                (started, heard, last_used) = (t, None, t);
                told.starts += 1;
                next_probe = t + 10;
            }
        } else if t >= next_work {
            next_work = t + 7_200;
        }
        let running = stopped.is_none();
        let busy = running && t < busy_until;
        if running && was_busy {
            last_used = last_used.max(busy_until.min(t));
        }
        if busy {
            last_used = t;
        }
        told.changes += usize::from(busy != was_busy);
        was_busy = busy;
        if t >= next_trouble {
            next_trouble = t + 600 + dice.roll(300_000);
            disturbed = t;
            // A restart, or the other replica; or a clock that is set, both ways.
            heard = None;
            next_probe = t + dice.roll(120);
            if dice.one_in(3) {
                skew = dice.roll(7_200) - 3_600;
                disturbed = t + 3_600;
            }
            told.changes += 3;
        }
        let clock_now = begin + secs(t + skew);
        let mut asked = false;
        if running && t >= next_probe {
            next_probe = t + period;
            let failed = dice.one_in(25);
            told.changes += usize::from(failed);
            let (verdict, since) = match (failed, busy) {
                (true, _) => (Verdict::Unknown, clock_now),
                (_, true) => (Verdict::Busy, clock_now),
                _ => (Verdict::Idle, (begin + secs(last_used + skew)).min(clock_now)),
            };
            heard = Some(Judged { verdict, since, evidence: Vec::new(), at: clock_now });
            asked = true;
        }
        let pod_started = begin + secs(started);
        let facts = Facts {
            now: clock_now,
            life: &life,
            stopped,
            pod: running.then_some(Pod { started: pod_started }),
            heard: heard.as_ref(),
            effective: &effective,
        };
        let decision = decide(&facts);
        if let Act::Stop { cause, .. } = &decision.act {
            let pending = life.activity.as_ref().and_then(|activity| activity.pending.as_ref()).unwrap();
            assert!(stopped.is_none(), "stopped twice");
            assert!(clock_now.duration_since(pending.warned) >= secs(WARNING), "inside the grace at {clock_now}");
            assert!(clock_now.duration_since(pod_started) >= secs(MIN_RUNNING), "right after its start at {clock_now}");
            let found = heard.as_ref().unwrap();
            assert!(found.at >= pending.at && found.at <= clock_now, "on an old answer at {clock_now}");
            let limit = match cause {
                StopCause::HardLimit => clock_now.duration_since(pod_started) >= secs(30 * 3_600),
                StopCause::Schedule => previous_end(schedule, clock_now - secs(3_600)).is_some_and(|e| e > pod_started),
                _ => false,
            };
            assert!(found.verdict == Verdict::Idle || limit, "{cause:?} stops a busy server at {clock_now}");
            assert!(found.verdict != Verdict::Idle || found.since == (begin + secs(last_used + skew)).min(clock_now));
            if *cause == StopCause::Idle {
                assert!(clock_now.duration_since(found.since) >= secs(IDLE_AFTER), "early at {clock_now}");
            }
            *told.causes.entry(cause.as_str()).or_default() += 1;
            told.stops += 1;
            stopped = Some(StoppedAs { by_schedule: *cause == StopCause::Schedule, since: Some(clock_now) });
        }
        if decision.act == Act::Start {
            assert!(stopped.take().is_some_and(|stopped| stopped.by_schedule));
            (started, heard, last_used) = (t, None, t);
            told.starts += 1;
        }
        if decision.activity != life.activity {
            told.writes += 1;
            // Now and then a write is lost.
            if !dice.one_in(30) {
                life.activity = decision.activity;
            }
        }
        let idle_for = t - last_used.max(started).max(disturbed);
        // A pod from the future, by a clock that is behind, is as young as that.
        let slack = IDLE_AFTER + WARNING + 12 * period + (-skew).max(0);
        assert!(stopped.is_some() || busy || idle_for <= slack, "idle for {idle_for} s at {clock_now}");
        if decision.act == Act::Ask && !asked {
            next_probe = t;
        }
        let next = decision.next.map_or(i64::MAX, |next| next.duration_since(clock_now).as_secs() + t + 1);
        let work = if busy { busy_until } else { next_work };
        let probe = if stopped.is_some() { i64::MAX } else { next_probe };
        let same = if decision.act == Act::Ask && !asked { t } else { t + 1 };
        t = next.min(work).min(probe).min(next_trouble).max(same);
    }
    told
}

#[test]
fn in_a_year_nobody_who_works_is_stopped_and_every_idle_server_is() {
    for (seed, zone) in (7_u64..).zip(ZONES) {
        // Asked seldom for a whole year, and as often as in a cluster for some days.
        check(&run(zone, seed, 365, 900), 100);
        check(&run(zone, seed + 100, 20, 300), 5);
        check(&run(zone, seed + 200, 5, 60), 1);
    }
}

fn check(told: &Told, least: usize) {
    assert!(told.stops > least && told.starts > least, "{told:?}");
    // To idle and back, announced, cancelled or stopped, and gone: what is written comes of what happened.
    assert!(told.writes <= 4 * (told.changes + told.stops + told.starts), "{told:?}");
}
