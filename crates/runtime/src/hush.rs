//! Words that may wait a moment, since better ones may come: a start passes through states that last milliseconds.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Key;

/// How long words wait. A person does not notice it, and what takes less is never written.
pub const MOMENT: Duration = Duration::from_secs(1);

/// How long words wait at most while much else is to do: each of a thousand that are made at once should have what it needs
/// before the API server is kept busy with what is said of the others.
pub const LONGER: Duration = Duration::from_secs(30);

/// Remembers since when each key has something to say that may wait.
#[derive(Debug, Default)]
pub struct Hush {
    since: Mutex<HashMap<Key, Instant>>,
}

impl Hush {
    /// How long the words of this key must still wait; `None` when it is time to say them. `busy`: whether much else is
    /// to do.
    pub fn wait(&self, key: &Key, busy: bool) -> Option<Duration> {
        let mut since = self.since.lock();
        let started = *since.entry(key.clone()).or_insert_with(Instant::now);
        let left = |wait: Duration| wait.checked_sub(started.elapsed()).filter(|left| !left.is_zero());
        // It is asked again after a moment, since then there may be less to do.
        left(MOMENT).or_else(|| if busy { left(LONGER).map(|left| left.min(MOMENT)) } else { None })
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
        assert_eq!(hush.wait(&key, false), Some(MOMENT));
        tokio::time::advance(MOMENT / 2).await;
        assert_eq!(hush.wait(&key, false), Some(MOMENT / 2));
        tokio::time::advance(MOMENT / 2).await;
        assert_eq!(hush.wait(&key, false), None);
        hush.clear(&key);
        assert_eq!(hush.wait(&key, false), Some(MOMENT));
    }

    #[tokio::test(start_paused = true)]
    async fn words_wait_longer_while_much_else_is_to_do_but_not_for_ever() {
        let (hush, key) = (Hush::default(), Key::new("a", "b"));
        hush.wait(&key, true);
        tokio::time::advance(MOMENT).await;
        assert_eq!(hush.wait(&key, true), Some(MOMENT));
        assert_eq!(hush.wait(&key, false), None, "there is less to do now");
        tokio::time::advance(LONGER).await;
        assert_eq!(hush.wait(&key, true), None);
    }
}
