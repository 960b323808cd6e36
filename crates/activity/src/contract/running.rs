//! What becomes of a server that runs.

use carrel_api::TimeSpan;
use carrel_api::activity::{Activity, Evidence, LastStop, PendingStop, Signal, Verdict, Vote};
use carrel_api::lab_policy::WhenUnknown;
use jiff::Timestamp;

use super::clock::{after, between};
use super::snooze::{Snooze, snooze};
use super::stops::{Reason, reasons};
use super::{Act, Announced, Decision, Facts, Pod, UnknownForLong};
use crate::judge::Judged;
use crate::schedule::{self, State};

/// After how long at most a server that stopped being busy, or that can't be told of any more, is said to be so.
const SETTLES: TimeSpan = TimeSpan::from_mins(5);

/// The verdict that decides: what was heard, with the snooze, counted from this start.
struct Now {
    verdict: Verdict,
    since: Timestamp,
    evidence: Vec<Evidence>,
}

pub(super) fn running(facts: &Facts<'_>, pod: Pod) -> Decision {
    let mut decision = Decision::default();
    let stored = facts.life.activity.as_ref();
    let snooze = snooze(facts, pod);
    // What was heard of an earlier pod says nothing of this one; of what is stored, each rule looks at the times.
    let heard = facts.heard.filter(|heard| heard.at >= pod.started);
    if let Some(until) = snooze.until {
        decision.look_again(facts.now, until);
    }
    decision.snooze_refused.clone_from(&snooze.refused);
    let Some(now) = now(heard, &snooze, stored, pod) else {
        unheard(facts, stored, snooze, &mut decision);
        return decision;
    };

    let mut activity = publish(facts, pod, stored, &now, &mut decision);
    if snooze.kept.is_some() {
        activity.get_or_insert_with(|| now.activity());
    }
    if let Some(activity) = &mut activity {
        activity.kept = snooze.kept;
    }
    let old = stored.and_then(|stored| stored.pending.as_ref()).filter(|pending| pending.warned >= pod.started);
    let said_idle = activity.as_ref().is_some_and(|activity| activity.verdict == Verdict::Idle);
    let unsettled = now.verdict == Verdict::Unknown && said_idle;
    let found = plan(facts, pod, &now, stored, old, &mut decision);
    match found {
        Some((pending, reason)) => {
            let activity = activity.get_or_insert_with(|| now.activity());
            if reason.only_idle {
                // Whoever reads of the stop reads of what it rests on.
                (activity.verdict, activity.since) = (Verdict::Idle, now.since);
                if stored.is_none_or(|stored| stored.verdict != Verdict::Idle || stored.since != now.since) {
                    activity.evidence.clone_from(&now.evidence);
                }
            }
            if old != Some(&pending) {
                announce(old, &pending, &reason, &mut decision);
            } else if pending.at <= facts.now {
                decision.act = due(facts.now, heard, &pending, reason);
            }
            decision.look_again(facts.now, pending.at);
            activity.pending = Some(pending);
        }
        // One answer that did not come neither stops nor cancels.
        None if unsettled && old.is_some() => {
            activity = activity.map(|activity| Activity { pending: old.cloned(), ..activity });
            if old.is_some_and(|pending| pending.at <= facts.now) {
                decision.act = Act::Ask;
            }
        }
        None => {
            decision.cancelled = old.map(|pending| pending.cause);
            activity = activity.map(|activity| Activity { pending: None, ..activity });
        }
    }
    if let Some(activity) = &activity {
        protect(facts, activity, &mut decision);
    }
    unknown(facts, &now, &mut decision);
    decision.activity = activity;
    decision
}

/// Nothing was heard yet by this process: what is stored stays, and a stop whose time came needs an answer.
fn unheard(facts: &Facts<'_>, stored: Option<&Activity>, snooze: Snooze, decision: &mut Decision) {
    let mut activity = stored.cloned();
    if let Some(activity) = &mut activity {
        activity.kept = snooze.kept;
        if let Some(pending) = &activity.pending {
            if pending.at <= facts.now {
                decision.act = Act::Ask;
            }
            decision.look_again(facts.now, pending.at);
        }
        protect(facts, activity, decision);
    }
    decision.activity = activity;
}

fn now(heard: Option<&Judged>, snooze: &Snooze, stored: Option<&Activity>, pod: Pod) -> Option<Now> {
    if let (Some(until), Some(kept)) = (snooze.until, &snooze.kept)
        && heard.is_none_or(|heard| heard.verdict != Verdict::Busy)
    {
        let value = format!("kept until {until:.0}");
        let mine = Evidence { signal: Signal::KeepAlive, vote: Vote::Busy, value, at: kept.from };
        let evidence = heard.into_iter().flat_map(|heard| heard.evidence.iter().cloned()).chain([mine]).collect();
        return Some(Now { verdict: Verdict::Busy, since: kept.from, evidence });
    }
    let heard = heard?;
    let mut since = heard.since.max(pod.started);
    // What is stored was true when it was stored: a process that heard less does not set the clock back.
    if let Some(stored) = stored.filter(|stored| {
        stored.since >= pod.started
            && match heard.verdict {
                Verdict::Idle => stored.verdict != Verdict::Unknown,
                other => stored.verdict == other,
            }
    }) {
        since = if heard.verdict == Verdict::Idle { since.max(stored.since) } else { stored.since };
    }
    Some(Now { verdict: heard.verdict, since, evidence: heard.evidence.clone() })
}

impl Now {
    fn activity(&self) -> Activity {
        Activity {
            verdict: self.verdict,
            since: self.since,
            evidence: self.evidence.clone(),
            pending: None,
            kept: None,
        }
    }
}

