//! VolumeRequests: judged before they are made, grown where that is possible, and never a byte lost that nobody gave up.

mod driver;
mod ending;
mod forgotten;
mod growth;
mod room;
mod rules;
mod snapshots;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::volume_request::{Reason, VolumeRequest, VolumeRequestStatus};
use carrel_tests::{Audit, Controllers, Desk, eventually};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, ResourceQuota};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// A StorageClass of the test's own, whose volumes the test makes by hand. Removed when dropped, with the volumes.
struct OwnClass<'a> {
    desk: &'a Desk,
    name: String,
}

impl<'a> OwnClass<'a> {
    async fn new(desk: &'a Desk, grows: bool) -> Result<Self> {
        let own = Self { desk, name: format!("own-{}", desk.namespace) };
        own.make(grows).await?;
        Ok(own)
    }

    async fn make(&self, grows: bool) -> Result<()> {
        let class =
            json!({"metadata": {"name": self.name}, "provisioner": driver::NAME, "allowVolumeExpansion": grows});
        let classes = Api::<StorageClass>::all(self.desk.client.clone());
        classes.create(&PostParams::default(), &serde_json::from_value(class)?).await?;
        Ok(())
    }

    /// A volume that is reserved for a claim: Kubernetes' own controller binds the two.
    async fn volume(&self, claim: &str, size: &str) -> Result<()> {
        let name = format!("{}-{claim}", self.name);
        let volume = json!({"metadata": {"name": name, "labels": {"of": self.name}}, "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "storageClassName": self.name,
            "csi": {"driver": driver::NAME, "volumeHandle": name},
            "claimRef": {"namespace": self.desk.namespace, "name": claim}}});
        let volumes = Api::<PersistentVolume>::all(self.desk.client.clone());
        volumes.create(&PostParams::default(), &serde_json::from_value(volume)?).await?;
        Ok(())
    }

    /// A VolumeRequest of this class that is bound, with these further fields.
    async fn bound(&self, name: &str, more: Value) -> Result<VolumeRequestStatus> {
        self.volume(name, "1Gi").await?;
        let mut spec = json!({"size": "1Gi", "storageClassName": self.name});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask(self.desk, name, spec).await?;
        ready(self.desk, name).await
    }
}

impl Drop for OwnClass<'_> {
    fn drop(&mut self) {
        let _ = carrel_tests::kubectl(&["delete", "storageclass", &self.name, "--wait=false"]);
        let _ =
            carrel_tests::kubectl(&["delete", "persistentvolumes", "-l", &format!("of={}", self.name), "--wait=false"]);
        // There is no such kind where no test brought it.
        let contents = ["delete", "volumesnapshotcontents", "-l", &format!("of={}", self.name), "--wait=false"];
        let _ = carrel_tests::kubectl(&contents);
    }
}

async fn ask(desk: &Desk, name: &str, spec: Value) -> Result<Value> {
    let request =
        json!({"apiVersion": "carrel.dev/v1alpha1", "kind": "VolumeRequest", "metadata": {"name": name}, "spec": spec});
    desk.create(&request.to_string()).await
}

