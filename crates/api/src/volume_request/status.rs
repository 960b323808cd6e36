//! What Carrel says of a VolumeRequest.

use jiff::Timestamp;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Reason;
use crate::condition::{Condition, time};

/// Condition type: the claim is bound to a volume that pods can mount.
pub const READY: &str = "Ready";
/// Condition type: the claim has the size that is asked for. There only while it has not, with the reason.
pub const RESIZED: &str = "Resized";

/// The status of a VolumeRequest. One writer: its controller. Nothing in it moves by itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct VolumeRequestStatus {
    /// `Ready`, and `Resized` while the claim is not as large as asked.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// Why the volume is not ready, or not as large as asked; absent when all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub reason: Option<Reason>,
    /// The generation of the VolumeRequest that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The name of the claim; absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// The size that the claim asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub size: Option<String>,
    /// The size that the volume has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<String>,
    /// The StorageClass of the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    /// The access modes of the claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<String>,
    /// The node of the pods that mount it if they are on one, else the one that the scheduler chose for the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The pods that mount it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<UsedBy>,
    /// Since when no pod mounts it, as far as Carrel saw: when the claim was made if none ever did. Absent while one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time")]
    pub unused_since: Option<Timestamp>,
    /// Who mounted it last; absent while somebody does, and if nobody was ever seen to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_by: Option<UsedBy>,
}

impl VolumeRequestStatus {
    /// The condition of this type, if the status has it.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }
}

/// Who mounts a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsedBy {
    /// `Notebook` where the pod is one's, else `Pod`.
    pub kind: String,
    /// The name of that.
    pub name: String,
    /// The name of the pod.
    pub pod: String,
    /// The node that it is on; absent while it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}
