//! One watch a kind for the whole process: fills a store, and tells listeners of every change.
//!
//! kube's own way to share a watch (`Writer::subscribe`) sends no deletes, and one subscriber that misses an object
//! which comes and goes at once freezes the store for all (kube issue 1590). So the fan-out is ours: each change, each
//! delete, and each difference that a relist finds reaches every listener, and none can hold up another.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{self, Event};
use tracing::{info, warn};

use crate::Key;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::process::{Health, Pending};
use crate::shelf::{Packed, Shelf, ShelfWriter, Shelved, key};

/// A change of one object.
#[derive(Debug)]
pub enum Change<'a, K> {
    /// The object is new or differs from what the store held.
    Applied {
        /// What the store held.
        old: Option<&'a K>,
        /// What it holds now.
        new: &'a K,
    },
    /// The object is gone; this is how it was last seen.
    Deleted(&'a K),
}

impl<K> Change<'_, K> {
    /// The object as it is or, when gone, was.
    pub fn object(&self) -> &K {
        match self {
            Self::Applied { new, .. } => new,
            Self::Deleted(last) => last,
        }
    }

    /// Every state of the object that a listener may know it by: an object that changes hands concerns both hands.
    pub fn states(&self) -> impl Iterator<Item = &K> {
        let (first, second) = match self {
            Self::Applied { old, new } => (Some(*new), *old),
            Self::Deleted(last) => (Some(*last), None),
        };
        first.into_iter().chain(second)
    }
}

/// Objects of a page of a list. A page is in memory as text and as objects at once, so that a larger one costs more memory
/// than all that is kept of it.
const PAGE: u32 = 50;

/// What to watch, as kube's `watcher` takes it; to be narrowed by labels or fields.
pub fn everything() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

type Listener<K> = Box<dyn Fn(&Change<'_, K>) + Send + Sync>;
type Keep<K> = Box<dyn Fn(&mut K) -> bool + Send + Sync>;

/// A kind's store and who listens to it. Listeners are added before it runs.
pub struct Feed<K: Shelved> {
    kind: &'static str,
    writer: ShelfWriter<K>,
    store: Shelf<K>,
    listeners: Vec<Listener<K>>,
    keep: Option<Keep<K>>,
    pending: Option<Pending>,
}

impl<K: Shelved + Debug> Feed<K> {
    /// An empty feed; `kind` is the plural that logs, metrics and `/readyz` call it by. The process is not ready until
    /// it is filled.
    pub fn new(kind: &'static str, health: &Health) -> Self {
        let writer = ShelfWriter::default();
        let pending = Some(health.wait_for(kind));
        Self { kind, store: writer.as_reader(), writer, listeners: Vec::new(), keep: None, pending }
    }

    /// What logs, metrics and `/readyz` call it by.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The store that this feed fills.
    pub fn store(&self) -> Shelf<K> {
        self.store.clone()
    }

    /// Adds a listener. It is called on the feed's task with the store already changed, and must not block.
    pub fn listen(&mut self, listener: impl Fn(&Change<'_, K>) + Send + Sync + 'static) {
        self.listeners.push(Box::new(listener));
    }

    /// Keeps only the objects of which this is true, and of them what it leaves: for kinds of which there are many that no
    /// selector tells from the few that matter. One that no longer counts is told as gone.
    pub fn keep(&mut self, keep: impl Fn(&mut K) -> bool + Send + Sync + 'static) {
        self.keep = Some(Box::new(keep));
    }

    /// The process is ready without this kind, which the cluster lacks for now.
    pub fn excuse(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending.done();
        }
    }

    /// What the ledger knows of an object goes with it.
    pub fn forget_in(&mut self, ledger: &Arc<Ledger>) {
        let (kind, ledger) = (self.kind, ledger.clone());
        self.listen(move |change| {
            if let Change::Deleted(last) = change {
                ledger.forget(kind, &Key::of(*last), last.meta().uid.as_deref().unwrap_or_default());
            }
        });
    }

    /// Runs on the events of a watch until they end, which a watch by kube's `watcher` never does. May be dropped, and run
    /// again on another watch.
    pub async fn run(&mut self, events: impl Stream<Item = watcher::Result<Event<K>>> + Send, metrics: Arc<Metrics>) {
        let mut events = events.boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    let done = matches!(event, Event::InitDone);
                    self.take(event);
                    if done && let Some(pending) = self.pending.take() {
                        info!(kind = self.kind, objects = self.store.len(), "cache is filled");
                        pending.done();
                    }
                }
                Err(error) => {
                    metrics.watch_error(self.kind);
                    let problem = problem(self.kind, &error);
                    warn!(kind = self.kind, "{problem}");
                    if let Some(pending) = &self.pending {
                        pending.say(problem);
                    }
                }
            }
        }
    }

    fn take(&mut self, mut event: Event<K>) {
        if let Event::Apply(object) | Event::InitApply(object) = &mut event {
            // Nobody reads who wrote what, and it can be half of an object.
            object.managed_fields_mut().clear();
        }
        let Some(event) = self.kept(event) else { return };
        match &event {
            Event::Apply(new) => {
                let old = self.store.get(&ObjectRef::from_obj(new));
                self.writer.apply_watcher_event(&event);
                self.tell(&Change::Applied { old: old.as_deref(), new });
            }
            Event::Delete(last) => {
                self.writer.apply_watcher_event(&event);
                self.tell(&Change::Deleted(last));
            }
            Event::Init | Event::InitApply(_) => self.writer.apply_watcher_event(&event),
            Event::InitDone => {
                let before = by_key(&self.store);
                self.writer.apply_watcher_event(&event);
                let after = by_key(&self.store);
                for (key, last) in &before {
                    // A successor of the same name may stand there already.
                    if after.get(key).is_none_or(|now| now.uid() != last.uid())
                        && let Some(last) = last.open()
                    {
                        self.tell(&Change::Deleted(&last));
                    }
                }
                for (key, new) in &after {
                    let old = before.get(key);
                    if old.is_none_or(|old| old.resource_version() != new.resource_version())
                        && let Some(new) = new.open()
                    {
                        let old = old.and_then(|old| old.open());
                        self.tell(&Change::Applied { old: old.as_deref(), new: &new });
                    }
                }
            }
        }
    }

    /// What an event is where not all objects are kept.
    fn kept(&self, mut event: Event<K>) -> Option<Event<K>> {
        let Some(keep) = &self.keep else { return Some(event) };
        let counts = match &mut event {
            Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => keep(object),
            Event::Init | Event::InitDone => true,
        };
        match event {
            event if counts => Some(event),
            Event::Apply(object) | Event::Delete(object) => {
                let last = self.store.get(&ObjectRef::from_obj(&object))?;
                Some(Event::Delete(last.as_ref().clone()))
            }
            _ => None,
        }
    }

    fn tell(&self, change: &Change<'_, K>) {
        for listener in &self.listeners {
            listener(change);
        }
    }
}

