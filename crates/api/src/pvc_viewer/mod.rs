//! The PVCViewer: a web page that shows the files of a claim (`kubeflow.org`).

pub mod crd;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::{Deserialize, Serialize};

use crate::Checked;
use crate::server::Said;

/// A PVCViewer of `kubeflow.org/v1alpha1`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct PvcViewer {
    /// Names, labels, annotations.
    pub metadata: ObjectMeta,
    /// What its owner asks for.
    #[serde(default)]
    pub spec: Checked<PvcViewerSpec>,
    /// What Carrel says of it; absent until the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Checked<PvcViewerStatus>>,
}

/// What the owner of a PVCViewer asks for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PvcViewerSpec {
    /// The claim whose files are shown.
    #[serde(default)]
    pub pvc: String,
    /// The pod that shows them; the admin's if absent or empty. One that is written must mount the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_spec: Option<PodSpec>,
    /// How it is reached; only through its pod if absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networking: Option<Networking>,
    /// Whether it stands beside whoever has the claim, where one node can have it at a time, and gives way.
    #[serde(default)]
    pub rwo_scheduling: bool,
}

/// How a PVCViewer is reached.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Networking {
    /// The port of the pod, by number or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<IntOrString>,
    /// What its path begins with: it is reached under `BASEPREFIX/NAMESPACE/NAME/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_prefix: Option<String>,
    /// What the server sees in the place of that path; the path itself if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<String>,
    /// How long a request may take, such as `30s`; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// The status of a PVCViewer. One writer: its controller. Nothing in it moves by itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PvcViewerStatus {
    /// Kubeflow's: whether the server answers.
    #[serde(default)]
    pub ready: bool,
    /// Kubeflow's: the path under which it is reached; absent without networking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What is said of any server.
    #[serde(flatten)]
    pub said: Said,
}

crate::namespaced_kind!(PvcViewer, "PVCViewer", crd::GROUP, crd::VERSION, crd::PLURAL);
