//! Recorded days of servers, replayed through the judge with a simple rule for stopping.

use std::collections::BTreeMap;
use std::path::Path;

use carrel_api::TimeSpan;
use carrel_api::activity::Verdict;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::Reading;
use crate::answers::{Answer, code_server, endpoint, kernels, terminals, usage};
use crate::judge::{Memory, Round, Rules, judge};

/// One day of a server. Times are `HH:MM[:SS]` after the same midnight.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trace {
    pub(crate) shows: String,
    pub(crate) period: TimeSpan,
    pub(crate) idle_after: TimeSpan,
    pub(crate) started: String,
    /// When the pod was made, where it waited before it started.
    pub(crate) created: Option<String>,
    pub(crate) rounds: Vec<Part>,
    /// When it was really worked with.
    pub(crate) truth: Vec<(String, String)>,
    /// Whether what is reachable is enough to stop it.
    pub(crate) stops: Option<bool>,
    /// How much later than by the truth it may stop, for what can't be known in time.
    #[serde(default)]
    pub(crate) late: TimeSpan,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) restarts: Vec<String>,
    pub(crate) stuck_after: Option<TimeSpan>,
}

/// A step of the controller's clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    at: String,
    by: TimeSpan,
    #[serde(default)]
    back: bool,
}

/// Rounds with the same answers; a signal that is absent is not asked.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    from: String,
    to: String,
    kernels: Option<String>,
    terminals: Option<String>,
    code_server: Option<String>,
    endpoint: Option<String>,
    cpu: Option<String>,
    gpu: Option<String>,
    /// A browser is connected through the proxy.
    #[serde(default)]
    pub(crate) traffic: bool,
    /// An IDE, a terminal or SSH is connected.
    #[serde(default)]
    pub(crate) connected: bool,
}

/// One round of a trace.
pub(crate) struct Look {
    /// When, in truth.
    pub(crate) true_at: Timestamp,
    /// When, by the controller's clock.
    pub(crate) at: Timestamp,
    pub(crate) readings: Vec<Reading>,
    pub(crate) kernels: Option<Answer>,
    pub(crate) traffic: bool,
    pub(crate) connected: bool,
    pub(crate) restart: bool,
}

/// What became of a server.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Outcome {
    Right,
    StoppedSomeone,
    NeverStopped,
}

pub(crate) fn clock(text: &str) -> Timestamp {
    let parts: Vec<i64> = text.split(':').map(|part| part.parse().unwrap()).collect();
    let seconds = parts.iter().chain([&0]).take(3).fold(0, |sum, part| sum * 60 + part);
    Timestamp::from_second(1_772_409_600 + seconds).unwrap()
}

fn stamp(text: &str, now: Timestamp) -> Timestamp {
    if text == "now" { now } else { clock(text) }
}

/// The answer that a shorthand stands for; `item` makes the body of one of a list.
fn answer(text: &str, item: impl Fn(&str) -> String) -> Answer {
    match text {
        "404" => Answer::NotFound,
        "302" => Answer::Redirected("https://login.example/".to_owned()),
        "html" => Answer::Body("<html>Welcome</html>".to_owned()),
        "long" => Answer::TooLong,
        "timeout" => Answer::Timeout,
        "unreachable" => Answer::Unreachable("no route to host".to_owned()),
        "none" => Answer::Body("[]".to_owned()),
        _ if text.len() == 3 && text.parse::<u16>().is_ok() => Answer::Refused(text.parse().unwrap()),
        _ => Answer::Body(format!("[{}]", text.split(", ").map(item).collect::<Vec<_>>().join(","))),
    }
}

