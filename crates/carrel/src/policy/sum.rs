//! A simulation in a sentence.

use std::fmt::Write;

use carrel_activity::history::Hours;
use carrel_activity::simulate::Fate;
use jiff::SignedDuration;

use super::rows::hours;
use super::simulate::Tried;

/// All that would be given back.
pub(super) fn given_back(fates: &[Fate]) -> Hours {
    let mut sum = Hours::default();
    for fate in fates {
        sum += &fate.given_back;
    }
    sum
}

/// What would happen, in numbers.
pub(super) fn sum(tried: &Tried) -> String {
    let fates = &tried.simulation.fates;
    let count = |what: fn(&Fate) -> bool| fates.iter().filter(|fate| what(fate)).count();
    let stopped = count(|fate| fate.stopped.is_some());
    let warned = count(|fate| !fate.warnings.is_empty());
    let again = count(|fate| fate.stopped.as_ref().is_some_and(|stop| stop.used_again.is_some()));
    let (whose, will) = if tried.ahead { ("servers that run", "will be") } else { ("runs", "would have been") };
    let mut words = format!(
        "From {:.0} to {:.0}, {warned} of {} {whose} {will} warned and {stopped} stopped; that gives back {}",
        tried.from,
        tried.until,
        fates.len(),
        hours(&tried.given_back)
    );
    let days = tried.until.duration_since(tried.from).max(SignedDuration::from_hours(1)).as_secs_f64() / 86_400.0;
    let _ = write!(words, ", which is {} a day", hours(&by(&tried.given_back, days)));
    if again > 0 {
        let _ = write!(words, ". {again} of those that are stopped were used again later in the same run");
    }
    words
}

fn by(hours: &Hours, days: f64) -> Hours {
    Hours {
        servers: hours.servers / days,
        cpu: hours.cpu / days,
        memory_gib: hours.memory_gib / days,
        gpus: hours.gpus.iter().map(|(name, hours)| (name.clone(), hours / days)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use carrel_activity::simulate::Simulation;

    use super::super::rows::tests::fate;
    use super::*;

    #[test]
    fn it_counts_stops_and_hours() {
        let idle = Fate { stopped: None, warnings: Vec::new(), given_back: Hours::default(), ..fate() };
        let fates = vec![fate(), idle];
        let (from, until) = ("2026-03-01T00:00:00Z".parse().unwrap(), "2026-03-03T00:00:00Z".parse().unwrap());
        let given_back = given_back(&fates);
        let tried = Tried { ahead: false, from, until, given_back, simulation: Simulation { fates, without_start: 0 } };
        assert_eq!(
            sum(&tried),
            "From 2026-03-01T00:00:00Z to 2026-03-03T00:00:00Z, 1 of 2 runs would have been warned and 1 stopped; that gives \
             back 3.0 h, 6.0 CPU h, 3.0 nvidia.com/gpu h, which is 1.5 h, 3.0 CPU h, 1.5 nvidia.com/gpu h a day. 1 of those \
             that are stopped were used again later in the same run"
        );
    }
}
