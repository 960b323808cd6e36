//! What Kubeflow's notebook controller writes, as its source makes it. It does not run here: the administrator writes in its place.
#![allow(clippy::indexing_slicing)]

use anyhow::{Context, Result};
use carrel_api::notebook::Notebook;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::{Desk, eventually};

/// As whom it writes: it names no manager, so it is the name of its binary.
const MANAGER: &str = "manager";

/// A Notebook that Kubeflow's controller has, or had.
#[derive(Clone, Copy)]
pub struct OfKubeflow<'a> {
    /// Where it is.
    pub desk: &'a Desk,
    /// What it is called.
    pub name: &'a str,
    /// What its one container runs.
    pub image: &'a str,
}

impl OfKubeflow<'_> {
    /// Makes the Notebook and its children, and waits for their pod. The pod's uid.
    pub async fn make(self) -> Result<String> {
        let Self { desk, name, image } = self;
        desk.create(&format!(
            "{{apiVersion: kubeflow.org/v1beta1, kind: Notebook, metadata: {{name: {name}, labels: {{app: {name}}}, annotations: {{carrel.dev/restart-requested: old}}}},
              spec: {{template: {{spec: {{containers: [{{name: {name}, image: '{image}', resources: {{requests: {{cpu: '0.1', memory: 0.1Gi}}}}}}]}}}}}}}}"
        ))
        .await?;
        let owner = owned_by(desk, name).await?;
        let set = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": name, "ownerReferences": owner},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"statefulset": name}},
                "template": {
                    "metadata": {"labels": {"statefulset": name, "notebook-name": name, "app": name}},
                    "spec": self.pod(),
                },
            },
        });
        let mut spec = self.service();
        spec["type"] = json!("ClusterIP");
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "ownerReferences": owner}, "spec": spec,
        });
        desk.create(&set.to_string()).await?;
        desk.create(&service.to_string()).await?;
        desk.pod_after(name, "").await?.uid().context("no uid")
    }

    /// What the controller does to the children in each of its passes, by an update of the whole objects: labels and annotations
    /// go, the pod is its own anew; the template's labels and annotations and the strategy are none of its business.
    pub async fn pass(self, replicas: i32) -> Result<()> {
        let Self { desk, name, .. } = self;
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        eventually("Kubeflow's update", async || {
            let mut set = bare(&desk.stateful_set(name).await?)?;
            set["spec"]["replicas"] = json!(replicas);
            set["spec"]["template"]["spec"] = self.pod();
            desk.api::<StatefulSet>().replace(name, &params, &serde_json::from_value(set)?).await?;
            let mut service = bare(&desk.service(name).await?)?;
            let wanted = self.service();
            service["spec"]["selector"] = wanted["selector"].clone();
            service["spec"]["ports"] = wanted["ports"].clone();
            desk.api::<Service>().replace(name, &params, &serde_json::from_value(service)?).await?;
            Ok(())
        })
        .await
    }

    /// What the controller does to the VirtualService in each of its passes where it is set to make one: the `spec` is its own
    /// anew, labels and annotations are none of its business.
    pub async fn route(self) -> Result<Value> {
        let Self { desk, name, .. } = self;
        let wanted = virtual_service(desk, name, &owned_by(desk, name).await?);
        let kind = GroupVersionKind::gvk("networking.istio.io", "v1alpha3", "VirtualService");
        let api: Api<DynamicObject> =
            Api::namespaced_with(desk.client.clone(), &desk.namespace, &ApiResource::from_gvk(&kind));
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let key = wanted["metadata"]["name"].as_str().context("no name")?;
        let written = match api.get_opt(key).await? {
            Some(mut found) => {
                found.data["spec"] = wanted["spec"].clone();
                api.replace(key, &params, &found).await?
            }
            None => api.create(&params, &serde_json::from_value(wanted)?).await?,
        };
        Ok(serde_json::to_value(written)?)
    }

    fn pod(self) -> Value {
        let Self { desk, name, image } = self;
        let prefix = format!("/notebook/{}/{name}", desk.namespace);
        json!({"securityContext": {"fsGroup": 100}, "containers": [{
            "name": name, "image": image, "workingDir": "/home/jovyan",
            "ports": [{"containerPort": 8888, "name": "notebook-port", "protocol": "TCP"}],
            "env": [{"name": "NB_PREFIX", "value": prefix}],
            "resources": {"requests": {"cpu": "0.1", "memory": "0.1Gi"}},
        }]})
    }

    fn service(self) -> Value {
        let name = self.name;
        json!({"selector": {"statefulset": name},
            "ports": [{"name": format!("http-{name}"), "port": 80, "targetPort": 8888, "protocol": "TCP"}]})
    }
}

/// What says of a child that this Notebook controls it.
pub async fn owned_by(desk: &Desk, name: &str) -> Result<Value> {
    let uid = desk.api::<Notebook>().get(name).await?.uid().context("no uid")?;
    Ok(json!([{"apiVersion": "kubeflow.org/v1beta1", "kind": "Notebook", "name": name, "uid": uid,
        "controller": true, "blockOwnerDeletion": true}]))
}

/// The VirtualService that the controller makes for a Notebook, with these owners.
pub fn virtual_service(desk: &Desk, notebook: &str, owner: &Value) -> Value {
    let prefix = format!("/notebook/{}/{notebook}/", desk.namespace);
    json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "VirtualService",
        "metadata": {"name": format!("notebook-{}-{notebook}", desk.namespace), "ownerReferences": owner},
        "spec": {
            "hosts": ["*"], "gateways": ["kubeflow/kubeflow-gateway"],
            // Releases up to 1.3 had a timeout.
            "http": [{
                "match": [{"uri": {"prefix": prefix}}], "rewrite": {"uri": prefix}, "timeout": "300s",
                "headers": {"request": {"set": {}}},
                "route": [{"destination": {
                    "host": format!("{notebook}.{}.svc.cluster.local", desk.namespace), "port": {"number": 80}}}],
            }],
        },
    })
}

/// An object without its labels and annotations.
fn bare(object: &impl serde::Serialize) -> Result<Value> {
    let mut object = serde_json::to_value(object)?;
    let metadata = object["metadata"].as_object_mut().context("no metadata")?;
    metadata.retain(|key, _| key != "labels" && key != "annotations");
    Ok(object)
}
