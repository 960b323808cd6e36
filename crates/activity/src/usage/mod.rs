//! How much pods use of what they were given: one question for all servers, where a policy looks at the answer.

mod cpu;
mod gpu;

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carrel_runtime::Key;
use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;

pub use cpu::RIGHTS;
pub(crate) use cpu::cpu;
pub use gpu::Prometheus;

/// What pods use, and when it was measured.
pub(crate) type Measured = HashMap<Key, (u64, Timestamp)>;

/// What is known of the use.
#[derive(Clone)]
pub(crate) struct Usage(Arc<Known>);

struct Known {
    of: RwLock<Measured>,
    wanted: AtomicBool,
    longest: SignedDuration,
}

/// What asks for it.
pub(crate) struct UsageFeed {
    usage: Usage,
    period: Duration,
}

/// For how many periods a measurement counts, and at least how long: metrics-server measures each 15 to 60 s.
const PERIODS: u32 = 3;
const AT_LEAST: Duration = Duration::from_mins(3);

/// The API server may pass the list on to a slow metrics-server.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

impl Usage {
    pub(crate) fn new(period: Duration) -> (Self, UsageFeed) {
        let longest = period.saturating_mul(PERIODS).max(AT_LEAST);
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        let usage = Self(Arc::new(Known { of: RwLock::default(), wanted: AtomicBool::new(false), longest }));
        (usage.clone(), UsageFeed { usage, period })
    }

    /// Somebody looks at it, from now on.
    pub(crate) fn wanted_if(&self, wanted: bool) {
        if wanted {
            self.0.wanted.store(true, Ordering::Relaxed);
        }
    }

    /// What a pod used when it was last measured, if that is not too long ago.
    pub(crate) fn of(&self, pod: &Key, now: Timestamp) -> Option<u64> {
        let (used, at) = *self.0.of.read().get(pod)?;
        (now.duration_since(at) <= self.0.longest).then_some(used)
    }
}

impl UsageFeed {
    /// Asks each period, while somebody looks at it and `may_ask` says so. Never ends. `what` says in logs what is not told.
    pub(crate) async fn run<E: Display>(
        self,
        what: &str,
        may_ask: &(impl Fn() -> bool + Sync),
        list: impl AsyncFn() -> Result<Measured, E>,
    ) {
        let mut failing = false;
        loop {
            if may_ask() && self.usage.0.wanted.load(Ordering::Relaxed) {
                match tokio::time::timeout(self.period.max(LEAST_PATIENCE), list()).await {
                    Ok(Ok(measured)) => {
                        *self.usage.0.of.write() = measured;
                        failing = false;
                    }
                    Ok(Err(error)) if !failing => {
                        tracing::warn!("a policy looks at the use of {what}, which is not told: {error}");
                        failing = true;
                    }
                    Ok(Err(_)) | Err(_) => {}
                }
            }
            tokio::time::sleep(self.period).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_counts_until_it_is_old() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (usage, _) = Usage::new(Duration::from_mins(1));
        let pod = Key::new("a", "iris-0");
        *usage.0.of.write() = [(pod.clone(), (1512, at("2026-01-02T10:00:00Z")))].into();
        assert_eq!(usage.of(&pod, at("2026-01-02T10:02:00Z")), Some(1512));
        assert_eq!(usage.of(&pod, at("2026-01-02T10:05:00Z")), None);
        assert_eq!(usage.of(&Key::new("a", "other-0"), at("2026-01-02T10:02:00Z")), None);
    }
}
