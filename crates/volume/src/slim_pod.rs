//! A pod that mounts claims, as far as it is looked at. Anybody's: who uses a volume need not be Carrel's.

use carrel_api::vocabulary::{NOTEBOOK, NOTEBOOK_NAME};
use carrel_api::volume_request::UsedBy;
use carrel_runtime::mounts::{SlimVolume, claims};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};

/// A Pod, with the few fields that are read here; what is not named is never parsed.
#[derive(Clone, Debug, Default, Resource, Deserialize, Serialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Pod)]
pub struct SlimPod {
    /// Name, and what tells whose it is.
    pub metadata: ObjectMeta,
    /// Where it runs, and what it mounts.
    #[serde(default)]
    pub spec: SlimPodSpec,
    /// Whether it is over.
    #[serde(default)]
    pub status: SlimPodStatus,
}

/// The part of a Pod's spec that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlimPodSpec {
    /// The node that the scheduler chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Its volumes, as far as they are claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<SlimVolume>,
}

/// The part of a Pod's status that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimPodStatus {
    /// `Succeeded` and `Failed` are over, and mount nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

impl SlimPod {
    /// Takes off all that is not read, and tells whether the pod counts: most pods mount no claim.
    pub fn trim(&mut self) -> bool {
        self.spec.volumes.retain(|volume| volume.persistent_volume_claim.is_some());
        let metadata = std::mem::take(&mut self.metadata);
        let only = |map: Option<std::collections::BTreeMap<String, String>>, key: &str| {
            let kept = map.unwrap_or_default().remove_entry(key);
            kept.map(|pair| std::collections::BTreeMap::from([pair]))
        };
        self.metadata = ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            labels: only(metadata.labels, NOTEBOOK_NAME),
            annotations: only(metadata.annotations, NOTEBOOK),
            ..ObjectMeta::default()
        };
        let over = matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"));
        // What it does meanwhile is nothing to this controller.
        self.status.phase = None;
        !over && !self.spec.volumes.is_empty()
    }

    /// The names of the claims that it mounts.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        claims(&self.spec.volumes)
    }

    /// Who it is to a person.
    pub fn user(&self) -> UsedBy {
        let notebook = self.annotations().get(NOTEBOOK).or_else(|| self.labels().get(NOTEBOOK_NAME));
        let pod = self.name_any();
        let (kind, name) = match notebook {
            Some(name) => ("Notebook", name.clone()),
            None => ("Pod", pod.clone()),
        };
        UsedBy { kind: kind.to_owned(), name, pod, node: self.spec.node_name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(text: &str) -> SlimPod {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn a_pod_without_claims_does_not_count_and_one_that_is_over_neither() {
        assert!(!pod("{metadata: {name: a}, spec: {volumes: [{name: v, emptyDir: {}}]}}").trim());
        let mounts = "spec: {volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}";
        assert!(!pod(&format!("{{metadata: {{name: a}}, {mounts}, status: {{phase: Succeeded}}}}")).trim());
        let mut mounting = pod(&format!("{{metadata: {{name: a, labels: {{x: y}}}}, {mounts}}}"));
        assert!(mounting.trim());
        assert_eq!(mounting.metadata.labels, None);
        assert_eq!(mounting.claims().collect::<Vec<_>>(), ["data"]);
    }

    #[test]
    fn a_notebooks_pod_is_told_as_the_notebook() {
        let user = pod("{metadata: {name: iris-0, labels: {notebook-name: iris}}, spec: {nodeName: n1}}").user();
        assert_eq!((user.kind.as_str(), user.name.as_str(), user.node.as_deref()), ("Notebook", "iris", Some("n1")));
        assert_eq!(pod("{metadata: {name: job}}").user().kind, "Pod");
    }
}
