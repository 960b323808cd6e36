//! When to try a failed key again: sooner at first, then ever later, and not all keys at one moment.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use parking_lot::Mutex;

use crate::Key;

const FIRST: Duration = Duration::from_secs(1);
/// A cause that lasts longer than this is found by a person, not by a retry.
const LONGEST: Duration = Duration::from_mins(5);

/// Counts each key's failures in a row. kube's controller has one wait for all keys and errors, so this is our own.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: Mutex<HashMap<Key, u32>>,
}

impl Backoff {
    /// Notes a failure and says how long to wait: 1 s, 2 s, 4 s, … up to 5 min, each shortened by up to a quarter.
    pub fn failed(&self, key: &Key) -> Duration {
        let mut failures = self.failures.lock();
        let count = failures.entry(key.clone()).or_insert(0);
        *count = count.saturating_add(1);
        delay(key, *count)
    }

    /// The longest wait, for what only a change of the object should help.
    pub fn longest(&self) -> Duration {
        LONGEST
    }

    /// Forgets a key's failures: it succeeded, waits for a cause to change, or is gone.
    pub fn clear(&self, key: &Key) {
        self.failures.lock().remove(key);
    }
}

fn delay(key: &Key, count: u32) -> Duration {
    let full = FIRST.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1))).min(LONGEST);
    let mut hasher = DefaultHasher::new();
    (key, count).hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 256).unwrap_or(0);
    full.saturating_sub(full / 4 * share / 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_up_to_a_limit_and_starts_anew_after_success() {
        let (backoff, key) = (Backoff::default(), Key::new("a", "b"));
        let waits: Vec<_> = (0..40).map(|_| backoff.failed(&key)).collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST * 3 / 4);
        assert!(waits[1] > waits[0] && waits[4] > waits[3]);
        assert!(waits.iter().all(|wait| *wait <= LONGEST) && waits[39] >= LONGEST * 3 / 4);
        backoff.clear(&key);
        assert!(backoff.failed(&key) <= FIRST);
    }

    #[test]
    fn keys_that_fail_together_do_not_return_together() {
        let waits: std::collections::HashSet<_> = (0..20).map(|i| delay(&Key::new("a", i.to_string()), 5)).collect();
        assert!(waits.len() > 10);
    }
}
