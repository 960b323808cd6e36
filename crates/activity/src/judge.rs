//! From what the signals say, round after round, to a verdict.
//!
//! Idle time is what was seen to be idle. A server's own times are compared with what it said before, so that a clock that
//! is wrong neither hides work nor makes it up; and where nobody could look, the time does not count as idle.

use std::collections::BTreeMap;

use carrel_api::TimeSpan;
use carrel_api::activity::{Evidence, Signal, Verdict, Vote};
use jiff::{SignedDuration, Timestamp};

use crate::Reading;
use crate::answers::bounded;

#[cfg(test)]
pub(crate) mod tests;

/// A verdict of this process, as new as its last round.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Whether somebody works with the server.
    pub verdict: Verdict,
    /// Since when; of Idle, the last activity.
    pub since: Timestamp,
    /// What each signal said in the last round.
    pub evidence: Vec<Evidence>,
    /// When the last round was.
    pub at: Timestamp,
}

/// What all signals of a server say at about one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// One reading of each signal that was asked.
    pub readings: Vec<Reading>,
    /// When, by this process's clock.
    pub at: Timestamp,
}

/// What an admin says of judging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How long a kernel may be busy without use of CPU until it counts as idle; for ever without it.
    pub stuck_after: Option<TimeSpan>,
    /// The longest time between two rounds, a few periods. In a longer one the clock jumped or nobody looked, and it does
    /// not count as idle. Without it, any time between two rounds counts.
    pub longest_gap: Option<TimeSpan>,
}

/// What is remembered of a server from round to round, in this process only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    last_round: Option<Timestamp>,
    verdict: Option<(Verdict, Timestamp)>,
    /// The latest known activity, but for a kernel that is busy without CPU use.
    latest: Option<Timestamp>,
    /// The last time that a kernel was busy without CPU use.
    stuck_kernel: Option<Timestamp>,
    /// Since when a kernel is busy without CPU use.
    quiet_since: Option<Timestamp>,
    seen: BTreeMap<Signal, Seen>,
    /// The server may have worked unseen: idleness counts from now, unless it says itself since when.
    unseen: bool,
    /// It was last known to work, perhaps by the use of CPU, of which its own times say nothing.
    was_busy: bool,
}

/// What a signal said when it last said something.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    busy: bool,
    stamp: Option<Timestamp>,
    at: Timestamp,
}

impl Memory {
    /// What is left after a restart of the process: the stored verdict, since when it holds, and the time now.
    pub fn restored(verdict: Verdict, since: Timestamp, at: Timestamp) -> Self {
        Self {
            last_round: Some(at),
            verdict: Some((verdict, since)),
            latest: (verdict == Verdict::Idle).then_some(since),
            unseen: verdict != Verdict::Idle,
            was_busy: verdict == Verdict::Busy,
            ..Self::default()
        }
    }

    /// Lets the time that nobody saw pass by, as if it had not been.
    fn skip(&mut self, gap: SignedDuration, started: Timestamp) {
        let later = |time: Timestamp| time.saturating_add(gap).unwrap_or(time);
        self.latest = Some(later(self.latest.unwrap_or(started).max(started)));
        self.stuck_kernel = self.stuck_kernel.map(later);
        self.quiet_since = self.quiet_since.map(later);
        self.last_round = self.last_round.map(later);
        for seen in self.seen.values_mut() {
            seen.at = later(seen.at);
        }
    }

    /// Notes one reading, and says when it shows activity, if it does.
    fn note(&mut self, reading: &Reading, at: Timestamp) -> Option<Timestamp> {
        let busy = match reading.vote {
            Vote::Busy => true,
            Vote::Idle => false,
            Vote::Unknown | Vote::Silent => return None,
        };
        let before = self.seen.insert(reading.signal, Seen { busy, stamp: reading.last_active, at });
        let stamp = reading.last_active.map(|stamp| stamp.min(at));
        match before {
            _ if busy => Some(at),
            None => stamp,
            // When it ended is known only by a time that fits in; else it may have been just now.
            Some(before) if before.busy => Some(stamp.filter(|stamp| *stamp >= before.at).unwrap_or(at)),
            Some(before) if reading.last_active > before.stamp => stamp.map(|stamp| stamp.max(before.at)),
            Some(_) => None,
        }
    }
}

