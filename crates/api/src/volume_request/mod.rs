//! The VolumeRequest: a volume that somebody asks for, checked before it is made, and its claim looked after
//! (`carrel.dev`).

pub mod crd;
mod reason;
// KubeSchema repeats the types where nobody can name them.
#[allow(unreachable_pub)]
mod spec;
#[allow(unreachable_pub)]
mod status;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::Checked;
pub use crate::condition::Condition;
pub use reason::Reason;
pub use spec::{AccessMode, Reclaim, Source, VolumeMode, VolumeRequestSpec};
pub use status::{READY, RESIZED, UsedBy, VolumeRequestStatus};

/// A VolumeRequest of `carrel.dev/v1alpha1`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct VolumeRequest {
    /// Names, labels, annotations.
    pub metadata: ObjectMeta,
    /// What its owner asks for.
    #[serde(default)]
    pub spec: Checked<VolumeRequestSpec>,
    /// What Carrel says of it; absent until the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Checked<VolumeRequestStatus>>,
}

crate::namespaced_kind!(VolumeRequest, "VolumeRequest", crd::GROUP, crd::VERSION, crd::PLURAL);
