//! What Carrel says of a Notebook. Kubeflow's fields come first and mean what they mean there.

use jiff::Timestamp;
use k8s_openapi::api::core::v1 as core;
use serde::{Deserialize, Serialize};

use super::{Phase, Reason};

/// Condition type: the server answers. Takes the place of the pod condition of the same name, which it implies.
pub const READY: &str = "Ready";
/// Condition type: the owner stopped the notebook and its pod is gone.
pub const STOPPED: &str = "Stopped";

/// Condition type: fields of the template wait for the next start of the pod; the message lists them. Absent otherwise.
pub const RESTART_REQUIRED: &str = "RestartRequired";

/// Condition type: the route that the admin chose leads to the notebook as its owner asks. Absent where routes are not made.
pub const ROUTED: &str = "Routed";

/// The status of a Notebook. One writer: the Notebook controller. Nothing in it moves by itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotebookStatus {
    /// Kubeflow's: 1 if the pod is ready, else 0.
    pub ready_replicas: i32,
    /// Kubeflow's: the state of the server's container; `{}` while it has none.
    pub container_state: ContainerState,
    /// Carrel's own conditions (`Ready`, `Stopped`) first, then the pod's, as Kubeflow mirrors them.
    pub conditions: Vec<Condition>,
    /// The state in one word; absent only in a status that Carrel did not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Why the notebook is not ready; absent when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The generation of the Notebook that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The node on which the pod runs; absent while it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// What the server's container asks for.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
    /// The names of the claims that the pod mounts, in the order of its volumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
}

impl NotebookStatus {
    /// The condition of this type, if the status has it.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.type_ == type_)
    }
}

/// What the server's container asks for, as its owner wrote it: requests, or else limits.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Resources {
    /// CPUs, as a Kubernetes quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory, as a Kubernetes quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Devices of any vendor: the count, and the resource's name where it is not `nvidia.com/gpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
}

impl Resources {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A condition of a Notebook. Unlike Kubernetes' own, reason and message may be absent: Kubeflow's web app shows the
/// first condition that has a reason, and fails on one that has a reason but no message.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// [`READY`], [`STOPPED`] or the type of a pod condition.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// When the pod was last asked; only mirrored, and only where the pod's condition has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_probe_time: Option<Timestamp>,
    /// When `status` last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
    /// One word; never without a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A sentence for a person. Nothing in it is random or timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The state of a container, in Kubernetes' own words; all absent while there is none.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ContainerState {
    /// It runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<core::ContainerStateRunning>,
    /// It waits to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<core::ContainerStateWaiting>,
    /// It ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated: Option<core::ContainerStateTerminated>,
}

impl From<core::ContainerState> for ContainerState {
    fn from(state: core::ContainerState) -> Self {
        Self { running: state.running, waiting: state.waiting, terminated: state.terminated }
    }
}
