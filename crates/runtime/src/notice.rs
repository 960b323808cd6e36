//! Kubernetes Events about our objects: one a change, and a bounded number of them.
//!
//! kube's own recorder tells Events apart without their text, and would repeat old numbers under a new count.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::{Resource, ResourceExt};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::rights::Right;
use crate::{FIELD_MANAGER, Key};

/// What it takes to tell.
pub const RIGHTS: &[Right] = &[Right::new("Events about what users wrote.", "events.k8s.io", &["events"], &["create"])];

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It is.
    Normal,
    /// Somebody should look.
    Warning,
}

/// An Event to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether somebody should look.
    pub tone: Tone,
    /// One word.
    pub reason: Cow<'static, str>,
    /// A sentence.
    pub message: String,
}

/// The longest text that an Event may have, in bytes.
const LONGEST: usize = 1024;

impl Notice {
    /// The Event about an object.
    pub fn about<K: Resource<DynamicType = ()>>(&self, object: &K) -> Event {
        let namespace = object.namespace().unwrap_or_default();
        let mut note = self.message.clone();
        note.truncate(note.floor_char_boundary(LONGEST));
        Event {
            metadata: ObjectMeta {
                // The API server cuts it to what fits with its own end.
                generate_name: Some(format!("{}-", object.name_any().chars().take(200).collect::<String>())),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            regarding: Some(ObjectReference {
                api_version: Some(K::api_version(&()).into_owned()),
                kind: Some(K::kind(&()).into_owned()),
                name: object.meta().name.clone(),
                namespace: Some(namespace),
                uid: object.uid(),
                ..ObjectReference::default()
            }),
            type_: Some(if self.tone == Tone::Normal { "Normal" } else { "Warning" }.to_owned()),
            reason: Some(self.reason.clone().into_owned()),
            action: Some(self.reason.clone().into_owned()),
            note: Some(note),
            event_time: Some(MicroTime(Timestamp::now())),
            reporting_controller: Some(FIELD_MANAGER.to_owned()),
            reporting_instance: Some(FIELD_MANAGER.to_owned()),
            ..Event::default()
        }
    }
}

/// How many Events an object may have at once, and how fast it may have more: a server that starts and crashes for days
/// should not fill the cluster's memory of Events.
const BURST: u32 = 10;
const REFILL: Duration = Duration::from_mins(1);

/// Counts what each object may still say.
#[derive(Debug, Default)]
pub struct Budget {
    spent: Mutex<HashMap<Key, (u32, Instant)>>,
}

impl Budget {
    /// Whether this object may have one more Event; if so, it is counted.
    pub fn take(&self, key: &Key) -> bool {
        let mut all = self.spent.lock();
        let (spent, since) = all.entry(key.clone()).or_insert_with(|| (0, Instant::now()));
        let refilled = u32::try_from(since.elapsed().as_secs() / REFILL.as_secs()).unwrap_or(u32::MAX);
        if refilled > 0 {
            *spent = spent.saturating_sub(refilled);
            *since += REFILL.saturating_mul(refilled);
        }
        let may = *spent < BURST;
        *spent += u32::from(may);
        may
    }

    /// The object is gone.
    pub fn forget(&self, key: &Key) {
        self.spent.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_noisy_object_is_bounded_and_others_are_not() {
        let (budget, noisy) = (Budget::default(), Key::new("a", "noisy"));
        let said = (0..100).filter(|_| budget.take(&noisy)).count();
        assert_eq!(said, 10);
        assert!(budget.take(&Key::new("a", "calm")));
        tokio::time::advance(REFILL * 3).await;
        let said = (0..100).filter(|_| budget.take(&noisy)).count();
        assert_eq!(said, 3);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let notice = Notice { tone: Tone::Warning, reason: "Refused".into(), message: "ä".repeat(600) };
        let pod = k8s_openapi::api::core::v1::Pod::default();
        assert_eq!(notice.about(&pod).note.unwrap().len(), 1024);
    }
}
