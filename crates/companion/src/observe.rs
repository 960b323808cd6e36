//! What the caches hold of a companion and its children, taken once at the start of a reconcile.

use std::sync::Arc;

use carrel_runtime::Key;
use carrel_runtime::bounds::{Bounds, Limits};
use carrel_runtime::child::{Child, Owner};
use carrel_runtime::claims::Claims;
use carrel_runtime::evidence::Evidence;
use carrel_runtime::index::Index;
use carrel_runtime::shelf::{Shelf, Shelved};
use carrel_server::Refusal;
use carrel_server::protection::Shelves;
use carrel_server::route::{ObservedRoute, Place, Routes};
use carrel_server::slim_node::SlimNode;
use carrel_server::slim_pod::SlimPod;
use carrel_server::surroundings::{Surroundings, around};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use crate::beside::{Mounted, Own};
use crate::{Companion, Settings};

/// What is known of the room for a pod.
pub type Judged = carrel_runtime::judge::Judged<Refusal>;

/// A companion and its children, as last seen.
#[derive(Clone, Debug)]
pub struct Observed<K: Companion> {
    /// The companion.
    pub object: Arc<K>,
    /// Its status: what the cache holds, or what this process wrote since.
    pub status: K::Status,
    /// The Deployment of its name.
    pub deployment: Child<Deployment>,
    /// The Service of its name.
    pub service: Child<Service>,
    /// The route of it.
    pub route: ObservedRoute,
    /// Its pod: the newest that is not ending, else the newest.
    pub pod: Option<Arc<SlimPod>>,
    /// The claims that it mounts, and who else does.
    pub mounted: Vec<Mounted>,
    /// What explains why its pod does not run.
    pub around: Surroundings,
    /// What bounds its namespace.
    pub limits: Limits,
    /// What is known of its start; asked for where one is due.
    pub judged: Judged,
}

impl<K: Companion> Observed<K> {
    /// Its pod, if it is not ending.
    pub fn standing(&self) -> Option<&SlimPod> {
        self.pod.as_deref().filter(|pod| pod.metadata.deletion_timestamp.is_none())
    }

    /// Its pod, as far as its place depends on it.
    pub fn own(&self) -> Option<Own> {
        self.standing().map(|pod| Own {
            node: pod.spec.node_name.clone(),
            unschedulable: pod.condition("PodScheduled").is_some_and(|scheduled| {
                scheduled.status == "False" && scheduled.reason.as_deref() == Some("Unschedulable")
            }),
            age: (made(pod), pod.name_any()),
        })
    }

    /// Whether it is on its way out.
    pub fn is_being_deleted(&self) -> bool {
        self.object.meta().deletion_timestamp.is_some()
    }
}

fn made(pod: &SlimPod) -> Timestamp {
    pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0)
}

/// The stores that are read.
pub struct Stores<K: Companion> {
    /// Companions.
    pub objects: Shelf<K>,
    /// Deployments that Carrel made.
    pub deployments: Shelf<Deployment>,
    /// Services that Carrel made.
    pub services: Shelf<Service>,
    /// Routes that Carrel made, of the one kind that is made.
    pub routes: Routes,
    /// Pods of companions of this kind.
    pub pods: Shelf<SlimPod>,
    /// Which of them are whose: by the name of the children.
    pub own: Arc<Index>,
    /// Nodes; none where they are not watched.
    pub nodes: Shelf<SlimNode>,
    /// Budgets of busy pods, and their nodes.
    pub protection: Shelves,
    /// Claims, and who mounts which.
    pub claims: Claims,
    /// What bounds each namespace.
    pub bounds: Bounds,
    /// What Events say of pods.
    pub evidence: Arc<Evidence>,
}

impl<K: Companion> Clone for Stores<K> {
    fn clone(&self) -> Self {
        let Self { objects, deployments, services, routes, pods, own, nodes, protection, claims, bounds, evidence } =
            self;
        Self {
            objects: objects.clone(),
            deployments: deployments.clone(),
            services: services.clone(),
            routes: routes.clone(),
            pods: pods.clone(),
            own: own.clone(),
            nodes: nodes.clone(),
            protection: protection.clone(),
            claims: claims.clone(),
            bounds: bounds.clone(),
            evidence: evidence.clone(),
        }
    }
}

impl<K: Companion> Stores<K> {
    /// Reads a companion and its children. `newer` is a status that this process wrote and the cache has not seen.
    pub fn observe(&self, object: Arc<K>, newer: Option<K::Status>, settings: &Settings) -> Observed<K> {
        let Key { namespace, name } = Key::of(object.as_ref());
        let child = K::child_name(&name);
        let this = object.clone();
        let owner = Owner::of(this.as_ref());
        let place = Place { owner, namespace: &namespace, name: &child, virtual_service: &child };
        let pod = self.pod(&namespace, &child);
        let mounted = object.claims(settings).into_iter().map(|claim| {
            let key = Key::new(&namespace, &claim);
            Mounted { claim: self.claims.get(&key), pods: self.claims.mounted_by(&key), name: claim }
        });
        Observed {
            status: newer.or_else(|| object.stored().cloned()).unwrap_or_default(),
            deployment: Child::of(get(&self.deployments, &namespace, &child), owner),
            service: Child::of(get(&self.services, &namespace, &child), owner),
            route: self.routes.observe(place),
            around: pod.as_deref().map(|pod| around(pod, Vec::new, &self.nodes, &self.evidence)).unwrap_or_default(),
            pod,
            mounted: mounted.collect(),
            limits: self.bounds.of(&namespace),
            judged: Judged::Not,
            object,
        }
    }

    fn pod(&self, namespace: &str, child: &str) -> Option<Arc<SlimPod>> {
        let own = self.own.of(&Key::new(namespace, child)).into_iter();
        let own = own.filter_map(|pod| get(&self.pods, namespace, &pod));
        own.max_by_key(|pod| (pod.metadata.deletion_timestamp.is_none(), made(pod), pod.name_any()))
    }
}

fn get<T: Shelved>(store: &Shelf<T>, namespace: &str, name: &str) -> Option<Arc<T>> {
    store.get(&ObjectRef::new(name).within(namespace))
}
