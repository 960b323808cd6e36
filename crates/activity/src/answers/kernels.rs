//! Jupyter's `/api/kernels`: the state of each kernel is the truth, a silent cell counts.

use carrel_api::activity::{Signal, Vote};
use jiff::Timestamp;
use serde::Deserialize;

use super::Answer;
use crate::Reading;

#[derive(Deserialize)]
struct Kernel {
    execution_state: String,
    last_activity: Timestamp,
}

/// What Jupyter's kernels say. A server without kernels is idle, since a time that it does not know.
pub fn read(answer: &Answer, asked: Timestamp) -> Reading {
    super::read(Signal::Kernels, answer, asked, "the answer is no list of kernels", |kernels: Vec<Kernel>| {
        let count = kernels.len();
        let busy = kernels.iter().filter(|kernel| kernel.execution_state == "busy").count();
        let strange = kernels.iter().find(|kernel| {
            let known = ["busy", "idle", "starting", "restarting", "autorestarting", "dead"];
            !known.contains(&kernel.execution_state.as_str())
        });
        let (vote, value) = match strange {
            _ if busy > 0 => (Vote::Busy, format!("{busy} of {count} kernels busy")),
            Some(kernel) => (Vote::Unknown, format!("a kernel is in an unknown state: {}", kernel.execution_state)),
            None if count == 0 => (Vote::Idle, "no kernels".to_owned()),
            None => (Vote::Idle, format!("none of {count} kernels busy")),
        };
        Ok((vote, value, kernels.iter().map(|kernel| kernel.last_activity).max()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(states: &[&str]) -> Reading {
        let one = |(at, state): (usize, &&str)| {
            format!(r#"{{"execution_state":"{state}","last_activity":"2026-03-02T10:0{at}:00.5Z","connections":0}}"#)
        };
        let all: Vec<_> = states.iter().enumerate().map(one).collect();
        read(&Answer::Body(format!("[{}]", all.join(","))), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn one_busy_kernel_is_enough() {
        assert_eq!(of(&["idle", "busy", "odd"]).vote, Vote::Busy);
        assert_eq!(of(&["idle", "busy", "odd"]).value, "1 of 3 kernels busy");
    }

    #[test]
    fn kernels_that_are_not_busy_count_by_their_newest_time() {
        for states in [["idle", "idle"], ["dead", "starting"], ["restarting", "dead"]] {
            let reading = of(&states);
            assert_eq!(reading.vote, Vote::Idle, "{states:?}");
            assert_eq!(reading.last_active, "2026-03-02T10:01:00.5Z".parse().ok());
        }
        assert_eq!((of(&[]).vote, of(&[]).last_active), (Vote::Idle, None));
    }

    #[test]
    fn a_state_that_is_not_known_is_unknown() {
        assert_eq!(of(&["idle", "unknown"]).vote, Vote::Unknown);
        assert_eq!(read(&Answer::NotFound, Timestamp::UNIX_EPOCH).vote, Vote::Unknown);
    }
}
