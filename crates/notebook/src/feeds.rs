//! What the controller watches, how a change finds its key, and what must be forgotten with an object.

use std::sync::Arc;

use carrel_api::notebook::Notebook;
use carrel_api::vocabulary::{NOTEBOOK, NOTEBOOK_NAME, STATEFUL_SET};
use carrel_runtime::Key;
use carrel_runtime::bounds::Bounds;
use carrel_runtime::child::ours;
use carrel_runtime::evidence::Evidence;
use carrel_runtime::feed::{Change, Feed, everything};
use carrel_runtime::hearing::{Heard, Hearing};
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use carrel_runtime::scope::Scope;
use carrel_runtime::wake::{Wake, wakes};
use futures::future::OptionFuture;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::watcher;
use kube::{Api, Client, Resource, ResourceExt};

use crate::Settings;
use crate::hear::{WATCHED, listen};
use crate::observe::Stores;
use crate::route_feed::RouteFeed;
use crate::slim_node::SlimNode;
use crate::slim_pod::SlimPod;
use crate::start::Shared;

/// The kinds that are watched.
pub(crate) struct Feeds {
    notebooks: Feed<Notebook>,
    stateful_sets: Feed<StatefulSet>,
    services: Feed<Service>,
    pods: Feed<SlimPod>,
    nodes: Feed<SlimNode>,
    watch_nodes: bool,
    routes: RouteFeed,
    evidence: Arc<Evidence>,
    hearing: Hearing,
}

impl Feeds {
    /// The feeds, and what tells when those Events were heard that were there at first.
    pub(crate) fn new(health: &Health, settings: &Settings) -> (Self, Heard) {
        let (hearing, heard) = Hearing::new(WATCHED, health);
        let watch_nodes = settings.watch_nodes;
        // One that is not watched keeps nobody waiting.
        let of_nodes = if watch_nodes { health } else { &Health::default() };
        let feeds = Self {
            notebooks: Feed::new("notebooks", health),
            stateful_sets: Feed::new("statefulsets", health),
            services: Feed::new("services", health),
            pods: Feed::new("pods", health),
            nodes: Feed::new("nodes", of_nodes),
            watch_nodes,
            routes: RouteFeed::new(&settings.routing, health),
            evidence: Arc::default(),
            hearing,
        };
        (feeds, heard)
    }

    pub(crate) fn stores(&self, bounds: Bounds) -> Stores {
        Stores {
            notebooks: self.notebooks.store(),
            stateful_sets: self.stateful_sets.store(),
            services: self.services.store(),
            pods: self.pods.store(),
            bounds,
            nodes: self.nodes.store(),
            routes: self.routes.routes(),
            evidence: self.evidence.clone(),
        }
    }

    /// How a change finds its key.
    pub(crate) fn wake(&mut self, wake: &Wake<Notebook>) {
        self.notebooks.listen(wakes(wake.clone(), |notebook: &Notebook| Some(ObjectRef::from_obj(notebook))));
        self.stateful_sets.listen(wakes(wake.clone(), owner));
        self.services.listen(wakes(wake.clone(), owner));
        self.pods.listen(wakes(wake.clone(), named));
        self.routes.wake(wake);
        // A node that is lost, or back, concerns the pods on it. All else of nodes is in the scheduler's own words.
        let (pods, wake) = (self.pods.store(), wake.clone());
        self.nodes.listen(move |change| {
            let Change::Applied { old: Some(old), new } = change else { return };
            if old.is_lost() != new.is_lost() {
                let on_it = |pod: &&Arc<SlimPod>| pod.spec.node_name == new.metadata.name;
                for key in pods.state().iter().filter(on_it).filter_map(|pod| named(pod)) {
                    wake.send(key);
                }
            }
        });
    }

    /// What must be forgotten with an object: a reconcile is not called for one that is gone.
    pub(crate) fn forget(&mut self, shared: &Arc<Shared>) {
        self.stateful_sets.forget_in(shared.house.writer.ledger());
        self.services.forget_in(shared.house.writer.ledger());
        self.routes.forget(shared);
        // Once there is a pod, what kept it from being made is over; and what was said of a pod that is gone.
        let evidence = self.evidence.clone();
        self.pods.listen(move |change| {
            if let (Some(namespace), Some(set)) =
                (change.object().namespace(), change.object().labels().get(STATEFUL_SET))
            {
                evidence.forget(&Key::new(namespace, set));
            }
            if let Change::Deleted(pod) = change {
                evidence.forget(&Key::of(*pod));
            }
        });
        let evidence = self.evidence.clone();
        self.stateful_sets.listen(move |change| {
            // What was said of another spec, a stop included, says nothing of this one.
            let over = match change {
                Change::Deleted(_) => true,
                Change::Applied { old, new } => old.is_some_and(|old| old.meta().generation != new.meta().generation),
            };
            if over {
                evidence.forget(&Key::of(change.object()));
            }
        });
        let shared = shared.clone();
        self.notebooks.listen(move |change| {
            if let Change::Deleted(notebook) = change {
                let key = Key::of(*notebook);
                shared.house.statuses.forget(&key);
                shared.house.hush.clear(&key);
                shared.house.writer.forget(&key);
                shared.backoff.clear(&key);
                shared.house.wake.send_key(shared.house.turns.leave(&key));
            }
        });
    }

    /// Runs the watches: one a kind, of ours by label. Never ends.
    pub(crate) async fn watch(mut self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>, shared: &Shared) {
        let all = || shared.house.wake_all();
        let ours = everything().labels(&ours());
        let of_notebooks = everything().labels(NOTEBOOK_NAME);
        let sets = self.stateful_sets.store();
        let nodes = watcher(Api::<SlimNode>::all(client.clone()), everything()).default_backoff();
        let nodes = self.watch_nodes.then(|| self.nodes.run(nodes, metrics.clone()));
        tokio::join!(
            scope.watch(self.notebooks, client, everything(), metrics),
            scope.watch(self.stateful_sets, client, ours.clone(), metrics),
            scope.watch(self.services, client, ours, metrics),
            self.routes.watch(client, scope, metrics, all),
            scope.watch(self.pods, client, of_notebooks, metrics),
            OptionFuture::from(nodes),
            listen(self.hearing, client, scope, metrics, sets, shared),
        );
    }
}

/// The Notebook that owns a child; a child whose owner was taken off is still known by its annotation or name.
pub(crate) fn owner<K: Resource<DynamicType = ()>>(child: &K) -> Option<ObjectRef<Notebook>> {
    let namespace = child.namespace()?;
    let owner = child.owner_references().iter().find(|owner| owner.controller == Some(true));
    let name = match owner {
        Some(owner) if owner.kind == Notebook::kind(&()) => owner.name.clone(),
        // Another's object may have the name that a Notebook waits for.
        Some(_) | None => child.annotations().get(NOTEBOOK).cloned().unwrap_or_else(|| child.name_any()),
    };
    Some(ObjectRef::new(&name).within(&namespace))
}

/// The Notebook that a pod names: whole in our annotation, else in Kubeflow's label.
fn named(pod: &SlimPod) -> Option<ObjectRef<Notebook>> {
    let name = pod.annotations().get(NOTEBOOK).or_else(|| pod.labels().get(NOTEBOOK_NAME))?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}
