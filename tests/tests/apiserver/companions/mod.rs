//! Tensorboards and PVCViewers: what they are made of, and that they stand beside who has their volume, and give way.

mod alone;
mod beside;
mod children;
mod edits;
mod life;
mod names;
mod places;
mod refusals;
mod room;
mod routed;
mod shown;
pub(crate) mod takeover;

use std::fmt::Debug;

use anyhow::{Context, Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_api::vocabulary::{PVC_VIEWER, TENSORBOARD};
use carrel_tests::{Desk, eventually};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A kind of companion, as far as a test needs to tell it.
trait Kind:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
    /// The label of its pods, whose value is the name of its children.
    const MARK: &str;
}

impl Kind for Tensorboard {
    const MARK: &str = TENSORBOARD;
}

impl Kind for PvcViewer {
    const MARK: &str = PVC_VIEWER;
}

/// Creates a companion.
async fn make<K: Kind>(desk: &Desk, name: &str, spec: Value) -> Result<Value> {
    make_with::<K>(desk, json!({"name": name}), spec).await
}

/// Creates a companion with this metadata.
async fn make_with<K: Kind>(desk: &Desk, metadata: Value, spec: Value) -> Result<Value> {
    let object = json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": metadata, "spec": spec});
    desk.create(&object.to_string()).await
}

/// Creates a Tensorboard that reads a claim.
async fn board(desk: &Desk, name: &str, claim: &str) -> Result<Value> {
    make::<Tensorboard>(desk, name, json!({"logspath": format!("pvc://{claim}/runs")})).await
}

/// Creates a viewer of a claim that stands beside who has it.
async fn viewer(desk: &Desk, name: &str, claim: &str) -> Result<Value> {
    make::<PvcViewer>(desk, name, json!({"pvc": claim, "rwoScheduling": true})).await
}

/// A merge patch of a companion.
async fn change<K: Kind>(desk: &Desk, name: &str, patch: Value) -> Result<K> {
    Ok(desk.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
}

/// Sets or removes an annotation.
async fn annotate<K: Kind>(desk: &Desk, name: &str, key: &str, value: Option<&str>) -> Result<K> {
    change(desk, name, json!({"metadata": {"annotations": {key: value}}})).await
}

/// The status of a companion.
async fn status<K: Kind>(desk: &Desk, name: &str) -> Result<Value> {
    Ok(serde_json::to_value(desk.api::<K>().get(name).await?)?["status"].take())
}

/// A condition of a status.
fn condition<'a>(status: &'a Value, type_: &str) -> &'a Value {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().find(|one| one["type"] == type_).unwrap_or(&Value::Null)
}

/// The sentence of a status.
fn sentence(status: &Value) -> String {
    condition(status, "Ready")["message"].as_str().unwrap_or_default().to_owned()
}

/// Waits until the reason of the condition `Ready` is this one, for what its owner asks now.
async fn reaches<K: Kind>(desk: &Desk, name: &str, reason: &str) -> Result<Value> {
    eventually(&format!("{reason} of {name}"), async || {
        let object = serde_json::to_value(desk.api::<K>().get(name).await?)?;
        let status = &object["status"];
        ensure!(status["observedGeneration"] == object["metadata"]["generation"], "the status is behind: {status}");
        ensure!(condition(status, "Ready")["reason"] == reason, "{status}");
        Ok(status.clone())
    })
    .await
}

/// The Deployment of this name, as it stands.
async fn deployment(desk: &Desk, name: &str) -> Result<Value> {
    Ok(serde_json::to_value(desk.api::<Deployment>().get(name).await?)?)
}

/// Waits until the Deployment is as the check wants it.
async fn deployed(desk: &Desk, name: &str, check: impl Fn(&Value) -> bool) -> Result<Value> {
    eventually(&format!("the new Deployment {name}"), async || {
        let found = deployment(desk, name).await?;
        ensure!(check(&found["spec"]), "{found}");
        Ok(found)
    })
    .await
}

