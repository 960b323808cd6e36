//! A StorageClass, as far as it is looked at.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};

/// A StorageClass, with the few fields that are read here.
#[derive(Clone, Debug, Default, Resource, Deserialize, Serialize)]
#[resource(inherit = k8s_openapi::api::storage::v1::StorageClass)]
#[serde(rename_all = "camelCase")]
pub struct SlimClass {
    /// Name and annotations.
    pub metadata: ObjectMeta,
    /// The driver that makes its volumes.
    #[serde(default)]
    pub provisioner: String,
    /// Whether its volumes may grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_volume_expansion: Option<bool>,
    /// `Immediate` or `WaitForFirstConsumer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_binding_mode: Option<String>,
}

/// Marks the default class; the second is older, and still counts.
const DEFAULT: &[&str] =
    &["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// What the provisioners that live in Kubernetes itself begin with. None of them clones or restores.
const BUILT_IN: &str = "kubernetes.io/";

/// Drivers whose documentation says that no two nodes can write a file system of theirs at once.
const ONE_WRITER: &[&str] = &[
    "ebs.csi.aws.com",
    "disk.csi.azure.com",
    "pd.csi.storage.gke.io",
    "dobs.csi.digitalocean.com",
    "rbd.csi.ceph.com",
    "cinder.csi.openstack.org",
];

impl SlimClass {
    /// Whether claims that name no class get this one.
    pub fn is_default(&self) -> bool {
        DEFAULT.iter().any(|mark| self.annotations().get(*mark).is_some_and(|value| value == "true"))
    }

    /// Whether its volumes may grow.
    pub fn grows(&self) -> bool {
        self.allow_volume_expansion == Some(true)
    }

    /// Whether a volume is made only when a pod mounts it.
    pub fn waits_for_pod(&self) -> bool {
        self.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")
    }

    /// Whether its driver is known not to clone or restore.
    pub fn copies_nothing(&self) -> bool {
        self.provisioner.starts_with(BUILT_IN)
    }

    /// Whether its driver is known to let one node at a time write a file system.
    pub fn has_one_writer(&self) -> bool {
        ONE_WRITER.contains(&self.provisioner.as_str())
    }
}

/// The class that claims get which name none: of several the newest, as the API server chooses.
pub fn default_class(classes: &[impl AsRef<SlimClass>]) -> Option<&SlimClass> {
    let newest = |class: &&SlimClass| {
        let made = class.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (made, std::cmp::Reverse(class.name_any()))
    };
    classes.iter().map(AsRef::as_ref).filter(|class| class.is_default()).max_by_key(newest)
}
