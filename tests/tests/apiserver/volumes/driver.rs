//! A storage driver, as far as claims show it: it makes volumes, copies what they are made of, and grows them, at the pace
//! and with the failures that a test asks for. It works as CSI's own provisioner, snapshotter and resizer do, by the same
//! objects.

use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::TypedLocalObjectReference;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use tokio::task::JoinHandle;

use super::*;

/// The driver of the classes of tests.
pub(super) const NAME: &str = "none.example.org";

const PACE: Duration = Duration::from_millis(200);

/// Works for the claims of one class until it is dropped.
pub(super) struct Driver {
    task: JoinHandle<()>,
    fails: Arc<Mutex<Option<String>>>,
    works: Works,
}

#[derive(Clone)]
struct Works {
    client: kube::Client,
    namespace: String,
    class: String,
}

impl OwnClass<'_> {
    /// A driver that works for the claims of this class from now on.
    pub(super) fn driver(&self) -> Driver {
        let (client, namespace) = (self.desk.client.clone(), self.desk.namespace.clone());
        let works = Works { client, namespace, class: self.name.clone() };
        let fails = Arc::<Mutex<Option<String>>>::default();
        let (working, failing) = (works.clone(), fails.clone());
        let task = tokio::spawn(async move {
            loop {
                // What others did meanwhile is met again in the next round.
                let _ = working.round(&failing).await;
                tokio::time::sleep(PACE).await;
            }
        });
        Driver { task, fails, works }
    }
}

impl Driver {
    /// From now on it fails with these words, or no more.
    pub(super) fn fails(&self, why: Option<&str>) {
        *self.fails.lock().unwrap() = why.map(str::to_owned);
    }

    /// What the volume of a claim holds.
    pub(super) async fn content(&self, claim: &str) -> Result<String> {
        self.works.content(claim).await
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Works {
    fn claims(&self) -> Api<PersistentVolumeClaim> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn volumes(&self) -> Api<PersistentVolume> {
        Api::all(self.client.clone())
    }

    async fn round(&self, fails: &Mutex<Option<String>>) -> Result<()> {
        for claim in self.claims().list(&ListParams::default()).await?.items {
            let spec = claim.spec.clone().unwrap_or_default();
            if spec.storage_class_name.as_ref() != Some(&self.class) || claim.metadata.deletion_timestamp.is_some() {
                continue;
            }
            // Only now: what a test asks for after it said what fails must not be met by an answer from before.
            let fails = fails.lock().unwrap().clone();
            let fails = fails.as_deref();
            let asked = spec.resources.and_then(|resources| resources.requests?.get("storage").cloned());
            let size = asked.context("no size")?.0;
            let has = claim.status.clone().and_then(|status| status.capacity?.get("storage").cloned());
            let done = match has {
                None if spec.volume_name.is_none() => self.make(&claim, &size, spec.data_source, fails).await,
                Some(has) if has.0 != size => self.grow(&claim.name_any(), &size, fails).await,
                _ => Ok(()),
            };
            if let Err(why) = done {
                self.complain(&claim, &why.to_string()).await?;
            }
        }
        Ok(())
    }

    async fn make(
        &self,
        claim: &PersistentVolumeClaim,
        size: &str,
        source: Option<TypedLocalObjectReference>,
        fails: Option<&str>,
    ) -> Result<()> {
        if let Some(why) = fails {
            anyhow::bail!("{why}");
        }
        let content = match source {
            None => format!("what was written to {}", claim.name_any()),
            Some(from) if from.kind == "VolumeSnapshot" => self.held(&from.name).await?,
            Some(from) => self.content(&from.name).await?,
        };
        let name = format!("{}-{}", self.class, claim.name_any());
        let claim_ref = json!({"namespace": self.namespace, "name": claim.name_any(), "uid": claim.uid()});
        let volume = json!({"metadata": {"name": name, "labels": {"of": self.class}}, "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "storageClassName": self.class,
            "csi": {"driver": NAME, "volumeHandle": name, "volumeAttributes": {"content": content}},
            "claimRef": claim_ref}});
        self.volumes().create(&PostParams::default(), &serde_json::from_value(volume)?).await?;
        Ok(())
    }

    async fn content(&self, claim: &str) -> Result<String> {
        let claim = self.claims().get(claim).await?;
        let volume = claim.spec.and_then(|spec| spec.volume_name).context("the claim is not bound to a volume")?;
        let csi = self.volumes().get(&volume).await?.spec.and_then(|spec| spec.csi);
        csi.and_then(|csi| csi.volume_attributes?.get("content").cloned()).context("no content")
    }

    /// What a snapshot holds.
    async fn held(&self, snapshot: &str) -> Result<String> {
        let snapshot = snapshots(&self.client, &self.namespace).get(snapshot).await?;
        let ready = &snapshot.data["status"]["readyToUse"];
        ensure!(*ready == json!(true), "the snapshot is not ready");
        let name = snapshot.data["status"]["boundVolumeSnapshotContentName"].as_str().context("no content")?;
        let content = contents(&self.client).get(name).await?;
        let handle = content.data["spec"]["source"]["snapshotHandle"].as_str().context("no handle")?;
        Ok(handle.to_owned())
    }

    async fn grow(&self, claim: &str, size: &str, fails: Option<&str>) -> Result<()> {
        let conditions: Vec<_> = fails
            .map(|why| json!({"type": "ControllerResizeError", "status": "True", "message": why}))
            .into_iter()
            .collect();
        let mut status = json!({"conditions": conditions});
        if fails.is_none() {
            let grown = Patch::Merge(json!({"spec": {"capacity": {"storage": size}}}));
            let volume = format!("{}-{claim}", self.class);
            self.volumes().patch(&volume, &PatchParams::default(), &grown).await?;
            status["capacity"] = json!({"storage": size});
        }
        let patch = Patch::Merge(json!({"status": status}));
        self.claims().patch_status(claim, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// An Event, as the provisioner sends it; one for all times that it fails so.
    async fn complain(&self, claim: &PersistentVolumeClaim, why: &str) -> Result<()> {
        let name = claim.name_any();
        let about =
            json!({"kind": "PersistentVolumeClaim", "name": name, "namespace": self.namespace, "uid": claim.uid()});
        let event = json!({"metadata": {"name": format!("{name}.{}", why.len())}, "type": "Warning",
            "reason": "ProvisioningFailed", "message": why, "involvedObject": about});
        let events = Api::<k8s_openapi::api::core::v1::Event>::namespaced(self.client.clone(), &self.namespace);
        match events.create(&PostParams::default(), &serde_json::from_value(event)?).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            told => Ok(told.map(drop)?),
        }
    }
}

/// The VolumeSnapshots of a namespace.
pub(super) fn snapshots(client: &kube::Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind("VolumeSnapshot", "volumesnapshots"))
}

/// The contents of all VolumeSnapshots.
pub(super) fn contents(client: &kube::Client) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &kind("VolumeSnapshotContent", "volumesnapshotcontents"))
}

fn kind(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("snapshot.storage.k8s.io", "v1", kind), plural)
}
