//! The conditions of a server.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Condition type: the server answers. Takes the place of the pod condition of the same name, which it implies.
pub const READY: &str = "Ready";
/// Condition type: the owner stopped the server and its pod is gone.
pub const STOPPED: &str = "Stopped";

/// Condition type: the route that the admin chose leads to the server as its owner asks. Absent where routes are not made.
pub const ROUTED: &str = "Routed";

/// Condition type: Carrel stops the server at a time that the message has, unless something happens. Absent otherwise.
pub const STOP_PENDING: &str = "StopPending";
/// Condition type: nobody can tell for long whether the server is used. Absent otherwise.
pub const ACTIVITY_UNKNOWN: &str = "ActivityUnknown";
/// Condition type: something that the owner asks for by annotations is not done; the message says what and why. Absent otherwise.
pub const WISH_REFUSED: &str = "WishRefused";

/// Condition type: the node of the server's pod is to go, so that the pod will end; the message says when, and what becomes of what
/// runs in it. Absent otherwise. The API server tells nobody of an eviction that it refused, so a drain shows by its cordon.
pub const DISRUPTION_PENDING: &str = "DisruptionPending";
/// Condition type: the server is busy, and should be kept from drains, but is not; the message says why. Absent otherwise.
pub const NOT_PROTECTED: &str = "NotProtected";

/// A condition of a server. Unlike Kubernetes' own, reason and message may be absent: Kubeflow's web app shows the
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
