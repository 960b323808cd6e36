//! What Carrel says of a Notebook. Kubeflow's fields come first and mean what they mean there.

use k8s_openapi::api::core::v1 as core;
use serde::{Deserialize, Serialize};

use super::{Condition, Phase, Reason};
use crate::activity::{LastLoss, Life};

/// Condition type: fields of the template wait for the next start of the pod; the message lists them. Absent otherwise.
pub const RESTART_REQUIRED: &str = "RestartRequired";

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
    /// The last pod that was lost while it ran; kept when it runs again. Absent if none ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_loss: Option<LastLoss>,
    /// Whether it is used, and why Carrel stopped it last.
    #[serde(flatten)]
    pub life: Life,
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
