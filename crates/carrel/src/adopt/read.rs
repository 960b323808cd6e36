//! Reads the servers, their children by kind, and their pods.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use carrel_api::notebook::Notebook;
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::server::Condition;
use carrel_api::tensorboard::Tensorboard;
use carrel_runtime::Key;
use carrel_server::route::VirtualService;
use carrel_server::slim_pod::SlimPod;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::chosen::Chosen;
use crate::pages::{ReadError, is_served, of_namespace};

/// Objects by namespace and name.
pub(super) type ByKey<K> = BTreeMap<Key, Arc<K>>;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) notebooks: ByKey<Notebook>,
    pub(super) tensorboards: ByKey<Tensorboard>,
    pub(super) viewers: ByKey<PvcViewer>,
    pub(super) stateful_sets: ByKey<StatefulSet>,
    pub(super) deployments: ByKey<Deployment>,
    pub(super) services: ByKey<Service>,
    /// None where the cluster has no such kind, or where none is made and they can't be read.
    pub(super) virtual_services: Option<ByKey<VirtualService>>,
    /// Pods that a StatefulSet or a ReplicaSet controls.
    pub(super) pods: BTreeMap<Key, FoundPod>,
}

/// A pod, and how often its containers started again.
#[derive(Clone, Debug)]
pub(super) struct FoundPod {
    pub(super) pod: Arc<SlimPod>,
    pub(super) restarts: i32,
}

/// Reads them. Pods come first: one that is made meanwhile is not taken for an old one.
pub(super) async fn read(client: &Client, namespace: Option<&str>, chosen: &Chosen) -> Result<Found, ReadError> {
    let mut pods = BTreeMap::new();
    of_namespace(client, namespace, |pod: Pod| pods.extend(found_pod(&pod))).await?;
    let virtual_services = match all(client, namespace).await {
        // Who may view a namespace may not view these by that, whether the cluster has any or not.
        Err(ReadError::Forbidden { .. }) if !chosen.istio => None,
        read => read?,
    };
    Ok(Found {
        pods,
        notebooks: all(client, namespace).await?.unwrap_or_default(),
        tensorboards: all(client, namespace).await?.unwrap_or_default(),
        viewers: all(client, namespace).await?.unwrap_or_default(),
        stateful_sets: all(client, namespace).await?.unwrap_or_default(),
        deployments: all(client, namespace).await?.unwrap_or_default(),
        services: all(client, namespace).await?.unwrap_or_default(),
        virtual_services,
    })
}

/// All objects of a kind; `None` where the cluster lacks it.
async fn all<K>(client: &Client, namespace: Option<&str>) -> Result<Option<ByKey<K>>, ReadError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let mut found = ByKey::new();
    let mut keep = |object: K| found.insert(Key::of(&object), Arc::new(object));
    let is_served = is_served(of_namespace(client, namespace, |object| drop(keep(object))).await)?;
    Ok(is_served.then_some(found))
}

fn found_pod(pod: &Pod) -> Option<(Key, FoundPod)> {
    let makers = ["StatefulSet", "ReplicaSet"];
    pod.owner_references().iter().find(|owner| makers.contains(&owner.kind.as_str()))?;
    let status = pod.status.as_ref();
    let containers = status.into_iter().flat_map(|status| {
        [&status.container_statuses, &status.init_container_statuses].into_iter().flatten().flatten()
    });
    let restarts = containers.map(|container| container.restart_count).sum();
    let slim = serde_json::to_value(pod).and_then(serde_json::from_value::<SlimPod>).ok()?;
    Some((Key::of(pod), FoundPod { pod: Arc::new(slim), restarts }))
}

impl Found {
    /// What Carrel says of a server by a condition of this type. Of a status that only Kubeflow wrote it says nothing.
    pub(super) fn condition(&self, kind: &str, key: &Key, type_: &str) -> Option<&Condition> {
        match kind {
            "Notebook" => self.notebooks.get(key)?.status.as_ref()?.valid()?.condition(type_),
            "Tensorboard" => self.tensorboards.get(key)?.status.as_ref()?.valid()?.said.condition(type_),
            _ => self.viewers.get(key)?.status.as_ref()?.valid()?.said.condition(type_),
        }
    }
}
