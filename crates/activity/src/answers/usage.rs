//! What the use of CPU and GPUs says: much is work; little says only that nothing heavy runs.

use carrel_api::activity::{Signal, Vote};
use jiff::Timestamp;

use super::reading;
use crate::Reading;

/// What the pod's use of CPU says, in thousandths of a core; `None` where no metrics are served.
pub fn cpu(used: Option<u64>, threshold: u64, asked: Timestamp) -> Reading {
    of(Signal::Cpu, used, threshold, "m of CPU", asked)
}

/// What the use of the pod's GPUs says, in percent; `None` where no query is configured, or it finds nothing.
pub fn gpu(used: Option<u64>, threshold: u64, asked: Timestamp) -> Reading {
    of(Signal::Gpu, used, threshold, "% of GPU", asked)
}

fn of(signal: Signal, used: Option<u64>, threshold: u64, unit: &str, asked: Timestamp) -> Reading {
    match used {
        None => reading(signal, Vote::Silent, "no measurement", asked),
        Some(used) => {
            let vote = if used > threshold { Vote::Busy } else { Vote::Idle };
            reading(signal, vote, &format!("{used}{unit}, and {threshold} is the threshold"), asked)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_the_threshold_is_work_and_no_measurement_says_nothing() {
        let votes = [None, Some(100), Some(101)].map(|used| cpu(used, 100, Timestamp::UNIX_EPOCH).vote);
        assert_eq!(votes, [Vote::Silent, Vote::Idle, Vote::Busy]);
        assert_eq!(gpu(Some(3), 5, Timestamp::UNIX_EPOCH).value, "3% of GPU, and 5 is the threshold");
    }
}
