//! The Notebook: a server, usually JupyterLab, with its volumes, for one person (`kubeflow.org`).

pub mod crd;
mod status;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::Checked;
pub use crate::server::{Condition, Phase, READY, ROUTED, Reason, STOPPED};
pub use status::{ContainerState, NotebookStatus, RESTART_REQUIRED, Resources};

/// A Notebook of `kubeflow.org/v1`, the stored version; the other two have the same schema.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Notebook {
    /// Names, labels, annotations, owner.
    pub metadata: ObjectMeta,
    /// What the owner asks for.
    #[serde(default)]
    pub spec: Checked<NotebookSpec>,
    /// What Carrel says of it; absent until the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Checked<NotebookStatus>>,
}

/// What the owner of a Notebook asks for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct NotebookSpec {
    /// The pod to run. The CRD requires it; objects older than its rules may lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<NotebookTemplate>,
}

/// The pod of a Notebook, as its owner writes it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct NotebookTemplate {
    /// Labels and annotations for the pod alone. Kubeflow has no such field: there they come from the Notebook's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,
    /// The pod's spec; its first container is the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<PodSpec>,
}

/// Labels and annotations for a Notebook's pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct TemplateMetadata {
    /// Labels for the pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations for the pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

crate::namespaced_kind!(Notebook, "Notebook", crd::GROUP, crd::STORED_VERSION, crd::PLURAL);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_without_a_spec_or_with_a_broken_one_is_still_an_object() {
        for spec in [json!(null), json!({}), json!({"template": {"spec": {"containers": "none"}}}), json!([1])] {
            let object = json!({"metadata": {"name": "odd"}, "spec": spec, "status": {"conditions": 7}});
            let notebook: Notebook = serde_json::from_value(object).unwrap();
            assert_eq!(notebook.metadata.name.as_deref(), Some("odd"));
            assert!(notebook.status.unwrap().valid().is_none());
        }
        let without: Notebook = serde_json::from_value(json!({"metadata": {"name": "odd"}})).unwrap();
        assert_eq!(without.spec, Checked::default());
    }

    #[test]
    fn quantities_may_be_numbers() {
        let spec = json!({"template": {"spec": {"containers": [
            {"name": "a", "image": "b", "resources": {"limits": {"cpu": 2, "nvidia.com/gpu": 1}}}]}}});
        let spec: Checked<NotebookSpec> = serde_json::from_value(spec).unwrap();
        let written = serde_json::to_value(spec.valid().unwrap()).unwrap();
        let limits = &written["template"]["spec"]["containers"][0]["resources"]["limits"];
        assert_eq!(limits, &json!({"cpu": "2", "nvidia.com/gpu": "1"}));
    }
}