fn by_key<K: Shelved>(store: &Shelf<K>) -> HashMap<ObjectRef<K>, Arc<Packed<K>>> {
    store.packed().into_iter().map(|packed| (key(packed.as_ref()), packed)).collect()
}

/// What is wrong with a watch and what to do, in a sentence.
fn problem(kind: &str, error: &watcher::Error) -> String {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    };
    match status {
        // An API group that is not there at all answers in plain text, which has no reason.
        Some(status) if status.code == 404 => {
            format!("the API server does not serve {kind}: waiting for its CRD (kubectl apply -k deploy/crds)")
        }
        Some(status) if status.is_forbidden() => {
            format!(
                "not allowed to list and watch {kind}: apply Carrel's RBAC rules (deploy/manifests). {}",
                status.message
            )
        }
        _ => format!("watching {kind}: {error}; trying again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use std::sync::Mutex;

    fn object(name: &str, uid: &str, version: &str) -> ConfigMap {
        serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "a", "name": name, "uid": uid, "resourceVersion": version}
        }))
        .unwrap()
    }

    /// Feeds events and returns what a listener was told, as words.
    fn told(events: Vec<Event<ConfigMap>>) -> Vec<String> {
        told_of(events, |_| true)
    }

    /// The same, where only those are kept of which `keep` is true.
    fn told_of(events: Vec<Event<ConfigMap>>, keep: fn(&mut ConfigMap) -> bool) -> Vec<String> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut feed = Feed::<ConfigMap>::new("configmaps", &Health::default());
        feed.keep(keep);
        let ear = heard.clone();
        feed.listen(move |change| {
            let word = match change {
                Change::Applied { old: None, .. } => "new",
                Change::Applied { .. } => "changed",
                Change::Deleted(_) => "gone",
            };
            ear.lock().unwrap().push(format!("{} {word}", change.object().uid().unwrap()));
        });
        for event in events {
            feed.take(event);
        }
        let mut words = heard.lock().unwrap().clone();
        words.sort();
        words
    }

    #[test]
    fn a_relist_tells_what_vanished_what_changed_and_nothing_of_the_rest() {
        let first = [
            object("gone", "1", "1"),
            object("same", "2", "1"),
            object("changed", "3", "1"),
            object("again", "4", "1"),
        ];
        let mut events = vec![Event::Init];
        events.extend(first.into_iter().map(Event::InitApply));
        events.extend([Event::InitDone, Event::Init]);
        let second = [object("same", "2", "1"), object("changed", "3", "5"), object("again", "5", "6")];
        let before = events.clone();
        events.extend(second.into_iter().map(Event::InitApply));
        events.push(Event::InitDone);
        assert_eq!(told(before), ["1 new", "2 new", "3 new", "4 new"]);
        assert_eq!(told(events), ["1 gone", "1 new", "2 new", "3 changed", "3 new", "4 gone", "4 new", "5 changed"]);
    }

    #[test]
    fn an_object_that_comes_and_goes_at_once_is_told_twice() {
        let events = vec![
            Event::Init,
            Event::InitDone,
            Event::Apply(object("a", "1", "1")),
            Event::Delete(object("a", "1", "2")),
        ];
        assert_eq!(told(events), ["1 gone", "1 new"]);
    }

    #[test]
    fn what_does_not_count_is_not_kept_and_what_no_longer_counts_is_gone() {
        let counts = |object: &mut ConfigMap| object.resource_version().as_deref() == Some("1");
        let (kept, other) = (object("a", "1", "1"), object("b", "2", "2"));
        let mut events = vec![Event::Init, Event::InitApply(kept), Event::InitApply(other.clone()), Event::InitDone];
        assert_eq!(told_of(events.clone(), counts), ["1 new"]);
        events.extend([
            Event::Delete(other),
            Event::Apply(object("a", "1", "3")),
            Event::Delete(object("a", "1", "4")),
        ]);
        assert_eq!(told_of(events, counts), ["1 gone", "1 new"]);
    }
}
