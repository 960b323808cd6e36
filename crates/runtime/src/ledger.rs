//! What was written but not yet seen in the cache, so that an older cache entry never causes a second write.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::time::Instant;

use crate::Key;
use crate::covers::{Difference, covers};

/// Annotation on each child: the hash of what was last applied.
pub const APPLIED: &str = "carrel.dev/applied";

/// How long to wait for the cache to show a write. Watches are faster by far; what does not come within this time
/// vanished while the watch was down, and is judged anew.
pub const IN_FLIGHT: Duration = Duration::from_secs(30);

/// What the cache holds of a child.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// Its uid.
    pub uid: &'a str,
    /// Its resourceVersion.
    pub version: &'a str,
    /// All of it.
    pub object: &'a Value,
}

/// Whether to write a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Settled,
    /// It was written, and the cache has not seen that yet.
    InFlight,
    /// It must be written.
    Write(Why),
}

/// Why a child must be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is none.
    Missing,
    /// What we want changed.
    Changed,
    /// Somebody changed a field that we set.
    Drifted(Difference),
}

#[derive(Debug)]
struct Entry {
    uid: String,
    version: String,
    hash: String,
    since: Instant,
}

/// Remembers each child's last write. Kinds are told apart by their plural.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Mutex<HashMap<(&'static str, Key), Entry>>,
    deleted: Mutex<HashMap<String, Instant>>,
}

impl Ledger {
    /// Whether to delete the object with this uid: not again while the cache may still be behind a delete of it.
    pub fn may_delete(&self, uid: &str) -> bool {
        let mut deleted = self.deleted.lock();
        deleted.retain(|_, since| since.elapsed() <= IN_FLIGHT);
        !deleted.contains_key(uid)
    }

    /// A delete of the object with this uid was answered.
    pub fn deleted(&self, uid: &str) {
        self.deleted.lock().insert(uid.to_owned(), Instant::now());
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<(&'static str, Key), Entry>> {
        self.entries.lock()
    }

    /// Whether to write a child that should be `wanted` (whose hash is `hash`), given what the cache holds.
    pub fn judge(&self, kind: &'static str, key: &Key, wanted: &Value, hash: &str, live: Option<Live<'_>>) -> Verdict {
        let mut entries = self.entries();
        let entry = entries.get(&(kind, key.clone())).filter(|entry| live.is_none_or(|live| live.uid == entry.uid));
        let Some(live) = live else {
            return match entry {
                Some(entry) if entry.since.elapsed() > IN_FLIGHT => Verdict::Write(Why::Missing),
                Some(_) => Verdict::InFlight,
                None => Verdict::Write(Why::Missing),
            };
        };
        if let Some(entry) = entry {
            if live.version == entry.version && entry.hash == hash {
                return Verdict::Settled;
            }
            if is_older(live.version, &entry.version) && entry.since.elapsed() <= IN_FLIGHT {
                // Nor anything else: what we want was computed from what is older than our own last word.
                return Verdict::InFlight;
            }
        }
        let applied = live.object.pointer("/metadata/annotations").and_then(|map| map.get(APPLIED));
        if applied.and_then(Value::as_str) != Some(hash) {
            return Verdict::Write(Why::Changed);
        }
        if let Err(difference) = covers(wanted, live.object) {
            return Verdict::Write(Why::Drifted(difference));
        }
        entries.insert((kind, key.clone()), Entry::new(live.uid, live.version, hash));
        Verdict::Settled
    }

    /// Whether a write of this child was answered lately that the cache, which holds none, has yet to show.
    pub fn awaits(&self, kind: &'static str, key: &Key) -> bool {
        self.entries().get(&(kind, key.clone())).is_some_and(|entry| entry.since.elapsed() <= IN_FLIGHT)
    }

    /// Whether the cache, which holds this version of an object, has yet to show a write of it that was answered lately.
    pub fn is_behind(&self, kind: &'static str, key: &Key, uid: &str, version: &str) -> bool {
        let entries = self.entries();
        let entry = entries.get(&(kind, key.clone())).filter(|entry| entry.uid == uid);
        entry.is_some_and(|entry| is_older(version, &entry.version) && entry.since.elapsed() <= IN_FLIGHT)
    }

    /// A write was answered with this uid and resourceVersion.
    pub fn wrote(&self, kind: &'static str, key: &Key, uid: &str, version: &str, hash: &str) {
        self.entries().insert((kind, key.clone()), Entry::new(uid, version, hash));
    }

    /// The feed saw this child go. A successor that was written since keeps its entry.
    pub fn forget(&self, kind: &'static str, key: &Key, uid: &str) {
        let mut entries = self.entries();
        if entries.get(&(kind, key.clone())).is_some_and(|entry| entry.uid == uid) {
            entries.remove(&(kind, key.clone()));
        }
    }
}

impl Entry {
    fn new(uid: &str, version: &str, hash: &str) -> Self {
        Self { uid: uid.to_owned(), version: version.to_owned(), hash: hash.to_owned(), since: Instant::now() }
    }
}

/// Whether the first resourceVersion is older. They are growing integers in every API server of Kubernetes (and
/// comparable by contract since 1.35); one that is not is never taken for old.
pub(crate) fn is_older(version: &str, than: &str) -> bool {
    match (version.parse::<u128>(), than.parse::<u128>()) {
        (Ok(version), Ok(than)) => version < than,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KIND: &str = "services";

    fn live<'a>(uid: &'a str, version: &'a str, object: &'a Value) -> Live<'a> {
        Live { uid, version, object }
    }