impl Part {
    fn readings(&self, now: Timestamp, at: Timestamp) -> (Vec<Reading>, Option<Answer>) {
        let mut readings = Vec::new();
        let kernels = self.kernels.as_ref().map(|text| {
            answer(text, |one| {
                let (state, time) = one.split_once(' ').unwrap();
                format!(r#"{{"execution_state":"{state}","last_activity":"{}"}}"#, stamp(time, now))
            })
        });
        readings.extend(kernels.iter().map(|answer| kernels::read(answer, at)));
        readings.extend(self.terminals.as_ref().map(|text| {
            let answer = answer(text, |one| format!(r#"{{"last_activity":"{}"}}"#, stamp(one, now)));
            terminals::read(&answer, at)
        }));
        readings.extend(self.code_server.as_ref().map(|text| {
            let (status, time) = text.split_once(' ').unwrap();
            let beat = stamp(time, now).as_millisecond();
            code_server::read(&Answer::Body(format!(r#"{{"status":"{status}","lastHeartbeat":{beat}}}"#)), at)
        }));
        readings.extend(self.endpoint.as_ref().map(|text| {
            let time = text.split_once(' ').map(|(_, time)| format!(r#","lastActivity":"{}""#, stamp(time, now)));
            let busy = text.starts_with("busy");
            endpoint::read(&Answer::Body(format!(r#"{{"busy":{busy}{}}}"#, time.unwrap_or_default())), at)
        }));
        readings.extend(self.cpu.as_ref().map(|used| usage::cpu(used.parse().ok(), 50, at)));
        readings.extend(self.gpu.as_ref().map(|used| usage::gpu(used.parse().ok(), 5, at)));
        (readings, kernels)
    }
}

impl Trace {
    pub(crate) fn all() -> BTreeMap<String, Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let read = |path: std::path::PathBuf| {
            let trace = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap());
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), trace.unwrap_or_else(|e| panic!("{path:?}: {e}")))
        };
        files.map(read).collect()
    }

    pub(crate) fn looks(&self) -> Vec<Look> {
        let mut looks = Vec::new();
        let mut restarts: Vec<_> = self.restarts.iter().map(|text| clock(text)).collect();
        for part in &self.rounds {
            let mut now = clock(&part.from);
            while now <= clock(&part.to) {
                let steps = self.steps.iter().filter(|step| clock(&step.at) <= now);
                let step = |step: &Step| if step.back { -step.by.duration() } else { step.by.duration() };
                let at = now + steps.map(step).fold(SignedDuration::ZERO, |sum, step| sum + step);
                let (readings, kernels) = part.readings(now, at);
                let restart = restarts.first().is_some_and(|restart| *restart <= now);
                if restart {
                    restarts.remove(0);
                }
                let (traffic, connected) = (part.traffic, part.connected);
                looks.push(Look { true_at: now, at, readings, kernels, traffic, connected, restart });
                now += self.period.duration();
            }
        }
        looks
    }

    /// What it means that the server was stopped then.
    pub(crate) fn outcome(&self, stopped: Option<Timestamp>) -> Outcome {
        let started = clock(&self.started);
        let end = clock(&self.rounds.last().unwrap().to);
        let spans: Vec<_> = self.truth.iter().map(|(from, to)| (clock(from), clock(to))).collect();
        let worked_until = |now: Timestamp| {
            let until = spans.iter().filter(|(from, _)| *from <= now).map(|(_, to)| *to);
            until.max().unwrap_or(started).max(started)
        };
        let late = self.idle_after.duration() + self.period.duration() + self.late.duration();
        // A step of the clock costs a round.
        let late = late + self.period.duration() * i32::try_from(self.steps.len()).unwrap();
        match stopped {
            Some(at) if at < worked_until(at) + self.idle_after.duration() => Outcome::StoppedSomeone,
            Some(at) if self.stops.unwrap_or(true) && at > worked_until(at) + late => Outcome::NeverStopped,
            None if self.stops.unwrap_or(true) && end >= worked_until(end) + late => Outcome::NeverStopped,
            Some(_) | None => Outcome::Right,
        }
    }

    pub(crate) fn carrel(&self) -> Option<Timestamp> {
        let started = clock(&self.started);
        let gap = TimeSpan::from_secs(self.period.duration().as_secs() * 3);
        let rules = Rules { stuck_after: self.stuck_after, longest_gap: Some(gap) };
        let (mut memory, mut last) = (Memory::default(), None);
        for look in self.looks() {
            if let Some((verdict, since)) = last.filter(|_| look.restart) {
                memory = Memory::restored(verdict, since, look.at);
            }
            let judged = judge(&mut memory, &Round { readings: look.readings, at: look.at }, &rules, started);
            last = Some((judged.verdict, judged.since));
            let idle_for = judged.at.duration_since(judged.since);
            if judged.verdict == Verdict::Idle && idle_for >= self.idle_after.duration() {
                return Some(look.true_at);
            }
        }
        None
    }
}

#[test]
fn nobody_who_works_is_stopped_and_every_idle_server_is_stopped_in_time() {
    let traces = Trace::all();
    assert!(traces.len() >= 40, "{}", traces.len());
    let wrong = traces.iter().filter_map(|(name, trace)| {
        let stopped = trace.carrel();
        let outcome = trace.outcome(stopped);
        (outcome != Outcome::Right).then(|| format!("{name}: {outcome:?} at {stopped:?}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
