//! What Events say of objects, as far as it explains a wait: the newest words of each object, and nothing else.
//!
//! Events are many and are kept nowhere in whole. A watch that selects by field brings the few kinds of them that say what
//! no status does, such as why a StatefulSet can't make its pod.

use std::collections::HashMap;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use kube::runtime::watcher;
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tracing::warn;

use crate::Key;
use crate::metrics::Metrics;
use crate::process::Pending;

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
    uid: String,
    message: String,
    said: Option<Time>,
}

/// The newest words about each object.
#[derive(Debug, Default)]
pub struct Evidence {
    words: Mutex<HashMap<Key, Word>>,
}

impl Evidence {
    fn words(&self) -> MutexGuard<'_, HashMap<Key, Word>> {
        self.words.lock()
    }

    /// Takes an Event in; whether it says something new. A count that grows, or words older than those known, are nothing new.
    pub fn tell(&self, event: &SlimEvent) -> bool {
        let mut words = self.words();
        let known = words.get(&event.about()).filter(|word| word.uid == event.involved_object.uid);
        let newer = known.is_none_or(|known| {
            known.said.as_ref().map(|time| time.0) <= event.last_timestamp.as_ref().map(|time| time.0)
        });
        let new = newer && known.is_none_or(|known| known.message != event.message);
        if newer {
            let word = Word {
                uid: event.involved_object.uid.clone(),
                message: event.message.clone(),
                said: event.last_timestamp.clone(),
            };
            words.insert(event.about(), word);
        }
        new
    }

    /// The newest words about the object with this uid.
    pub fn about(&self, key: &Key, uid: &str) -> Option<String> {
        self.words().get(key).filter(|word| word.uid == uid).map(|word| word.message.clone())
    }

    /// What was said is over, or the object is gone.
    pub fn forget(&self, key: &Key) {
        self.words().remove(key);
    }
}

/// Hears Events until the watch ends, which one by kube's `watcher` never does. `heard` gets each that is there or comes;
/// `pending` is done, and `all` told, once those that are there were heard.
pub async fn hear(
    events: impl Stream<Item = watcher::Result<watcher::Event<SlimEvent>>>,
    pending: Pending,
    all: oneshot::Sender<()>,
    metrics: Arc<Metrics>,
    heard: impl Fn(&SlimEvent),
) {
    let mut waiting = Some((pending, all));
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(event) | watcher::Event::InitApply(event)) => heard(&event),
            // That an Event expired does not make it untrue.
            Ok(watcher::Event::Delete(_) | watcher::Event::Init) => {}
            Ok(watcher::Event::InitDone) => {
                if let Some((pending, all)) = waiting.take() {
                    pending.done();
                    // Fails only when nobody waits any more.
                    let _ = all.send(());
                }
            }
            Err(error) => {
                metrics.watch_error("events");
                warn!("watching events: {error}; trying again");
                if let Some((pending, _)) = &waiting {
                    pending.say(error.to_string());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(uid: &str, message: &str, minute: u8) -> SlimEvent {
        serde_json::from_value(json!({
            "metadata": {"name": "e"}, "message": message, "lastTimestamp": format!("2026-01-01T00:{minute:02}:00Z"),
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
        assert_eq!(evidence.about(&key, "u").as_deref(), Some("no room"));
        assert!(evidence.tell(&event("u", "no node", 7)));
        assert_eq!(evidence.about(&key, "u").as_deref(), Some("no node"));
    }

    #[test]
    fn words_about_a_predecessor_of_the_same_name_do_not_count() {
        let (evidence, key) = (Evidence::default(), Key::new("a", "b"));
        evidence.tell(&event("old", "no room", 5));
        assert_eq!(evidence.about(&key, "new"), None);
        evidence.forget(&key);
        assert_eq!(evidence.about(&key, "old"), None);
    }
}
