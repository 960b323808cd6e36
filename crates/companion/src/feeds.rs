//! What the controller watches, how a change finds its key, and what must be forgotten with an object.

use std::sync::Arc;

use carrel_runtime::Key;
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::child::ours;
use carrel_runtime::claims::ClaimsFeed;
use carrel_runtime::evidence::Evidence;
use carrel_runtime::feed::{Change, Feed, everything};
use carrel_runtime::index::Index;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use carrel_runtime::scope::Scope;
use carrel_runtime::wake::{Wake, wakes};
use carrel_server::protection::{PODS, Shelves};
use carrel_server::servers::{ServersFeed, owner};
use carrel_server::slim_pod::SlimPod;
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::reflector::ObjectRef;
use kube::{Client, Resource, ResourceExt};

use crate::observe::Stores;
use crate::reconcile::House;
use crate::{Companion, Settings};

/// The kinds that are watched.
pub(crate) struct Feeds<K: Companion> {
    pub(crate) objects: Feed<K>,
    pub(crate) deployments: Feed<Deployment>,
    pub(crate) pods: Feed<SlimPod>,
    own: Arc<Index>,
    mounts: Arc<Index>,
    evidence: Arc<Evidence>,
}

impl<K: Companion> Feeds<K> {
    pub(crate) fn new(health: &Health, settings: &Settings) -> Self {
        let mut feeds = Self {
            objects: Feed::new(K::WORDS.plural, health),
            deployments: Feed::new(K::WORDS.deployments, health),
            pods: Feed::new(K::WORDS.pods, health),
            own: Arc::default(),
            mounts: Arc::default(),
            evidence: Arc::default(),
        };
        // Before all others that listen: they read it.
        let (own, mounts, settings) = (feeds.own.clone(), feeds.mounts.clone(), settings.clone());
        feeds.pods.listen(move |change| {
            own.tell(change, |pod| pod.labels().get(K::WORDS.mark).into_iter().cloned().collect());
        });
        feeds.objects.listen(move |change| mounts.tell(change, |object: &K| object.claims(&settings)));
        feeds
    }

    pub(crate) fn stores(&self, bounds: &BoundsFeed, servers: &ServersFeed, claims: &ClaimsFeed) -> Stores<K> {
        let servers = servers.servers();
        Stores {
            objects: self.objects.store(),
            deployments: self.deployments.store(),
            services: servers.services,
            routes: servers.routes,
            pods: self.pods.store(),
            own: self.own.clone(),
            protection: Shelves { budgets: servers.budgets, nodes: servers.nodes.clone() },
            nodes: servers.nodes,
            claims: claims.view(),
            bounds: bounds.bounds(),
            evidence: self.evidence.clone(),
        }
    }

    /// How a change finds its key.
    pub(crate) fn wake(&mut self, wake: &Wake<K>, servers: &mut ServersFeed, claims: &mut ClaimsFeed) {
        self.objects.listen(wakes(wake.clone(), |object: &K| Some(ObjectRef::from_obj(object))));
        self.deployments.listen(wakes(wake.clone(), |child: &Deployment| owner::<K>(child.meta(), K::WORDS.marks())));
        self.pods.listen(wakes(wake.clone(), named::<K>));
        servers.wake(wake, K::WORDS.marks());
        let (pods, sender) = (self.pods.store(), wake.clone());
        servers.on_turn(move |node| {
            let on_it = |pod: &&Arc<SlimPod>| pod.spec.node_name == node.metadata.name;
            for key in pods.state().iter().filter(on_it).filter_map(|pod| named(pod)) {
                sender.send(key);
            }
        });
        self.hear(wake, servers);
        // Who mounts a claim, and what the claim is, concerns those that mount it too.
        let (mounts, sender) = (self.mounts.clone(), wake.clone());
        let tell = move |claim: &Key| {
            for name in mounts.of(claim) {
                sender.send(ObjectRef::new(&name).within(&claim.namespace));
            }
        };
        claims.on_mount(tell.clone());
        claims.on_claim(tell);
    }

    /// Events of pods are evidence of why one does not run.
    fn hear(&self, wake: &Wake<K>, servers: &mut ServersFeed) {
        let (pods, evidence, sender) = (self.pods.store(), self.evidence.clone(), wake.clone());
        let filled = self.pods.store();
        servers.on_event(async move { drop(filled.wait_until_ready().await) }, move |event, _| {
            let Key { namespace, name } = event.about();
            // What is about nobody's pod here is nobody's business here.
            let pod = pods.get(&ObjectRef::new(&name).within(&namespace));
            if let Some(key) = pod.as_deref().and_then(named::<K>)
                && evidence.tell(event)
            {
                sender.send(key);
            }
        });
    }

    /// What must be forgotten with an object: a reconcile is not called for one that is gone.
    pub(crate) fn forget(&mut self, house: &Arc<House<K>>, servers: &mut ServersFeed) {
        self.deployments.forget_in(house.kit.writer.ledger());
        servers.forget_in(house.kit.writer.ledger());
        let (evidence, ledger) = (self.evidence.clone(), house.kit.writer.ledger().clone());
        self.pods.listen(move |change| {
            if let Change::Deleted(pod) = change {
                evidence.forget(&Key::of(*pod));
                ledger.forget(PODS, &Key::of(*pod), pod.metadata.uid.as_deref().unwrap_or_default());
            }
        });
        let house = house.clone();
        self.objects.listen(move |change| {
            if let Change::Deleted(object) = change {
                house.kit.forget(&Key::of(*object));
                house.lives.forget(*object, (house.kit.clock)());
            }
        });
    }

    /// Runs the watches: one a kind, of ours by label. Never ends.
    pub(crate) async fn watch(self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>) {
        let ours = everything().labels(&format!("{},{}", ours(), K::WORDS.mark));
        tokio::join!(
            scope.watch(self.objects, client, everything(), metrics),
            scope.watch(self.deployments, client, ours, metrics),
            scope.watch(self.pods, client, everything().labels(K::WORDS.mark), metrics),
        );
    }
}

/// The companion that a pod names.
pub(crate) fn named<K: Companion>(pod: &SlimPod) -> Option<ObjectRef<K>> {
    let name = pod.annotations().get(K::WORDS.mark)?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}
