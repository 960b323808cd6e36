//! What the caches hold of a Notebook and its children, taken once at the start of a reconcile.

use std::sync::Arc;

use carrel_api::notebook::{Notebook, NotebookStatus};
use carrel_api::vocabulary::{MADE_FROM, NOTEBOOK};
use carrel_runtime::Key;
use carrel_runtime::bounds::{Bounds, Limits};
use carrel_runtime::child::{Child, Owner};
use carrel_runtime::evidence::Evidence;
use carrel_runtime::shelf::{Shelf, Shelved};
use carrel_server::holders::Holder;
use carrel_server::protection::Shelves;
use carrel_server::route::{ObservedRoute, Place, Routes};
use carrel_server::slim_node::SlimNode;
use carrel_server::slim_pod::SlimPod;
use carrel_server::surroundings::{Surroundings, around, sharers};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use crate::names::{child_name, virtual_service_name};
use crate::room::Judged;

/// A Notebook and its children, as last seen.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The Notebook.
    pub notebook: Arc<Notebook>,
    /// Its status: what the cache holds, or what this process wrote since.
    pub status: NotebookStatus,
    /// The StatefulSet of its name.
    pub stateful_set: Child<StatefulSet>,
    /// The Service of its name.
    pub service: Child<Service>,
    /// The route of it.
    pub route: ObservedRoute,
    /// The StatefulSet's pod.
    pub pod: Option<Arc<SlimPod>>,
    /// The API server's words where it refused to let the StatefulSet's controller make the pod.
    pub rejection: Option<String>,
    /// What explains why its pod does not run.
    pub around: Surroundings,
    /// What bounds its namespace.
    pub limits: Limits,
    /// What is known of its start; asked for where one is due.
    pub judged: Judged,
}

impl Observed {
    /// Whether the cache holds an older text of the Notebook than its StatefulSet or pod was made from. Each watch is a
    /// connection of its own, and one that is dead is noticed late; nothing must be written, and no pod end, for an old text.
    pub fn is_behind(&self) -> bool {
        let metadata = &self.notebook.metadata;
        let set = self.stateful_set.ours().and_then(|set| set.spec.template.metadata.as_ref());
        let pod = self.pod.as_ref().map(|pod| &pod.metadata);
        let newer = |made: &ObjectMeta| {
            let (uid, generation) = made.annotations.as_ref()?.get(MADE_FROM)?.rsplit_once('/')?;
            // Of another Notebook of this name, before, it says nothing.
            let same = Some(uid) == metadata.uid.as_deref();
            Some(same && generation.parse::<i64>().ok()? > metadata.generation.unwrap_or_default())
        };
        [set, pod].into_iter().flatten().filter_map(newer).any(|newer| newer)
    }
}

/// The reason of a StatefulSet's Events that say why its pod can't be made.
pub(crate) const FAILED_CREATE: &str = "FailedCreate";

/// The stores that are read.
#[derive(Clone)]
pub struct Stores {
    /// Notebooks.
    pub notebooks: Shelf<Notebook>,
    /// StatefulSets that Carrel made.
    pub stateful_sets: Shelf<StatefulSet>,
    /// Services that Carrel made.
    pub services: Shelf<Service>,
    /// Routes that Carrel made, of the one kind that is made.
    pub routes: Routes,
    /// Pods of notebooks.
    pub pods: Shelf<SlimPod>,
    /// Nodes; none where they are not watched.
    pub nodes: Shelf<SlimNode>,
    /// Budgets of busy pods, and their nodes.
    pub protection: Shelves,
    /// What bounds each namespace.
    pub bounds: Bounds,
    /// What Events say of StatefulSets.
    pub evidence: Arc<Evidence>,
}

impl Stores {
    /// Reads a Notebook and its children. `newer` is a status that this process wrote and the cache has not seen.
    pub fn observe(&self, notebook: Arc<Notebook>, newer: Option<NotebookStatus>) -> Observed {
        let key = Key::of(notebook.as_ref());
        let child = child_name(&key.name);
        let stored = || notebook.status.as_ref().and_then(|status| status.valid()).cloned();
        let object = notebook.clone();
        let owner = Owner::of(object.as_ref());
        let stateful_set = Child::of(get(&self.stateful_sets, &key.namespace, &child), owner);
        let set_uid = stateful_set.ours().and_then(|set| set.metadata.uid.clone());
        let pod = get(&self.pods, &key.namespace, &pod_name(&child));
        let pod = pod.filter(|pod| set_uid.as_ref().is_none_or(|uid| is_controlled_by(pod, uid)));
        let words = |uid| self.evidence.about(&Key::new(&key.namespace, &child), uid).remove(FAILED_CREATE);
        Observed {
            rejection: set_uid.as_deref().and_then(words),
            status: newer.or_else(stored).unwrap_or_default(),
            stateful_set,
            service: Child::of(get(&self.services, &key.namespace, &child), owner),
            around: pod.as_deref().map(|pod| self.around(pod)).unwrap_or_default(),
            route: self.routes.observe(Place {
                owner,
                namespace: &key.namespace,
                name: &child,
                virtual_service: &virtual_service_name(&key.namespace, &key.name),
            }),
            pod,
            limits: self.bounds.of(&key.namespace),
            judged: Judged::Not,
            notebook,
        }
    }

    fn around(&self, pod: &SlimPod) -> Surroundings {
        let others = || self.pods.of(pod.metadata.namespace.as_deref().unwrap_or_default());
        around(pod, || sharers(pod, others()), &self.nodes, &self.evidence)
    }

    /// The running notebooks of a namespace.
    pub(crate) fn holders(&self, namespace: &str) -> Vec<Holder> {
        let sets = self.stateful_sets.of(namespace);
        let runs = |set: &&Arc<StatefulSet>| set.spec.replicas != Some(0);
        let holder = |set: &Arc<StatefulSet>| {
            let name = set.annotations().get(NOTEBOOK).cloned().unwrap_or_else(|| set.name_any());
            Some(Holder { name, pod: set.spec.template.spec.clone()? })
        };
        sets.iter().filter(runs).filter_map(holder).collect()
    }
}

/// Labels and names are anybody's to give; a pod is the StatefulSet's if that controls it.
fn is_controlled_by(pod: &SlimPod, uid: &str) -> bool {
    pod.owner_references().iter().any(|owner| owner.controller == Some(true) && owner.uid == uid)
}

/// The name of the one pod of a notebook's StatefulSet.
pub fn pod_name(stateful_set: &str) -> String {
    format!("{stateful_set}-0")
}

pub(crate) fn get<K: Shelved>(store: &Shelf<K>, namespace: &str, name: &str) -> Option<Arc<K>> {
    let key = ObjectRef::new(name);
    store.get(&if namespace.is_empty() { key } else { key.within(namespace) })
}
