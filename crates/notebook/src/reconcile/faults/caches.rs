//! The caches of one process of ours, filled by its own feeds, and how watches may fail them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use carrel_runtime::feed::Feed;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use futures::FutureExt;
use kube::runtime::watcher;
use serde_json::Value;

use super::super::*;
use super::server::{Event, NOTEBOOKS, PODS, QUOTAS, ROUTES, SERVICES, SETS, Server};
use crate::feeds::owner;
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::shelf::{ShelfWriter as StoreWriter, Shelved};
use carrel_runtime::wake::wakes;
use carrel_server::route::VirtualService;
use carrel_server::route::{Presence, RouteStore, Routes};
use carrel_server::slim_pod::SlimPod;
use k8s_openapi::api::core::v1::Service;
use kube::runtime::reflector::ObjectRef;

/// All kinds that are watched.
pub(super) const KINDS: &[&str] = &[NOTEBOOKS, SETS, SERVICES, PODS, QUOTAS, ROUTES];

/// How watches fail.
#[derive(Clone, Debug, Default)]
pub(super) struct Watches {
    /// How many changes the cache of each kind stays behind, as long as there is anything else to do.
    pub(super) lag: BTreeMap<&'static str, usize>,
    /// Every event comes twice.
    pub(super) twice: bool,
    /// The event of this number never comes. Its kind is listed anew once all have nothing to do.
    pub(super) missed: Option<usize>,
    /// The watch that should bring the event of this number brings nothing any more, until all have nothing to do and its kind
    /// is listed anew.
    pub(super) down: Option<usize>,
}

/// The feeds of a process, and how far each has come.
pub(super) struct Caches {
    notebooks: Feed<Notebook>,
    sets: Feed<StatefulSet>,
    services: Feed<Service>,
    pods: Feed<SlimPod>,
    bounds: BoundsFeed,
    routes: Feed<VirtualService>,
    /// By kind: how much of the log it has.
    come: BTreeMap<&'static str, usize>,
    metrics: Arc<Metrics>,
    down: Option<&'static str>,
    list_anew: Option<&'static str>,
}

impl Caches {
    pub(super) fn new() -> Self {
        let health = Health::default();
        Self {
            notebooks: Feed::new(NOTEBOOKS, &health),
            sets: Feed::new(SETS, &health),
            services: Feed::new(SERVICES, &health),
            pods: Feed::new(PODS, &health),
            bounds: BoundsFeed::new(&health),
            routes: Feed::new(ROUTES, &health),
            come: BTreeMap::new(),
            metrics: Arc::default(),
            down: None,
            list_anew: None,
        }
    }

    pub(super) fn stores(&self) -> Stores {
        Stores {
            notebooks: self.notebooks.store(),
            stateful_sets: self.sets.store(),
            services: self.services.store(),
            pods: self.pods.store(),
            bounds: self.bounds.bounds(),
            nodes: StoreWriter::default().as_reader(),
            routes: Routes {
                store: RouteStore::VirtualService(self.routes.store()),
                presence: tokio::sync::watch::channel(Presence::There).1,
            },
            evidence: Arc::default(),
        }
    }

    /// What `feeds` does with changes, as far as this world has it.
    pub(super) fn tell(&mut self, house: &Arc<House>) {
        let wake = || house.wake.clone();
        self.notebooks.listen(wakes(wake(), |notebook: &Notebook| Some(ObjectRef::from_obj(notebook))));
        self.sets.listen(wakes(wake(), owner));
        self.services.listen(wakes(wake(), owner));
        self.routes.listen(wakes(wake(), owner));
        self.pods.listen(wakes(wake(), |_: &SlimPod| Some(ObjectRef::new("iris").within("team-a"))));
        let ledger = house.writer.ledger();
        self.sets.forget_in(ledger);
        self.services.forget_in(ledger);
        self.routes.forget_in(ledger);
        let house = house.clone();
        self.bounds.on_room(move |namespace| house.reopen(namespace));
    }

