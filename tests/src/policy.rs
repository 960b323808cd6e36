//! A LabPolicy for the namespace of a test.

use anyhow::{Context, Result};
use carrel_api::lab_policy::LabPolicy;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::Desk;

/// A policy for the one namespace of a test; gone when dropped.
pub struct Policy {
    /// Its name, that of the namespace.
    pub name: String,
}

impl Policy {
    /// Made, or changed to say this.
    pub async fn set(desk: &Desk, sections: Value) -> Result<Self> {
        let name = desk.namespace.clone();
        let mut spec = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
        let sections = sections.as_object().cloned().context("no sections")?;
        spec.as_object_mut().context("no spec")?.extend(sections);
        let policy =
            json!({"apiVersion": "carrel.dev/v1alpha1", "kind": "LabPolicy", "metadata": {"name": name}, "spec": spec});
        let force = PatchParams::apply("carrel-tests").force();
        policies(&desk.client).patch(&name, &force, &Patch::Apply(policy)).await?;
        Ok(Self { name })
    }

    /// Removed before the test ends.
    pub async fn remove(self, desk: &Desk) -> Result<()> {
        policies(&desk.client).delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let _ = crate::kubectl(&["delete", "labpolicy", &self.name, "--ignore-not-found", "--wait=false"]);
    }
}

/// All policies of the cluster.
pub fn policies(client: &Client) -> Api<LabPolicy> {
    Api::all(client.clone())
}