async fn change(desk: &Desk, name: &str, patch: Value) -> Result<VolumeRequest> {
    Ok(desk.api::<VolumeRequest>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
}

/// Waits until the status speaks of what is asked now, and `is` says that it is so.
async fn until(
    desk: &Desk,
    name: &str,
    what: &str,
    is: impl Fn(&VolumeRequestStatus) -> bool,
) -> Result<VolumeRequestStatus> {
    eventually(&format!("{what} of {name}"), async || {
        let request = desk.api::<VolumeRequest>().get(name).await?;
        let status = request.status.as_ref().and_then(|status| status.valid()).cloned().context("no status yet")?;
        ensure!(status.observed_generation == request.metadata.generation, "the status is behind: {status:?}");
        ensure!(is(&status), "{status:?}");
        Ok(status)
    })
    .await
}

async fn ready(desk: &Desk, name: &str) -> Result<VolumeRequestStatus> {
    until(desk, name, "Ready", |status| status.reason.is_none() && status.condition("Ready").unwrap().status == "True")
        .await
}

/// Waits for the reason and returns its sentence.
async fn said(desk: &Desk, name: &str, reason: Reason) -> Result<String> {
    let status = until(desk, name, reason.as_str(), |status| status.reason == Some(reason)).await?;
    let condition = status.conditions.iter().find(|condition| condition.reason == reason.as_str());
    Ok(condition.context("no condition")?.message.clone())
}

async fn claim(desk: &Desk, name: &str) -> Result<PersistentVolumeClaim> {
    Ok(desk.api::<PersistentVolumeClaim>().get(name).await?)
}

/// A claim as somebody makes it by hand.
async fn by_hand(desk: &Desk, name: &str, metadata: Value, class: &str) -> Result<()> {
    let mut metadata = metadata;
    metadata["name"] = name.into();
    let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": "1Gi"}}});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec});
    desk.create(&claim.to_string()).await?;
    Ok(())
}

async fn quota(desk: &Desk, name: &str, hard: Value) -> Result<()> {
    let quota =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": hard}});
    desk.create(&quota.to_string()).await?;
    eventually("a quota with a status", async || {
        let status = desk.api::<ResourceQuota>().get(name).await?.status.unwrap_or_default();
        ensure!(status.hard.is_some_and(|hard| !hard.is_empty()), "none yet");
        Ok(())
    })
    .await
}

async fn set_hard(desk: &Desk, name: &str, hard: Value) -> Result<()> {
    let patch = Patch::Merge(json!({"spec": {"hard": hard}}));
    desk.api::<ResourceQuota>().patch(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

#[tokio::test]
async fn a_claim_is_made_bound_used_and_then_nothing_more_is_asked() -> Result<()> {
    let mut desk = Desk::new().await?;
    {
        let class = OwnClass::new(&desk, true).await?;
        let status = class.bound("data", json!({"labels": {"team": "a"}})).await?;
        assert_eq!((status.claim.as_deref(), status.capacity.as_deref()), (Some("data"), Some("1Gi")));
        let made = claim(&desk, "data").await?;
        assert_eq!(made.labels().get("team").map(String::as_str), Some("a"));
        assert!(made.owner_references().is_empty(), "data must outlive what asked for it");
        desk.notebook(
            "iris",
            "{containers: [{name: a, image: i}], volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}",
        )
        .await?;
        let status = until(&desk, "data", "use", |status| status.node.is_some()).await?;
        let [user] = status.used_by.as_slice() else { panic!("{status:?}") };
        assert_eq!((user.kind.as_str(), user.name.as_str(), user.pod.as_str()), ("Notebook", "iris", "iris-0"));
        assert_eq!(user.node, status.node);
        let text = carrel_tests::kubectl(&["get", "vr", "-o", "wide", "-n", &desk.namespace])?;
        let words: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words[..5], ["data", "True", "data", "1Gi", "1Gi"], "{text}");
        assert!(words.contains(&"iris"), "{text}");

        // What its owner no longer wants goes, and what somebody changed comes back.
        change(&desk, "data", json!({"spec": {"labels": {"team": null, "tier": "b"}}})).await?;
        eventually("other labels", async || {
            let labels = claim(&desk, "data").await?.labels().clone();
            ensure!(labels.contains_key("tier") && !labels.contains_key("team"), "{labels:?}");
            Ok(())
        })
        .await?;
        let drift = json!({"metadata": {"labels": {"tier": "x", "mine": "stays"}}});
        desk.api::<PersistentVolumeClaim>().patch("data", &PatchParams::default(), &Patch::Merge(drift)).await?;
        eventually("the label as asked", async || {
            let labels = claim(&desk, "data").await?.labels().clone();
            ensure!(labels["tier"] == "b" && labels["mine"] == "stays", "{labels:?}");
            Ok(())
        })
        .await?;
        desk.rests(Duration::from_secs(3)).await?;
    }
    let before = Audit::given()?.writes(&desk.namespace)?.len();
    desk.controllers.take().unwrap().stop().await?;
    let again = Controllers::of(&desk.namespace)?;
    again.ready().await?;
    assert_eq!(desk.writes_within(Duration::from_secs(3)).await?, [""; 0], "after a restart");
    Audit::settle().await;
    let requests = Audit::given()?.of(&desk.namespace)?;
    assert_eq!(Audit::given()?.writes(&desk.namespace)?.len(), before);
    let refused: Vec<_> = requests.iter().filter(|request| [401, 403].contains(&request.code())).collect();
    assert!(refused.is_empty(), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_volume_that_waits_for_a_pod_is_no_fault_and_one_that_can_not_be_made_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    ask(&desk, "later", json!({"size": "1Gi"})).await?;
    ensure!(said(&desk, "later", Reason::WaitingForPod).await?.contains("when a pod first mounts it"));
    assert_eq!(desk.writes_within(Duration::from_secs(2)).await?, [""; 0]);

    let class = OwnClass::new(&desk, true).await?;
    ask(&desk, "never", json!({"size": "1Gi", "storageClassName": class.name})).await?;
    said(&desk, "never", Reason::Provisioning).await?;
    let uid = claim(&desk, "never").await?.uid();
    let about = json!({"kind": "PersistentVolumeClaim", "name": "never", "namespace": desk.namespace, "uid": uid});
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "never.1"}, "type": "Warning",
        "reason": "ProvisioningFailed", "message": "no disk left", "involvedObject": about});
    desk.create(&event.to_string()).await?;
    let words = said(&desk, "never", Reason::ProvisioningFailed).await?;
    assert_eq!(words, "the driver can't make the volume, and tries again: no disk left");
    class.volume("never", "1Gi").await?;
    ready(&desk, "never").await?;
    Ok(())
}