    /// Each kind is listed, as at the start of a process.
    pub(super) fn list_all(&mut self, server: &Server) {
        for kind in KINDS {
            self.list(kind, server);
        }
    }

    /// Brings what must come, as the caches are further behind than they may be.
    pub(super) fn keep_up(&mut self, server: &Server, watches: &Watches) {
        for kind in KINDS {
            while self.behind(kind, server) > watches.lag.get(kind).copied().unwrap_or(0) {
                if !self.next(kind, server, watches) {
                    break;
                }
            }
        }
    }

    /// Nobody has anything to do: something that is late comes at last. Whether there was anything.
    pub(super) fn catch_up(&mut self, server: &Server, watches: &Watches) -> bool {
        for kind in KINDS {
            if self.behind(kind, server) > 0 && self.next(kind, server, watches) {
                return true;
            }
        }
        let Some(kind) = self.down.take().or(self.list_anew.take()) else { return false };
        self.list(kind, server);
        true
    }

    fn behind(&self, kind: &str, server: &Server) -> usize {
        server.log[self.come[kind]..].iter().filter(|(of, _)| of == kind).count()
    }

    /// The next event of a kind comes; whether it could.
    fn next(&mut self, kind: &'static str, server: &Server, watches: &Watches) -> bool {
        if self.down == Some(kind) {
            return false;
        }
        let from = self.come[kind];
        let at = from + server.log[from..].iter().position(|(of, _)| of == kind).unwrap();
        if watches.down == Some(at) {
            self.down = Some(kind);
            return false;
        }
        self.come.insert(kind, at + 1);
        if watches.missed == Some(at) {
            self.list_anew = Some(kind);
            return true;
        }
        let event = match &server.log[at].1 {
            Event::Applied(object) if is_selected(kind, object) => watcher::Event::Apply(object.clone()),
            Event::Applied(object) | Event::Deleted(object) => watcher::Event::Delete(object.clone()),
        };
        for _ in 0..=usize::from(watches.twice) {
            self.take(kind, event.clone());
        }
        true
    }

    fn list(&mut self, kind: &'static str, server: &Server) {
        self.come.insert(kind, server.log.len());
        self.take(kind, watcher::Event::Init);
        if let Some(object) = server.objects.get(kind).filter(|object| is_selected(kind, object)) {
            self.take(kind, watcher::Event::InitApply(object.clone()));
        }
        self.take(kind, watcher::Event::InitDone);
    }

    fn take(&mut self, kind: &str, event: watcher::Event<Value>) {
        match kind {
            NOTEBOOKS => take(&mut self.notebooks, event, &self.metrics),
            SETS => take(&mut self.sets, event, &self.metrics),
            SERVICES => take(&mut self.services, event, &self.metrics),
            PODS => take(&mut self.pods, event, &self.metrics),
            QUOTAS => take(&mut self.bounds.quotas, event, &self.metrics),
            _ => take(&mut self.routes, event, &self.metrics),
        }
    }
}

/// Children are watched by Carrel's label.
fn is_selected(kind: &str, object: &Value) -> bool {
    ![SETS, SERVICES, ROUTES].contains(&kind)
        || object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "carrel"
}

fn take<K>(feed: &mut Feed<K>, event: watcher::Event<Value>, metrics: &Arc<Metrics>)
where
    K: Shelved + Debug,
{
    let typed = |object: Value| serde_json::from_value(object).unwrap();
    let event = match event {
        watcher::Event::Apply(object) => watcher::Event::Apply(typed(object)),
        watcher::Event::Delete(object) => watcher::Event::Delete(typed(object)),
        watcher::Event::Init => watcher::Event::Init,
        watcher::Event::InitApply(object) => watcher::Event::InitApply(typed(object)),
        watcher::Event::InitDone => watcher::Event::InitDone,
    };
    // It never waits: the event is there.
    feed.run(futures::stream::iter([Ok(event)]), metrics.clone()).now_or_never().unwrap();
}
