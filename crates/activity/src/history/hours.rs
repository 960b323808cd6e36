//! What servers held, over time.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Holds;

/// Hours of servers and of what they held.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hours {
    /// Hours of servers.
    pub servers: f64,
    /// Hours of CPUs.
    pub cpu: f64,
    /// GiB times hours of memory.
    pub memory_gib: f64,
    /// Hours of GPUs and other devices, by the name of their resource.
    pub gpus: BTreeMap<String, f64>,
}

/// Beyond 2^53 the last digits are lost, which no report shows.
#[allow(clippy::cast_precision_loss)]
fn number(amount: u64) -> f64 {
    amount as f64
}

impl Hours {
    /// What is held from one time to another; nothing if that is not later.
    pub fn of(holds: &Holds, from: Timestamp, to: Timestamp) -> Self {
        let hours = to.duration_since(from).max(SignedDuration::ZERO).as_secs_f64() / 3_600.0;
        Self {
            servers: hours,
            cpu: hours * number(holds.cpu) / 1_000.0,
            memory_gib: hours * number(holds.memory) / number(1 << 30),
            gpus: holds.gpus.iter().map(|(name, count)| (name.clone(), hours * number(*count))).collect(),
        }
    }
}

impl AddAssign<&Self> for Hours {
    fn add_assign(&mut self, other: &Self) {
        self.servers += other.servers;
        self.cpu += other.cpu;
        self.memory_gib += other.memory_gib;
        for (name, hours) in &other.gpus {
            *self.gpus.entry(name.clone()).or_default() += hours;
        }
    }
}