    fn applied(hash: &str, port: u16) -> Value {
        json!({"metadata": {"annotations": {APPLIED: hash}}, "port": port})
    }

    #[test]
    fn a_write_is_not_repeated_while_the_cache_is_behind() {
        let (ledger, key, wanted) = (Ledger::default(), Key::new("a", "b"), json!({"port": 80}));
        assert_eq!(ledger.judge(KIND, &key, &wanted, "h1", None), Verdict::Write(Why::Missing));
        ledger.wrote(KIND, &key, "u1", "10", "h1");
        assert_eq!(ledger.judge(KIND, &key, &wanted, "h1", None), Verdict::InFlight);
        assert_eq!(ledger.judge(KIND, &key, &wanted, "h2", None), Verdict::InFlight, "wanted by an older cache");
        let old = applied("h0", 1);
        assert_eq!(ledger.judge(KIND, &key, &wanted, "h1", Some(live("u1", "9", &old))), Verdict::InFlight);
        assert_eq!(ledger.judge(KIND, &key, &wanted, "h2", Some(live("u1", "9", &old))), Verdict::InFlight);
        let new = applied("h1", 80);
        assert_eq!(ledger.judge(KIND, &key, &wanted, "h2", Some(live("u1", "10", &new))), Verdict::Write(Why::Changed));
        assert_eq!(ledger.judge(KIND, &key, &wanted, "h1", Some(live("u1", "10", &new))), Verdict::Settled);
    }

    #[test]
    fn an_apply_that_changed_nothing_is_not_repeated_until_somebody_writes() {
        let (ledger, key, wanted) = (Ledger::default(), Key::new("a", "b"), json!({"port": 80}));
        // A webhook insists on another port, so that what we apply never comes to stand there.
        let stubborn = applied("h1", 81);
        let judge = |version| ledger.judge(KIND, &key, &wanted, "h1", Some(live("u1", version, &stubborn)));
        let Verdict::Write(Why::Drifted(difference)) = judge("5") else { panic!("drift") };
        assert_eq!(difference.path, "port");
        ledger.wrote(KIND, &key, "u1", "5", "h1");
        assert_eq!(judge("5"), Verdict::Settled);
        assert!(matches!(judge("6"), Verdict::Write(Why::Drifted(_))));
    }

    #[test]
    fn a_deleted_child_comes_back_and_a_late_delete_of_its_predecessor_changes_nothing() {
        let (ledger, key, wanted) = (Ledger::default(), Key::new("a", "b"), json!({}));
        ledger.wrote(KIND, &key, "u1", "10", "h");
        ledger.forget(KIND, &key, "u1");
        assert_eq!(ledger.judge(KIND, &key, &wanted, "h", None), Verdict::Write(Why::Missing));
        ledger.wrote(KIND, &key, "u2", "12", "h");
        ledger.forget(KIND, &key, "u1");
        assert_eq!(ledger.judge(KIND, &key, &wanted, "h", None), Verdict::InFlight);
    }
}
