//! A server's pod, as far as it is looked at.

use std::collections::BTreeMap;

use carrel_activity::history::Holds;
use carrel_runtime::mounts::{SlimVolume, claims};
use k8s_openapi::api::core::v1::ContainerState;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
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
    /// Gates that keep it from the scheduler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheduling_gates: Vec<SlimGate>,
    /// Its volumes, as far as they are claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<SlimVolume>,
    /// Its containers, without those that run before the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<SlimContainer>,
}

/// A container of a Pod.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimContainer {
    /// What it asks for.
    #[serde(default)]
    pub resources: SlimResources,
}

/// What a container asks for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimResources {
    /// What is kept for it, by the name of the resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Quantity>,
}

/// A scheduling gate of a Pod.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimGate {
    /// Who set it, as a path.
    pub name: String,
}

/// The part of a Pod's status that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlimPodStatus {
    /// One word on a pod that failed as a whole.
    #[serde(default)]
    pub reason: Option<String>,
    /// A sentence on it.
    #[serde(default)]
    pub message: Option<String>,
    /// Its address, once it has one.
    #[serde(default, rename = "podIP", skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,
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

    /// What its containers keep from others.
    pub fn holds(&self) -> Holds {
        let mut holds = Holds::default();
        for (resource, quantity) in self.spec.containers.iter().flat_map(|container| &container.resources.requests) {
            holds.add(resource, &quantity.0);
        }
        holds
    }

    /// The names of the claims that it mounts.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        claims(&self.spec.volumes)
    }

    /// Whether it is ready and not on its way out.
    pub fn is_ready(&self) -> bool {
        self.metadata.deletion_timestamp.is_none() && self.has_condition_ready()
    }

    /// Whether it is ready, on its way out or not.
    pub fn has_condition_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }
}