/// The pods of a companion, by the name of its children, that are not ending.
async fn pods<K: Kind>(desk: &Desk, child: &str) -> Result<Vec<Pod>> {
    let own = ListParams::default().labels(&format!("{}={child}", K::MARK));
    let mut pods = desk.api::<Pod>().list(&own).await?.items;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    Ok(pods)
}

/// The one pod of a companion.
async fn pod<K: Kind>(desk: &Desk, child: &str) -> Result<Pod> {
    let mut pods = pods::<K>(desk, child).await?;
    ensure!(pods.len() == 1, "{} pods of {child}", pods.len());
    pods.pop().context("no pod")
}

/// Waits until a companion runs on this node.
async fn stands_on<K: Kind>(desk: &Desk, name: &str, node: &str) -> Result<Value> {
    eventually(&format!("{name} on {node}"), async || {
        let status = reaches::<K>(desk, name, "Running").await?;
        ensure!(status["nodeName"] == node, "{status}");
        Ok(status)
    })
    .await
}

/// The reasons of the Events about an object of a kind, in the order of their first time.
async fn events<K: Kind>(desk: &Desk, name: &str) -> Result<Vec<String>> {
    let about = format!("involvedObject.kind={},involvedObject.name={name}", K::kind(&()));
    let mut events = desk.api::<Event>().list(&ListParams::default().fields(&about)).await?.items;
    events
        .sort_by_key(|event| (event.event_time.clone().map(|time| time.0), event.metadata.creation_timestamp.clone()));
    Ok(events.into_iter().filter_map(|event| event.reason).collect())
}

/// Claims with volumes that any node can reach, of a driver that nobody runs. The volumes are removed when dropped.
pub(crate) struct Volumes(Vec<String>);

impl Volumes {
    pub(crate) async fn new(desk: &Desk, claims: &[(&str, &str)]) -> Result<Self> {
        let mut own = Self(Vec::new());
        for (claim, mode) in claims {
            own.add(desk, claim, mode).await?;
        }
        Ok(own)
    }

    async fn add(&mut self, desk: &Desk, claim: &str, mode: &str) -> Result<()> {
        let name = format!("{}-{claim}", desk.namespace);
        let object = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim}, "spec": {
            "accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": name, "storageClassName": ""}});
        desk.create(&object.to_string()).await?;
        let volume = json!({"metadata": {"name": name}, "spec": {
            "accessModes": [mode], "capacity": {"storage": "1Gi"}, "csi": {"driver": "none.example.org", "volumeHandle": name},
            "claimRef": {"namespace": desk.namespace, "name": claim}}});
        let volumes = Api::<PersistentVolume>::all(desk.client.clone());
        volumes.create(&PostParams::default(), &serde_json::from_value(volume)?).await?;
        self.0.push(name);
        eventually("a bound claim", async || {
            let claim = desk.api::<PersistentVolumeClaim>().get(claim).await?;
            ensure!(claim.status.and_then(|status| status.phase).as_deref() == Some("Bound"), "not bound");
            Ok(())
        })
        .await
    }
}

impl Drop for Volumes {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = carrel_tests::kubectl(&["delete", "persistentvolume", name, "--wait=false"]);
        }
    }
}

/// Creates a Notebook that mounts a claim, with more fields for its pod.
async fn notebook_on(desk: &Desk, name: &str, claim: &str, more: &str) -> Result<()> {
    let spec = format!(
        "{{{more} volumes: [{{name: v, persistentVolumeClaim: {{claimName: {claim}}}}}], containers: [{{name: a, image: i}}]}}"
    );
    desk.notebook(name, &spec).await.map(drop)
}

/// Fields of a pod that runs on this node.
fn on(node: &str) -> String {
    format!("nodeSelector: {{kubernetes.io/hostname: {node}}},")
}

/// The fake nodes that all tests share.
const NODES: [&str; 2] = ["fake-0", "fake-1"];

/// The uid of an object.
fn uid(object: &impl ResourceExt) -> String {
    object.uid().unwrap_or_default()
}