/// The verdict after a round, and into the memory what the next one needs. `started` is when the server started.
pub fn judge(memory: &mut Memory, round: &Round, rules: &Rules, started: Timestamp) -> Judged {
    let at = memory.last_round.map_or(round.at, |last| last.max(round.at));
    if let (Some(last), Some(longest)) = (memory.last_round, rules.longest_gap) {
        let gap = at.duration_since(last);
        if gap > longest.duration() {
            memory.skip(gap, started);
        }
    }
    let last_round = memory.last_round.replace(at);
    let votes = |signal: Signal, vote: Vote| round.readings.iter().any(|r| r.signal == signal && r.vote == vote);

    let news = round.readings.iter().any(|reading| {
        let before = memory.seen.get(&reading.signal);
        before.is_some_and(|before| reading.last_active > before.stamp)
    });
    let kernel_busy = votes(Signal::Kernels, Vote::Busy);
    let quiet = votes(Signal::Cpu, Vote::Idle)
        && !votes(Signal::Gpu, Vote::Busy)
        && !votes(Signal::Kernels, Vote::Idle)
        && !votes(Signal::Kernels, Vote::Silent)
        && !news;
    memory.quiet_since = if quiet { memory.quiet_since.or_else(|| kernel_busy.then_some(at)) } else { None };
    let quiet_since = memory.quiet_since.filter(|_| kernel_busy);
    let stuck =
        quiet_since.zip(rules.stuck_after).is_some_and(|(since, limit)| at.duration_since(since) >= limit.duration());

    let mut busy = false;
    for reading in &round.readings {
        let active = memory.note(reading, at);
        if reading.signal == Signal::Kernels && quiet_since.is_some() {
            memory.stuck_kernel = Some(at);
            busy |= !stuck;
            continue;
        }
        // Work that ended without saying when needs no round of its own: it counts until now.
        let since_last_look = reading.last_active.is_some() && last_round.is_some_and(|last| active >= Some(last));
        busy |= reading.vote == Vote::Busy || since_last_look;
        memory.latest = memory.latest.max(active);
    }
    let verdict = if busy { Verdict::Busy } else { without_busy(round, stuck) };
    let since = match verdict {
        Verdict::Idle => idle_since(memory, round, stuck, at).max(started),
        Verdict::Busy | Verdict::Unknown => {
            memory.verdict.filter(|(before, _)| *before == verdict).map_or(at, |(_, since)| since)
        }
    };
    if verdict == Verdict::Busy {
        (memory.unseen, memory.was_busy) = (false, false);
    } else if verdict == Verdict::Unknown {
        let bearable = rules.longest_gap.unwrap_or_default().duration();
        memory.unseen |= at.duration_since(since) > bearable;
    }
    memory.verdict = Some((verdict, since));
    Judged { verdict, since, evidence: evidence(round, quiet_since, stuck), at }
}

/// Idle or Unknown, where nothing is busy.
fn without_busy(round: &Round, stuck: bool) -> Verdict {
    let votes = |signal: Signal, vote: Vote| round.readings.iter().any(|r| r.signal == signal && r.vote == vote);
    // A stock Kubeflow AuthorizationPolicy lets only `/api/kernels` through; the use of CPU then speaks for terminals.
    let spoken_for = votes(Signal::Cpu, Vote::Idle) && (votes(Signal::Kernels, Vote::Idle) || stuck);
    let unknown = round.readings.iter().any(|reading| {
        let forbidden = reading.signal == Signal::Terminals && reading.forbidden;
        let primary = match reading.signal {
            Signal::Kernels | Signal::Terminals | Signal::CodeServer | Signal::Endpoint => true,
            Signal::Cpu | Signal::Gpu | Signal::KeepAlive => false,
        };
        primary && reading.vote == Vote::Unknown && !(forbidden && spoken_for)
    });
    let told = |reading: &Reading| reading.vote == Vote::Idle && reading.signal != Signal::KeepAlive;
    if !unknown && (stuck || round.readings.iter().any(told)) { Verdict::Idle } else { Verdict::Unknown }
}

/// The last activity, but for the start of the server.
fn idle_since(memory: &mut Memory, round: &Round, stuck: bool, at: Timestamp) -> Timestamp {
    let stamped = round.readings.iter().any(|reading| reading.vote == Vote::Idle && reading.last_active.is_some());
    let used = |reading: &Reading| matches!(reading.signal, Signal::Cpu | Signal::Gpu) && reading.vote == Vote::Idle;
    if memory.unseen && (!stamped || memory.was_busy && round.readings.iter().any(used)) {
        memory.latest = memory.latest.max(Some(at));
    }
    (memory.unseen, memory.was_busy) = (false, false);
    let known = if stuck { memory.latest.max(memory.quiet_since) } else { memory.latest.max(memory.stuck_kernel) };
    known.unwrap_or(Timestamp::MIN)
}

/// The readings as evidence; a kernel that is busy without using CPU is named.
fn evidence(round: &Round, quiet_since: Option<Timestamp>, stuck: bool) -> Vec<Evidence> {
    let one = |reading: &Reading| {
        let mut evidence = reading.evidence();
        if let (Signal::Kernels, Some(since)) = (reading.signal, quiet_since) {
            let ruled = if stuck { "; idle by the policy" } else { "" };
            evidence.value = bounded(&format!("{}, since {since:.0} without CPU use{ruled}", evidence.value));
        }
        evidence
    };
    round.readings.iter().map(one).collect()
}