#[tokio::test]
async fn what_is_missing_is_named_and_the_claim_made_when_it_comes() -> Result<()> {
    let desk = Desk::new().await?;
    let class = OwnClass { desk: &desk, name: format!("own-{}", desk.namespace) };
    ask(&desk, "data", json!({"size": "1Gi", "storageClassName": class.name})).await?;
    let words = said(&desk, "data", Reason::ClassMissing).await?;
    ensure!(words.contains(&format!("there is no StorageClass {}", class.name)), "{words}");
    ensure!(words.contains("standard (the default)"), "{words}");
    ask(&desk, "copy", json!({"size": "1Gi", "source": {"claim": "data"}})).await?;
    let words = said(&desk, "copy", Reason::SourceMissing).await?;
    ensure!(words.contains("no claim data in the namespace"), "{words}");
    ensure!(desk.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?.items.is_empty());
    class.make(false).await?;
    said(&desk, "data", Reason::Provisioning).await?;
    said(&desk, "copy", Reason::WaitingForPod).await?;
    let source = claim(&desk, "copy").await?.spec.unwrap().data_source.unwrap();
    assert_eq!((source.kind.as_str(), source.name.as_str()), ("PersistentVolumeClaim", "data"));
    Ok(())
}

#[tokio::test]
async fn what_does_not_fit_leaves_nothing_behind_and_is_made_once_there_is_room() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, "team", json!({"requests.storage": "3Gi"})).await?;
    quota(
        &desk,
        "few",
        json!({"persistentvolumeclaims": "2", "standard.storageclass.storage.k8s.io/requests.storage": "10Gi"}),
    )
    .await?;
    ask(&desk, "first", json!({"size": "2Gi"})).await?;
    said(&desk, "first", Reason::WaitingForPod).await?;
    ask(&desk, "second", json!({"size": "2Gi", "reclaim": "Delete"})).await?;
    let words = said(&desk, "second", Reason::QuotaExceeded).await?;
    let expected = "the quota team has no room (requests.storage: 2Gi asked, 2Gi of 3Gi used); ask for less, or delete volumes that nobody needs";
    assert_eq!(words, expected);
    ensure!(desk.api::<PersistentVolumeClaim>().get_opt("second").await?.is_none());
    ensure!(desk.api::<VolumeRequest>().get("second").await?.finalizers().is_empty(), "nothing to hold it for");
    desk.rests(Duration::from_secs(3)).await?;
    // Its owner may ask for less, as nothing was made.
    change(&desk, "second", json!({"spec": {"size": "1Gi"}})).await?;
    said(&desk, "second", Reason::WaitingForPod).await?;
    ask(&desk, "third", json!({"size": "1Gi"})).await?;
    let status = until(&desk, "third", "refusal", |status| status.reason == Some(Reason::QuotaExceeded)).await?;
    ensure!(!status.conditions[0].message.is_empty());
    set_hard(&desk, "team", json!({"requests.storage": "10Gi"})).await?;
    let fewer = "the quota few has no room (persistentvolumeclaims: 1 asked, 2 of 2 used)";
    until(&desk, "third", "the other quota", |status| status.conditions[0].message.contains(fewer)).await?;
    set_hard(&desk, "few", json!({"persistentvolumeclaims": "3"})).await?;
    said(&desk, "third", Reason::WaitingForPod).await?;
    Ok(())
}

#[tokio::test]
async fn many_at_once_fill_the_quota_and_no_more() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, "team", json!({"requests.storage": "3Gi"})).await?;
    let names: Vec<_> = (0..6).map(|at| format!("v{at}")).collect();
    for name in &names {
        ask(&desk, name, json!({"size": "1Gi"})).await?;
    }
    eventually("three that are made and three that wait", async || {
        let (mut made, mut wait) = (0, 0);
        for name in &names {
            let request = desk.api::<VolumeRequest>().get(name).await?;
            match request.status.as_ref().and_then(|status| status.valid()).and_then(|status| status.reason) {
                Some(Reason::WaitingForPod) => made += 1,
                Some(Reason::QuotaExceeded) => wait += 1,
                _ => {}
            }
        }
        ensure!((made, wait) == (3, 3), "{made} made, {wait} wait");
        Ok(())
    })
    .await?;
    assert_eq!(desk.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?.items.len(), 3);
    desk.api::<PersistentVolumeClaim>().delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    set_hard(&desk, "team", json!({"requests.storage": "6Gi"})).await?;
    for name in &names {
        said(&desk, name, Reason::WaitingForPod).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_limit_range_that_is_lifted_lets_the_claim_be_made() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create("{apiVersion: v1, kind: LimitRange, metadata: {name: small}, spec: {limits: [{type: PersistentVolumeClaim, max: {storage: 1Gi}}]}}").await?;
    // The controllers and the API server both learn of it by a watch.
    tokio::time::sleep(Duration::from_secs(1)).await;
    ask(&desk, "large", json!({"size": "2Gi"})).await?;
    let words = said(&desk, "large", Reason::LimitRange).await?;
    ensure!(words.contains("maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi"), "{words}");
    desk.api::<k8s_openapi::api::core::v1::LimitRange>().delete("small", &DeleteParams::default()).await?;
    said(&desk, "large", Reason::WaitingForPod).await?;
    Ok(())
}
