//! What the caches hold of a Notebook and its children, taken once at the start of a reconcile.

use std::sync::Arc;

use carrel_api::notebook::{Notebook, NotebookStatus};
use carrel_api::vocabulary::OWNER_TEMPLATE;
use carrel_runtime::Key;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ContainerState, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};

/// A Pod, with the few fields that are read here; what is not named is never parsed (a whole Pod costs 30 times more).
#[derive(Clone, Debug, Default, Resource, Deserialize, Serialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Pod)]
pub struct SlimPod {
    /// Name, owner, labels, annotations.
    pub metadata: ObjectMeta,
    /// Where it runs.
    #[serde(default)]
    pub spec: SlimPodSpec,
    /// How it does.
    #[serde(default)]
    pub status: SlimPodStatus,
}

/// The part of a Pod's spec that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlimPodSpec {
    /// The node that the scheduler chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
}

/// The part of a Pod's status that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlimPodStatus {
    /// The pod's conditions, in kubelet's order.
    #[serde(default)]
    pub conditions: Vec<SlimPodCondition>,
    /// Init containers, native sidecars among them.
    #[serde(default)]
    pub init_container_statuses: Vec<SlimContainerStatus>,
    /// Containers.
    #[serde(default)]
    pub container_statuses: Vec<SlimContainerStatus>,
}

/// A condition of a Pod.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // Kubernetes' own fields.
pub struct SlimPodCondition {
    #[serde(rename = "type")]
    pub type_: String,
    pub status: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub last_transition_time: Option<Time>,
    #[serde(default)]
    pub last_probe_time: Option<Time>,
}

/// The state of a container.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // Kubernetes' own fields.
pub struct SlimContainerStatus {
    pub name: String,
    #[serde(default)]
    pub state: Option<ContainerState>,
    #[serde(default)]
    pub last_state: Option<ContainerState>,
    #[serde(default)]
    pub ready: bool,
}

impl SlimPod {
    /// The pod's condition of this type.
    pub fn condition(&self, type_: &str) -> Option<&SlimPodCondition> {
        self.status.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// Whether it is ready and not on its way out.
    pub fn is_ready(&self) -> bool {
        self.metadata.deletion_timestamp.is_none()
            && self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }

    /// The hash of the owner's template that it was made from; absent on a pod that somebody else's controller made.
    pub fn owner_template(&self) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(OWNER_TEMPLATE).map(String::as_str)
    }
}

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
    /// The StatefulSet's pod.
    pub pod: Option<Arc<SlimPod>>,
}

/// An object of the name that a child has.
#[derive(Clone, Debug)]
pub enum Child<K> {
    /// The cache holds none. There may be one that is not Carrel's, which the watch does not select.
    Missing,
    /// It is this Notebook's, or nobody's since its owner was deleted without it.
    Ours(Arc<K>),
    /// It is this Notebook's and being deleted.
    Leaving,
    /// Another object owns it; that one's kind and name.
    Foreign {
        /// The owner, as `Kind name`.
        owner: String,
    },
}

impl<K> Child<K> {
    /// The child, if it stands and is ours.
    pub fn ours(&self) -> Option<&K> {
        match self {
            Self::Ours(object) => Some(object),
            _ => None,
        }
    }
}

impl<K: Resource<DynamicType = ()>> Child<K> {
    /// Tells whose an object is, by its controller's uid.
    pub fn of(object: Option<Arc<K>>, owner_uid: &str) -> Self {
        let Some(object) = object else { return Self::Missing };
        let controller = object.owner_references().iter().find(|owner| owner.controller == Some(true));
        match controller {
            Some(owner) if owner.uid != owner_uid => Self::Foreign { owner: format!("{} {}", owner.kind, owner.name) },
            _ if object.meta().deletion_timestamp.is_some() => Self::Leaving,
            _ => Self::Ours(object),
        }
    }
}

/// The stores that are read.
#[derive(Clone)]
pub struct Stores {
    /// Notebooks.
    pub notebooks: Store<Notebook>,
    /// StatefulSets that Carrel made.
    pub stateful_sets: Store<StatefulSet>,
    /// Services that Carrel made.
    pub services: Store<Service>,
    /// Pods of notebooks.
    pub pods: Store<SlimPod>,
}

impl Stores {
    /// Reads a Notebook and its children. `newer` is a status that this process wrote and the cache has not seen.
    pub fn observe(&self, notebook: Arc<Notebook>, newer: Option<NotebookStatus>) -> Observed {
        let key = Key::of(notebook.as_ref());
        let uid = notebook.uid().unwrap_or_default();
        let stored = || notebook.status.as_ref().and_then(|status| status.valid()).cloned();
        Observed {
            status: newer.or_else(stored).unwrap_or_default(),
            stateful_set: Child::of(get(&self.stateful_sets, &key.namespace, &key.name), &uid),
            service: Child::of(get(&self.services, &key.namespace, &key.name), &uid),
            pod: get(&self.pods, &key.namespace, &pod_name(&key.name)),
            notebook,
        }
    }
}

/// The name of the one pod of a notebook's StatefulSet.
pub fn pod_name(stateful_set: &str) -> String {
    format!("{stateful_set}-0")
}

fn get<K>(store: &Store<K>, namespace: &str, name: &str) -> Option<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.get(&ObjectRef::new(name).within(namespace))
}
