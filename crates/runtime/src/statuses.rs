//! What this process said last of each object, until the cache shows it: a status is computed from the one before.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::Key;
use crate::ledger::is_older;

/// The newest status of each object that this process wrote, until the cache shows it.
#[derive(Debug)]
pub struct Statuses<S> {
    written: Mutex<HashMap<Key, (String, S)>>,
}

impl<S> Default for Statuses<S> {
    fn default() -> Self {
        Self { written: Mutex::default() }
    }
}

impl<S: Clone> Statuses<S> {
    /// What was written after the resourceVersion that the cache holds, if anything.
    pub fn newer_than(&self, key: &Key, version: &str) -> Option<S> {
        let mut written = self.written.lock();
        match written.get(key) {
            Some((at, status)) if is_older(version, at) => Some(status.clone()),
            Some(_) => {
                written.remove(key);
                None
            }
            None => None,
        }
    }

    /// A status was written, and the object has this resourceVersion since.
    pub fn wrote(&self, key: &Key, version: &str, status: S) {
        self.written.lock().insert(key.clone(), (version.to_owned(), status));
    }

    /// The object is gone.
    pub fn forget(&self, key: &Key) {
        self.written.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_counts_until_the_cache_has_it() {
        let (statuses, key) = (Statuses::default(), Key::new("a", "b"));
        statuses.wrote(&key, "10", "ready");
        assert_eq!(statuses.newer_than(&key, "9"), Some("ready"));
        assert_eq!(statuses.newer_than(&key, "10"), None);
        assert_eq!(statuses.newer_than(&key, "9"), None, "the cache never goes back");
    }
}
