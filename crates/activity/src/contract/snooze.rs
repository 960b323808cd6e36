//! Snoozes: each value of the annotation is granted once, cut to what the policy allows, and counts against a budget.

use carrel_api::TimeSpan;
use carrel_api::activity::Kept;
use carrel_api::vocabulary::KEEP_ALIVE;
use jiff::Timestamp;

use super::clock::{after, between};
use super::{Facts, Pod};

/// What becomes of the owner's wish to keep the server.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Snooze {
    /// What is stored.
    pub(super) kept: Option<Kept>,
    /// Until when it holds, if it does.
    pub(super) until: Option<Timestamp>,
    /// Why the owner does not get it, in a sentence.
    pub(super) refused: Option<String>,
}

pub(super) fn snooze(facts: &Facts<'_>, pod: Pod) -> Snooze {
    let policy = &facts.effective.keep_alive;
    let stored = facts.life.activity.as_ref().and_then(|activity| activity.kept.as_ref());
    // A start gives the whole budget back.
    let stored = stored.filter(|kept| kept.from >= pod.started).cloned();
    let Some(wish) = &facts.effective.wishes.keep_alive else { return Snooze { kept: stored, ..Snooze::default() } };
    let holds = |kept: &Kept| {
        let until = kept.until.min(after(kept.from, policy.section.max));
        Some(until).filter(|until| facts.now < *until)
    };
    if let Some(kept) = stored.as_ref().filter(|kept| kept.asked == wish.asked) {
        return Snooze { until: holds(kept), kept: stored, refused: None };
    }
    let from = facts.now.max(pod.started);
    let unused = stored.as_ref().map_or(TimeSpan::ZERO, |kept| between(from, kept.until));
    let used = stored.as_ref().map_or(0, |kept| kept.used_seconds) - unused.duration().as_secs();
    let mut granted = between(from, wish.until).min(policy.section.max);
    let asked_for_none = granted.is_zero();
    if let Some(budget) = policy.section.budget {
        granted = granted.min(TimeSpan::from_secs(budget.duration().as_secs() - used));
    }
    if granted.is_zero() {
        let refused = (!asked_for_none).then(|| {
            format!("{KEEP_ALIVE} is refused: the budget of {} for all snoozes since the start is used up", policy.name)
        });
        return Snooze { kept: stored, until: None, refused };
    }
    let used_seconds = used + granted.duration().as_secs();
    let kept = Kept { asked: wish.asked.clone(), from, until: after(from, granted), used_seconds };
    Snooze { until: holds(&kept), kept: Some(kept), refused: None }
}