/// What is said of the server: what was said, unless the verdict changed and that has settled. Of one that started just now
/// nothing is said until somebody uses it, or nobody does for a while: a start costs no word for that.
fn publish(
    facts: &Facts<'_>,
    pod: Pod,
    stored: Option<&Activity>,
    now: &Now,
    decision: &mut Decision,
) -> Option<Activity> {
    if let Some(stored) = stored
        && stored.verdict == now.verdict
        && (stored.since == now.since || now.verdict != Verdict::Idle)
    {
        // Of an earlier pod only the time is wrong.
        return Some(Activity { since: stored.since.max(now.since), ..stored.clone() });
    }
    let settles = facts
        .effective
        .idle_after
        .map_or(SETTLES, |limit| SETTLES.min(TimeSpan::from_secs(limit.duration().as_secs() / 4)));
    let from = if stored.is_some() { now.since } else { now.since.max(pod.started) };
    let settled = after(from, settles);
    if stored.is_none() && now.verdict == Verdict::Unknown && now.evidence.is_empty() {
        // Nothing is asked that could tell.
        return None;
    }
    if now.verdict == Verdict::Busy || settled <= facts.now {
        return Some(now.activity());
    }
    decision.look_again(facts.now, settled);
    stored.cloned()
}

/// The stop that comes next, if one is to be announced by now. One that was announced goes on as long as its reason holds.
fn plan(
    facts: &Facts<'_>,
    pod: Pod,
    now: &Now,
    stored: Option<&Activity>,
    old: Option<&PendingStop>,
    decision: &mut Decision,
) -> Option<(PendingStop, Reason)> {
    let same = stored.is_some_and(|stored| stored.verdict == Verdict::Idle && stored.since == now.since);
    let mut found: Option<(bool, PendingStop, Reason)> = None;
    let hours = facts.effective.schedule.as_ref().map(|by| schedule::state(&by.section, facts.now));
    for reason in reasons(facts, pod, now.verdict, now.since, hours) {
        let goes_on = old.filter(|old| old.cause == reason.cause && (same || !reason.only_idle));
        if reason.announced_from() > facts.now {
            // With a clock that was set back, a stop that was announced waits for its time without a word.
            let Some(_) = goes_on.filter(|old| old.warned > facts.now && old.at >= reason.at) else {
                decision.look_again(facts.now, reason.announced_from());
                continue;
            };
        }
        let warned = goes_on.map_or(facts.now, |old| old.warned);
        let pending = PendingStop { at: reason.at.max(after(warned, reason.warning)), cause: reason.cause, warned };
        let key = |on: bool, pending: &PendingStop| (!on, pending.at);
        if found.as_ref().is_none_or(|(on, best, _)| key(goes_on.is_some(), &pending) < key(*on, best)) {
            found = Some((goes_on.is_some(), pending, reason));
        }
    }
    if let Some(State::Open { until: Some(until) } | State::Closed { until }) = hours {
        decision.look_again(facts.now, until);
    }
    found.map(|(_, pending, reason)| (pending, reason))
}

fn announce(old: Option<&PendingStop>, pending: &PendingStop, reason: &Reason, decision: &mut Decision) {
    let goes_on = old.is_some_and(|old| old.cause == pending.cause && old.warned == pending.warned);
    if goes_on {
        return;
    }
    decision.cancelled = old.map(|old| old.cause);
    let message = format!("It will be stopped at {:.0}, by {}: {}", pending.at, reason.by, reason.why);
    decision.warn = Some(Announced { stop: pending.clone(), by: reason.by.clone(), message });
}

/// The time of a stop that was announced and stored has come.
fn due(now: Timestamp, heard: Option<&Judged>, pending: &PendingStop, reason: Reason) -> Act {
    // An answer from the future was heard before the clock was set back.
    match heard.filter(|heard| heard.at >= pending.at && heard.at <= now) {
        None => Act::Ask,
        Some(heard) => Act::Stop {
            cause: reason.cause,
            last_stop: LastStop {
                at: now,
                cause: reason.cause,
                message: format!("Stopped by {}: {}", reason.by, reason.why),
                by: reason.by,
                evidence: heard.evidence.clone(),
            },
        },
    }
}

fn protect(facts: &Facts<'_>, activity: &Activity, decision: &mut Decision) {
    let policy = &facts.effective.protect_busy.section;
    let until = after(activity.since, policy.cap);
    if policy.enabled && activity.verdict == Verdict::Busy && facts.now < until {
        decision.protect_until = Some(until);
        decision.look_again(facts.now, until);
    }
}

fn unknown(facts: &Facts<'_>, now: &Now, decision: &mut Decision) {
    if now.verdict != Verdict::Unknown || now.evidence.is_empty() {
        return;
    }
    let idle = facts.effective.idle.as_ref().map(|by| &by.section);
    let long = idle.map_or(TimeSpan::from_hours(1), |idle| idle.unknown_after);
    if between(now.since, facts.now) < long {
        decision.look_again(facts.now, after(now.since, long));
        return;
    }
    let told: Vec<_> =
        now.evidence.iter().filter(|one| one.vote == Vote::Unknown).map(|one| one.value.as_str()).collect();
    let told = if told.is_empty() { "nothing answers".to_owned() } else { told.join("; ") };
    let message = format!(
        "Nobody can tell since {:.0} whether it is used, so it is not stopped for being idle: {told}",
        now.since
    );
    decision.unknown_for_long =
        Some(UnknownForLong { message, warn: idle.is_some_and(|i| i.unknown == WhenUnknown::Warn) });
}
