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
use carrel_server::protection::Shelves;
use carrel_server::servers::{Marks, Servers, ServersFeed};
use carrel_server::slim_pod::SlimPod;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::runtime::reflector::ObjectRef;
use kube::{Client, Resource, ResourceExt};

use crate::hear::{Ear, Echoes, WATCHED, listen};
use crate::observe::Stores;
use crate::reconcile::House;

/// The kinds that are watched.
pub(crate) struct Feeds {
    pub(crate) notebooks: Feed<Notebook>,
    pub(crate) stateful_sets: Feed<StatefulSet>,
    pub(crate) pods: Feed<SlimPod>,
    evidence: Arc<Evidence>,
    hearing: Hearing,
}

impl Feeds {
    /// The feeds, and what tells when those Events were heard that were there at first.
    pub(crate) fn new(health: &Health) -> (Self, Heard) {
        let (hearing, heard) = Hearing::new(WATCHED, health);
        let feeds = Self {
            notebooks: Feed::new("notebooks", health),
            stateful_sets: Feed::new("statefulsets", health),
            pods: Feed::new("pods", health),
            evidence: Arc::default(),
            hearing,
        };
        (feeds, heard)
    }

    pub(crate) fn stores(&self, bounds: Bounds, servers: Servers) -> Stores {
        let Servers { services, routes, nodes, budgets, .. } = servers;
        Stores {
            notebooks: self.notebooks.store(),
            stateful_sets: self.stateful_sets.store(),
            services,
            pods: self.pods.store(),
            bounds,
            protection: Shelves { budgets, nodes: nodes.clone() },
            nodes,
            routes,
            evidence: self.evidence.clone(),
        }
    }

    /// How a change finds its key.
    pub(crate) fn wake(&mut self, wake: &Wake<Notebook>, servers: &mut ServersFeed) {
        self.notebooks.listen(wakes(wake.clone(), |notebook: &Notebook| Some(ObjectRef::from_obj(notebook))));
        self.stateful_sets.listen(wakes(wake.clone(), owner));
        servers.wake(wake, MARKS);
        self.pods.listen(wakes(wake.clone(), named));
        // It concerns the pods on it.
        let (pods, wake) = (self.pods.store(), wake.clone());
        servers.on_turn(move |node| {
            let on_it = |pod: &&Arc<SlimPod>| pod.spec.node_name == node.metadata.name;
            for key in pods.state().iter().filter(on_it).filter_map(|pod| named(pod)) {
                wake.send(key);
            }
        });
    }

    /// What must be forgotten with an object: a reconcile is not called for one that is gone.
    pub(crate) fn forget(&mut self, house: &Arc<House>, servers: &mut ServersFeed) {
        self.stateful_sets.forget_in(house.kit.writer.ledger());
        self.pods.forget_in(house.kit.writer.ledger());
        servers.forget_in(house.kit.writer.ledger());
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
        let house = house.clone();
        self.notebooks.listen(move |change| {
            if let Change::Deleted(notebook) = change {
                house.kit.forget(&Key::of(*notebook));
                house.lives.forget(*notebook, (house.kit.clock)());
            }
        });
    }

    /// Runs the watches: one a kind, of ours by label. Never ends.
    pub(crate) async fn watch(
        self,
        client: &Client,
        scope: &Scope,
        metrics: &Arc<Metrics>,
        ear: (Ear, Echoes),
        house: &House,
    ) {
        let ours = everything().labels(&ours());
        let of_notebooks = everything().labels(NOTEBOOK_NAME);
        tokio::join!(
            scope.watch(self.notebooks, client, everything(), metrics),
            scope.watch(self.stateful_sets, client, ours, metrics),
            scope.watch(self.pods, client, of_notebooks, metrics),
            listen(self.hearing, client, scope, metrics, ear, house),
        );
    }
}

/// By what a Notebook's children are known.
const MARKS: Marks = Marks { annotation: NOTEBOOK, prefix: "" };

/// The Notebook that owns a child.
pub(crate) fn owner<K: Resource<DynamicType = ()>>(child: &K) -> Option<ObjectRef<Notebook>> {
    carrel_server::servers::owner(child.meta(), MARKS)
}

/// The Notebook that a pod names: whole in our annotation, else in Kubeflow's label.
fn named(pod: &SlimPod) -> Option<ObjectRef<Notebook>> {
    let name = pod.annotations().get(NOTEBOOK).or_else(|| pod.labels().get(NOTEBOOK_NAME))?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}
