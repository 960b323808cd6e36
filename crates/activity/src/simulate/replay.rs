//! One run, step by step: at each record, and whenever a decision says to look again.

use carrel_api::activity::{Life, StopCause, Verdict};
use jiff::Timestamp;

use super::{Stop, Warning};
use crate::contract::{Act, Decision, Facts, Pod, StoppedAs, decide};
use crate::history::{Happened, Heard, Record, Run, Said};
use crate::judge::Judged;
use crate::policy::{Defaults, Effective, Named, effective};

/// A decision that is stored leads to the next one at once; after so many it rests.
const AT_ONCE: usize = 4;

/// The warnings of a run from one time to another, and how it would have been stopped. `life` is what is stored at first.
pub(super) fn replay(
    run: &Run<'_>,
    policies: &[Named],
    defaults: &Defaults,
    life: Life,
    (from, until): (Timestamp, Timestamp),
) -> (Vec<Warning>, Option<Stop>) {
    let what_holds =
        |said: &Said| effective(policies, &said.namespace_labels, &said.labels, &said.annotations, defaults);
    let pod = Pod { started: run.started.container };
    let mut effective = what_holds(&run.started.said);
    let (mut life, mut warnings, mut heard) = (life, Vec::new(), None);
    let mut records = run.records.as_slice();
    let mut now = run.noted.max(from);
    loop {
        while let Some((record, rest)) = records.split_first().filter(|(record, _)| record.at <= now) {
            match &record.happened {
                Happened::Started(started) => effective = what_holds(&started.said),
                Happened::Changed(said) => effective = what_holds(said),
                Happened::Verdict(verdict) => heard = Some(verdict),
                _ => {}
            }
            records = rest;
        }
        let next_record = records.first().map(|record| record.at);
        let mut next = next_record;
        if !is_blind(records, now) {
            let decision = settle(&mut life, &mut warnings, |life| {
                let judged = heard.map(|heard| judged(heard, now));
                decide(&Facts {
                    now,
                    life,
                    stopped: None,
                    pod: Some(pod),
                    heard: judged.as_ref(),
                    effective: &effective,
                })
            });
            if let Act::Stop { cause, last_stop } = decision.act {
                let starts_again =
                    (cause == StopCause::Schedule).then(|| starts_again(&effective, now, until)).flatten();
                let used = |record: &&&Record| matches!(&record.happened, Happened::Verdict(heard) if heard.verdict == Verdict::Busy);
                let stop = Stop {
                    at: now,
                    cause,
                    by: last_stop.by,
                    message: last_stop.message,
                    evidence: last_stop.evidence,
                    starts_again,
                    used_again: records.iter().find(used).map(|record| record.at),
                };
                return (warnings, Some(stop));
            }
            next = next.into_iter().chain(decision.next).min();
        }
        match next.filter(|next| *next <= until) {
            Some(next) => now = next,
            None => return (warnings, None),
        }
    }
}

/// Decides, and stores and decides again for as long as that changes what is stored, as a write wakes the controller.
fn settle(life: &mut Life, warnings: &mut Vec<Warning>, decide: impl Fn(&Life) -> Decision) -> Decision {
    let mut decision = decide(life);
    for _ in 0..AT_ONCE {
        if let Some(warn) = &decision.warn {
            let stop = &warn.stop;
            warnings.push(Warning { at: stop.warned, due: stop.at, cause: stop.cause, by: warn.by.clone() });
        }
        if life.activity == decision.activity {
            break;
        }
        life.activity.clone_from(&decision.activity);
        decision = decide(life);
    }
    decision
}

/// Whether nobody looked at this time: the next verdict that was heard says so. Nothing is decided then, as nothing was heard
/// on which a stop could rest.
fn is_blind(records: &[&Record], now: Timestamp) -> bool {
    let next = records.iter().find_map(|record| match &record.happened {
        Happened::Verdict(heard) => Some(heard),
        _ => None,
    });
    next.and_then(|heard| heard.unseen_since).is_some_and(|since| since < now)
}

fn judged(heard: &Heard, now: Timestamp) -> Judged {
    Judged { verdict: heard.verdict, since: heard.since, evidence: heard.evidence.clone(), at: now }
}

/// When the schedule starts a server again that it stopped at `since`, if that is by `until`.
fn starts_again(effective: &Effective, since: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let stopped = Some(StoppedAs { by_schedule: true, since: Some(since) });
    let life = Life::default();
    let mut now = since;
    while now <= until {
        let decision = decide(&Facts { now, life: &life, stopped, pod: None, heard: None, effective });
        match decision.act {
            Act::Start => return Some(now),
            Act::Delete => return None,
            _ => now = decision.next?,
        }
    }
    None
}
