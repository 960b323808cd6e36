//! What Events say of objects, as far as it explains a wait: the newest words of each object and reason, and nothing else.
//!
//! Events are many and are kept nowhere in whole. A watch that selects by field brings the few kinds of them that say what
//! no status does, such as why a StatefulSet can't make its pod.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::Key;

/// An Event, with the few fields that are read.
#[derive(Clone, Debug, Default, Resource, Deserialize, Serialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Event)]
#[serde(rename_all = "camelCase")]
pub struct SlimEvent {
    /// Its own name, which says nothing.
    pub metadata: ObjectMeta,
    /// What it is about.
    #[serde(default)]
    pub involved_object: Involved,
    /// One word.
    #[serde(default)]
    pub reason: String,
    /// `Normal` or `Warning`.
    #[serde(default, rename = "type")]
    pub type_: String,
    /// What it says.
    #[serde(default)]
    pub message: String,
    /// When it was last said.
    #[serde(default)]
    pub last_timestamp: Option<Time>,
}

/// What an Event is about.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Involved {
    /// The kind of the object.
    #[serde(default)]
    pub kind: String,
    /// The namespace of the object.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its uid: an Event may speak of an object that is gone and whose name another has.
    #[serde(default)]
    pub uid: String,
}

impl SlimEvent {
    /// The key of the object that it is about.
    pub fn about(&self) -> Key {
        Key::new(&self.involved_object.namespace, &self.involved_object.name)
    }
}

#[derive(Debug)]
struct Word {
    message: String,
    said: Option<Time>,
}

/// What is said of one object: the newest words for each reason.
#[derive(Debug, Default)]
struct Words {
    uid: String,
    by_reason: BTreeMap<String, Word>,
}

/// The most reasons that are kept of one object: whoever makes up more is not listened to.
const MOST_REASONS: usize = 16;

/// The newest words about each object.
#[derive(Debug, Default)]
pub struct Evidence {
    words: Mutex<HashMap<Key, Words>>,
}

impl Evidence {
    /// Takes an Event in; whether it says something new. A count that grows, or words older than those known, are nothing new.
    pub fn tell(&self, event: &SlimEvent) -> bool {
        let mut all = self.words.lock();
        let words = all.entry(event.about()).or_default();
        if words.uid != event.involved_object.uid {
            *words = Words { uid: event.involved_object.uid.clone(), by_reason: BTreeMap::new() };
        }
        let known = words.by_reason.get(&event.reason);
        let newer = known.is_none_or(|known| {
            known.said.as_ref().map(|time| time.0) <= event.last_timestamp.as_ref().map(|time| time.0)
        });
        let new = newer && known.is_none_or(|known| known.message != event.message);
        if newer && (known.is_some() || words.by_reason.len() < MOST_REASONS) {
            let word = Word { message: event.message.clone(), said: event.last_timestamp.clone() };
            words.by_reason.insert(event.reason.clone(), word);
        }
        new
    }

    /// The newest words for each reason about the object with this uid.
    pub fn about(&self, key: &Key, uid: &str) -> BTreeMap<String, String> {
        let all = self.words.lock();
        let words = all.get(key).filter(|words| words.uid == uid);
        let pair = |(reason, word): (&String, &Word)| (reason.clone(), word.message.clone());
        words.map(|words| words.by_reason.iter().map(pair).collect()).unwrap_or_default()
    }

    /// What was said is over, or the object is gone.
    pub fn forget(&self, key: &Key) {
        self.words.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(uid: &str, message: &str, minute: u8) -> SlimEvent {
        serde_json::from_value(json!({
            "metadata": {"name": "e"}, "reason": "FailedCreate", "message": message, "lastTimestamp": format!("2026-01-01T00:{minute:02}:00Z"),
            "involvedObject": {"kind": "StatefulSet", "namespace": "a", "name": "b", "uid": uid},
        }))
        .unwrap()
    }

    #[test]
    fn the_newest_words_count_and_repeats_are_nothing_new() {
        let (evidence, key) = (Evidence::default(), Key::new("a", "b"));
        assert!(evidence.tell(&event("u", "no room", 5)));
        assert!(!evidence.tell(&event("u", "no room", 6)), "its count grew");
        assert!(!evidence.tell(&event("u", "older", 1)), "a list has no order");
        assert_eq!(evidence.about(&key, "u")["FailedCreate"], "no room");
        assert!(evidence.tell(&event("u", "no node", 7)));
        assert_eq!(evidence.about(&key, "u")["FailedCreate"], "no node");
    }

    #[test]
    fn words_about_a_predecessor_of_the_same_name_do_not_count() {
        let (evidence, key) = (Evidence::default(), Key::new("a", "b"));
        evidence.tell(&event("old", "no room", 5));
        assert!(evidence.about(&key, "new").is_empty());
        evidence.forget(&key);
        assert!(evidence.about(&key, "old").is_empty());
    }

    #[test]
    fn one_object_can_not_fill_the_memory() {
        let (evidence, key) = (Evidence::default(), Key::new("a", "b"));
        for reason in 0..100 {
            let mut event = event("u", "words", 1);
            event.reason = reason.to_string();
            evidence.tell(&event);
        }
        assert_eq!(evidence.about(&key, "u").len(), MOST_REASONS);
    }
}
