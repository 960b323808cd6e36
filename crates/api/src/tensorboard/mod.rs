//! The Tensorboard: a TensorBoard that shows the runs in a volume or a bucket (`tensorboard.kubeflow.org`).

pub mod crd;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::Checked;
use crate::server::Said;

/// A Tensorboard of `tensorboard.kubeflow.org/v1alpha1`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Tensorboard {
    /// Names, labels, annotations.
    pub metadata: ObjectMeta,
    /// What its owner asks for.
    #[serde(default)]
    pub spec: Checked<TensorboardSpec>,
    /// What Carrel says of it; absent until the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Checked<TensorboardStatus>>,
}

/// What the owner of a Tensorboard asks for. Kubeflow knows `logspath` alone; an object with no more means the same here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TensorboardSpec {
    /// Where the runs are: `pvc://CLAIM/FOLDER`, `gs://BUCKET/FOLDER`, `s3://BUCKET/FOLDER`, `/cns/…`, or a path on the claim
    /// `tb-volume`. Absent only in objects that are older than the CRD's rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logspath: Option<String>,
    /// The image; the admin's if absent. It must have `/usr/local/bin/tensorboard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What the container asks for; modest defaults if absent, so that it starts under a quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// More arguments for TensorBoard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// How it reaches a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// The account of its pod; the namespace's default if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Labels for its pod, beside the Tensorboard's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
}

/// How a TensorBoard reaches a bucket.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// A Secret of the namespace. For `s3://` its keys become variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, …); for
    /// `gs://` it holds the key of a service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// For `gs://`: the Secret's key that holds the service account's key; `user-gcp-sa.json` if absent, as in Kubeflow's
    /// Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// For `s3://`: the address of a store that is not Amazon's, such as `http://minio.minio:9000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_endpoint: Option<String>,
}

/// The status of a Tensorboard. One writer: its controller. Nothing in it moves by itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TensorboardStatus {
    /// Kubeflow's: 1 if the pod is ready, else 0.
    #[serde(default)]
    pub ready_replicas: i32,
    /// What is said of any server.
    #[serde(flatten)]
    pub said: Said,
}

crate::namespaced_kind!(Tensorboard, "Tensorboard", crd::GROUP, crd::VERSION, crd::PLURAL);
