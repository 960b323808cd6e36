//! Words that may wait a moment, since better ones may come: a start passes through states that last milliseconds.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Key;

/// How long words wait. A person does not notice it, and what takes less is never written.
pub const MOMENT: Duration = Duration::from_secs(1);

/// Remembers since when each key has something to say that may wait.
#[derive(Debug, Default)]
pub struct Hush {
    since: Mutex<HashMap<Key, Instant>>,
}

impl Hush {
    /// How long the words of this key must still wait; `None` when it is time to say them.
    pub fn wait(&self, key: &Key) -> Option<Duration> {
        let mut since = self.since.lock();
        let started = *since.entry(key.clone()).or_insert_with(Instant::now);
        MOMENT.checked_sub(started.elapsed()).filter(|left| !left.is_zero())
    }

    /// Something was said, or there is nothing to say any more.
    pub fn clear(&self, key: &Key) {
        self.since.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn words_wait_a_moment_from_the_first_try_on() {
        let (hush, key) = (Hush::default(), Key::new("a", "b"));
        assert_eq!(hush.wait(&key), Some(MOMENT));
        tokio::time::advance(MOMENT / 2).await;
        assert_eq!(hush.wait(&key), Some(MOMENT / 2));
        tokio::time::advance(MOMENT / 2).await;
        assert_eq!(hush.wait(&key), None);
        hush.clear(&key);
        assert_eq!(hush.wait(&key), Some(MOMENT));
    }
}
