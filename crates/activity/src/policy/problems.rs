//! Why a policy can't be followed, beyond what its schema tells.

use carrel_api::TimeSpan;
use carrel_api::lab_policy::{Idle, LabPolicySpec, Lifetime, Schedule, Signals};
use carrel_runtime::quantity;

use crate::schedule;

/// Why a policy can't be followed, in sentences for its admin; none if it can. `warnBefore` that is longer than half of
/// `idleAfter` is no such reason: it is cut.
pub fn problems(spec: &LabPolicySpec) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(idle) = &spec.idle {
        of_idle(idle, &mut problems);
    }
    if let Some(lifetime) = &spec.lifetime {
        of_lifetime(lifetime, &mut problems);
    }
    if let Some(schedule) = &spec.schedule {
        of_schedule(schedule, &mut problems);
    }
    if let Some(signals) = &spec.signals {
        of_signals(signals, &mut problems);
    }
    problems
}

fn of_idle(idle: &Idle, problems: &mut Vec<String>) {
    if idle.idle_after.is_some_and(TimeSpan::is_zero) {
        problems.push("idle.idleAfter must be longer than no time at all".to_owned());
    }
    let Some(band) = idle.user_limits else { return };
    let (min, max) = (band.min, band.max);
    if min > max {
        problems.push(format!("idle.userLimits.min ({min}) is more than idle.userLimits.max ({max})"));
    } else if let Some(after) = idle.idle_after.filter(|after| !(min..=max).contains(after)) {
        problems.push(format!("idle.idleAfter ({after}) must be from {min} to {max}, the band of idle.userLimits"));
    }
}

fn of_lifetime(lifetime: &Lifetime, problems: &mut Vec<String>) {
    if lifetime.max_running.is_zero() {
        problems.push("lifetime.maxRunning must be longer than no time at all".to_owned());
    }
}

fn of_schedule(schedule: &Schedule, problems: &mut Vec<String>) {
    if schedule::zone(&schedule.time_zone).is_none() {
        problems.push(format!(
            "schedule.timeZone ({:?}) must be the IANA name of a time zone, such as Europe/Berlin",
            schedule.time_zone
        ));
    }
    if schedule.windows.is_empty() {
        problems.push("schedule.windows must have one at least".to_owned());
    }
    for (index, window) in schedule.windows.iter().enumerate() {
        if window.days.is_empty() {
            problems.push(format!("schedule.windows[{index}].days must have one at least: the window is empty"));
        }
        if schedule::hours(&window.from).is_none_or(|hours| hours.next_day) {
            problems.push(format!(
                "schedule.windows[{index}].from ({:?}) must be a time of day such as 07:30",
                window.from
            ));
        }
        if schedule::hours(&window.to).is_none() {
            problems
                .push(format!("schedule.windows[{index}].to ({:?}) must be a time of day such as 19:00", window.to));
        }
    }
}

fn of_signals(signals: &Signals, problems: &mut Vec<String>) {
    if let Some(above) = &signals.cpu_above
        && quantity::nanos(above).is_none_or(|nanos| nanos < 0)
    {
        problems.push(format!("signals.cpuAbove ({above:?}) must be a quantity of CPUs such as 200m"));
    }
    if signals.stuck_after.is_some() && signals.cpu_above.is_none() {
        problems.push("signals.stuckAfter needs signals.cpuAbove, which tells whether a kernel works".to_owned());
    }
}
