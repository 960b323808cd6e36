//! What the owner of a VolumeRequest asks for. The schema of the CRD is derived from these types; rules that compare with
//! what was asked before stand in `crd`, since they look at the status too.

use std::collections::BTreeMap;

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the owner of a VolumeRequest asks for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct VolumeRequestSpec {
    /// How large the volume is, such as 10Gi. A larger one grows the volume, where its class can; it never shrinks.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = (
        "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",
        "size must be an amount above zero, such as 10Gi"
    ))]
    pub size: String,
    /// The StorageClass; the cluster's default if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
    /// How many nodes or pods may mount it at once.
    #[serde(default = "once")]
    #[schemars(length(min = 1, max = 4))]
    #[x_kube(validation = (
        "self.all(one, self.exists_one(other, other == one))",
        "name each access mode once"
    ))]
    #[x_kube(validation = (
        "!('ReadWriteOncePod' in self) || size(self) == 1",
        "ReadWriteOncePod stands alone: one pod has the volume, and no other mode adds to that"
    ))]
    pub access_modes: Vec<AccessMode>,
    /// Whether pods get a file system or the bare device.
    #[serde(default)]
    pub volume_mode: VolumeMode,
    /// What the volume begins with; empty if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What becomes of the claim, and so of the data, when the VolumeRequest is deleted.
    #[serde(default)]
    pub reclaim: Reclaim,
    /// Whether to take a claim of this name that is there already and that nobody owns.
    #[serde(default)]
    pub adopt: bool,
    /// Labels for the claim.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = (
        "!('app.kubernetes.io/managed-by' in self)",
        "app.kubernetes.io/managed-by is Carrel's to set: leave it out"
    ))]
    pub labels: BTreeMap<String, String>,
}

fn once() -> Vec<AccessMode> {
    vec![AccessMode::ReadWriteOnce]
}

/// How many nodes or pods may mount a volume at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum AccessMode {
    /// One node, for reading and writing.
    ReadWriteOnce,
    /// Many nodes, for reading.
    ReadOnlyMany,
    /// Many nodes, for reading and writing.
    ReadWriteMany,
    /// One pod, for reading and writing.
    ReadWriteOncePod,
}

impl AccessMode {
    /// The mode as a claim names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadOnlyMany => "ReadOnlyMany",
            Self::ReadWriteMany => "ReadWriteMany",
            Self::ReadWriteOncePod => "ReadWriteOncePod",
        }
    }
}

/// What pods get of a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum VolumeMode {
    /// A file system.
    #[default]
    Filesystem,
    /// The bare device.
    Block,
}

impl VolumeMode {
    /// The mode as a claim names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filesystem => "Filesystem",
            Self::Block => "Block",
        }
    }
}

/// What a volume begins with: one of these, of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[x_kube(validation = (
    "has(self.claim) != has(self.snapshot)",
    "name either source.claim or source.snapshot, or leave source out for an empty volume"
))]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// A claim to clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub claim: Option<String>,
    /// A VolumeSnapshot to restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub snapshot: Option<String>,
}

/// What becomes of a claim when its VolumeRequest is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Reclaim {
    /// It stays, with its data.
    #[default]
    Retain,
    /// It is deleted with its data, once no pod mounts it.
    Delete,
}
