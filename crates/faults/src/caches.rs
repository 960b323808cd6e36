//! How far the watches of a process have come, and how they may fail it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use carrel_runtime::FIELD_MANAGER;
use carrel_runtime::child::MANAGED_BY;
use carrel_runtime::feed::Feed;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::shelf::Shelved;
use futures::FutureExt;
use kube::runtime::watcher;
use serde_json::Value;

use crate::objects::{Event, Objects};
use crate::process::Process;
use crate::trouble::Watches;

/// One watch of a process.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// What it is called; one kind may be watched twice.
    pub name: &'static str,
    /// The plural of its kind.
    pub kind: &'static str,
    /// Whether its selector selects an object.
    pub selects: fn(&Value) -> bool,
}

impl Watch {
    /// Of all objects of a kind.
    pub const fn every(kind: &'static str) -> Self {
        Self { name: kind, kind, selects: |_| true }
    }

    /// Of the children of a kind that Carrel made.
    pub const fn ours(kind: &'static str) -> Self {
        Self { name: kind, kind, selects: is_ours }
    }
}

/// Whether Carrel made a child.
pub fn is_ours(child: &Value) -> bool {
    child["metadata"]["labels"][MANAGED_BY] == FIELD_MANAGER
}

/// How far each watch has come.
#[derive(Default)]
pub(crate) struct Caches {
    /// By watch: how much of the log it has.
    come: BTreeMap<&'static str, usize>,
    down: BTreeSet<&'static str>,
    list_anew: BTreeSet<&'static str>,
}

impl Caches {
    /// Each kind is listed, as at the start of a process.
    pub(crate) fn list_all<P: Process>(&mut self, process: &mut P, objects: &Objects) {
        for watch in P::WATCHES {
            self.list(watch, process, objects);
        }
    }

    /// Brings what must come, as the caches are further behind than they may be.
    pub(crate) fn keep_up<P: Process>(&mut self, process: &mut P, objects: &Objects, watches: &Watches) {
        for watch in P::WATCHES {
            while self.behind(watch, objects) > watches.lag.get(watch.name).copied().unwrap_or(0) {
                if !self.next(watch, process, objects, watches) {
                    break;
                }
            }
        }
    }

    /// Nobody has anything to do: something that is late comes at last. Whether there was anything.
    pub(crate) fn catch_up<P: Process>(&mut self, process: &mut P, objects: &Objects, watches: &Watches) -> bool {
        for watch in P::WATCHES {
            if self.behind(watch, objects) > 0 && self.next(watch, process, objects, watches) {
                return true;
            }
        }
        let Some(name) = self.down.pop_first().or_else(|| self.list_anew.pop_first()) else { return false };
        let watch = P::WATCHES.iter().find(|watch| watch.name == name).unwrap();
        self.list(watch, process, objects);
        true
    }

    fn behind(&self, watch: &Watch, objects: &Objects) -> usize {
        objects.log[self.come[watch.name]..].iter().filter(|(of, _)| of == watch.kind).count()
    }

    /// The next event of a watch comes; whether it could.
    fn next<P: Process>(&mut self, watch: &Watch, process: &mut P, objects: &Objects, watches: &Watches) -> bool {
        if self.down.contains(watch.name) {
            return false;
        }
        let from = self.come[watch.name];
        let at = from + objects.log[from..].iter().position(|(of, _)| of == watch.kind).unwrap();
        if watches.down == Some(at) {
            self.down.insert(watch.name);
            return false;
        }
        self.come.insert(watch.name, at + 1);
        if watches.missed == Some(at) {
            self.list_anew.insert(watch.name);
            return true;
        }
        let Some(event) = told(watch, objects, at) else { return true };
        for _ in 0..=usize::from(watches.twice) {
            process.take(watch.name, event.clone());
        }
        true
    }

    fn list<P: Process>(&mut self, watch: &Watch, process: &mut P, objects: &Objects) {
        self.come.insert(watch.name, objects.log.len());
        process.take(watch.name, watcher::Event::Init);
        for object in objects.of(watch.kind).into_iter().filter(watch.selects) {
            process.take(watch.name, watcher::Event::InitApply(object));
        }
        process.take(watch.name, watcher::Event::InitDone);
    }
}

/// What a watch tells of an event: an object that its selector no longer selects is gone for it, and one that it never did is
/// none of its business.
fn told(watch: &Watch, objects: &Objects, at: usize) -> Option<watcher::Event<Value>> {
    let event = &objects.log[at].1;
    if let Event::Applied(object) = event
        && (watch.selects)(object)
    {
        return Some(watcher::Event::Apply(object.clone()));
    }
    let object = event.object();
    let same = |(kind, before): &&(String, Event)| {
        kind == watch.kind && before.object()["metadata"]["name"] == object["metadata"]["name"]
    };
    let before = objects.log[..at].iter().rev().find(same).map(|(_, before)| before);
    let was_selected = matches!(before, Some(Event::Applied(before)) if (watch.selects)(before));
    was_selected.then(|| watcher::Event::Delete(object.clone()))
}

/// Nobody reads them.
static METRICS: LazyLock<Arc<Metrics>> = LazyLock::new(Arc::default);

/// Gives an event to a feed.
pub fn give<K: Shelved + Debug>(feed: &mut Feed<K>, event: watcher::Event<Value>) {
    let typed = |object: Value| serde_json::from_value(object).unwrap();
    let event = match event {
        watcher::Event::Apply(object) => watcher::Event::Apply(typed(object)),
        watcher::Event::Delete(object) => watcher::Event::Delete(typed(object)),
        watcher::Event::Init => watcher::Event::Init,
        watcher::Event::InitApply(object) => watcher::Event::InitApply(typed(object)),
        watcher::Event::InitDone => watcher::Event::InitDone,
    };
    // It never waits: the event is there.
    feed.run(futures::stream::iter([Ok(event)]), METRICS.clone()).now_or_never().unwrap();
}
