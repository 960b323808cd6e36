//! Volumes that begin with what another one holds, or held.
//!
//! The CRDs of snapshots are everybody's: whoever comes first lives through their absence and their return, and the others
//! wait for that.

use kube::api::DynamicObject;
use tokio::sync::OnceCell;
use xtask::cluster::Foreign;

use super::driver::{Driver, NAME, contents, snapshots};
use super::*;
use carrel_tests::{install, remove};

/// A cluster that has VolumeSnapshots from now on.
async fn served() -> Result<()> {
    static LIVED: OnceCell<()> = OnceCell::const_new();
    LIVED.get_or_try_init(missing_and_back).await.map(drop)
}

async fn missing_and_back() -> Result<()> {
    remove(Foreign::Snapshots)?;
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, true).await?;
    restore(&class, "copy", "1Gi").await?;
    let words = said(&desk, "copy", Reason::SourceMissing).await?;
    ensure!(words.contains("does not serve volumesnapshots.snapshot.storage.k8s.io in v1"), "{words}");
    desk.rests(Duration::from_secs(2)).await?;
    ensure!(desk.api::<PersistentVolumeClaim>().get_opt("copy").await?.is_none());
    let asked = Audit::given()?.of(&desk.namespace)?;
    let in_vain: Vec<_> = asked.iter().filter(|request| request.object_ref.resource == "volumesnapshots").collect();
    assert!(in_vain.is_empty(), "what is not there is not asked for: {in_vain:?}");
    let none = "there is no VolumeSnapshot monday in the namespace";
    let told =
        |words: &'static str| until(&desk, "copy", words, move |status| status.conditions[0].message.contains(words));
    install(Foreign::Snapshots).await?;
    told(none).await?;
    remove(Foreign::Snapshots)?;
    told("does not serve volumesnapshots").await?;
    install(Foreign::Snapshots).await?;
    told(none).await.map(drop)
}

/// A VolumeRequest that restores the snapshot `monday`.
async fn restore(class: &OwnClass<'_>, name: &str, size: &str) -> Result<()> {
    let spec = json!({"size": size, "storageClassName": class.name, "source": {"snapshot": "monday"}});
    ask(class.desk, name, spec).await.map(drop)
}

/// The snapshot `monday` of a claim, as its owner takes it.
async fn take(class: &OwnClass<'_>, of: &str) -> Result<DynamicObject> {
    let snapshot = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
        "metadata": {"name": "monday"}, "spec": {"source": {"persistentVolumeClaimName": of}}});
    class.desk.create(&snapshot.to_string()).await?;
    Ok(snapshots(&class.desk.client, &class.desk.namespace).get("monday").await?)
}

/// What the snapshot controller writes.
async fn becomes(desk: &Desk, status: Value) -> Result<()> {
    let patch = Patch::Merge(json!({"status": status}));
    snapshots(&desk.client, &desk.namespace).patch_status("monday", &PatchParams::default(), &patch).await?;
    Ok(())
}

/// The content of a snapshot, of this driver; its name.
async fn content(class: &OwnClass<'_>, of: &DynamicObject, driver: &str, holds: &str) -> Result<String> {
    let name = format!("{}-{driver}", class.name);
    let owner = json!({"namespace": of.namespace(), "name": of.name_any(), "uid": of.uid()});
    let content = json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent",
        "metadata": {"name": name, "labels": {"of": class.name}},
        "spec": {"deletionPolicy": "Retain", "driver": driver, "sourceVolumeMode": "Filesystem",
            "source": {"snapshotHandle": holds}, "volumeSnapshotRef": owner}});
    contents(&class.desk.client).create(&PostParams::default(), &serde_json::from_value(content)?).await?;
    Ok(name)
}

#[tokio::test]
async fn a_cluster_without_snapshots_is_told_and_noticed_when_it_gets_them() -> Result<()> {
    served().await
}

#[tokio::test]
async fn a_snapshot_is_restored_once_it_is_ready_and_fits() -> Result<()> {
    served().await?;
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, true).await?;
    let driver = class.driver();
    ask(&desk, "data", json!({"size": "1Gi", "storageClassName": class.name})).await?;
    ready(&desk, "data").await?;
    let held = driver.content("data").await?;

    let snapshot = take(&class, "data").await?;
    restore(&class, "copy", "1Gi").await?;
    let words = said(&desk, "copy", Reason::SourceNotReady).await?;
    assert_eq!(words, "the VolumeSnapshot monday is not ready to use; it goes on when it is");
    becomes(&desk, json!({"readyToUse": false, "error": {"message": "no disk left"}})).await?;
    let failed = |status: &VolumeRequestStatus| status.conditions[0].message.ends_with("its driver says: no disk left");
    until(&desk, "copy", "the driver's words", failed).await?;
    desk.rests(Duration::from_secs(2)).await?;

    let bound = content(&class, &snapshot, NAME, &held).await?;
    let status =
        json!({"readyToUse": true, "error": null, "restoreSize": "2Gi", "boundVolumeSnapshotContentName": bound});
    becomes(&desk, status).await?;
    let words = said(&desk, "copy", Reason::SourceUnsupported).await?;
    ensure!(words.contains("needs 2Gi, and the volume can't be smaller: ask for 2Gi or more"), "{words}");
    ensure!(desk.api::<PersistentVolumeClaim>().get_opt("copy").await?.is_none(), "nothing is left behind");
    change(&desk, "copy", json!({"spec": {"size": "2Gi"}})).await?;
    let status = ready(&desk, "copy").await?;
    assert_eq!(status.capacity.as_deref(), Some("2Gi"));
    assert_eq!(driver.content("copy").await?, held, "the volume begins with what the snapshot holds");
    // What it began with may go.
    snapshots(&desk.client, &desk.namespace).delete("monday", &DeleteParams::default()).await?;
    desk.rests(Duration::from_secs(3)).await?;
    ready(&desk, "copy").await?;
    Ok(())
}

#[tokio::test]
async fn a_snapshot_that_another_driver_or_namespace_holds_is_not_restored() -> Result<()> {
    served().await?;
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, true).await?;
    let snapshot = take(&class, "data").await?;
    let other = content(&class, &snapshot, "other.example.org", "h").await?;
    becomes(&desk, json!({"readyToUse": true, "restoreSize": "1Gi", "boundVolumeSnapshotContentName": other})).await?;
    restore(&class, "copy", "1Gi").await?;
    let words = said(&desk, "copy", Reason::SourceUnsupported).await?;
    ensure!(words.contains("the driver other.example.org holds the VolumeSnapshot monday"), "{words}");
    ensure!(words.contains(&format!("the StorageClass {} makes volumes by {NAME}", class.name)), "{words}");

    // Whoever may write the status of a snapshot names the content of somebody else's.
    let elsewhere = Desk::without_controllers().await?;
    let stolen = OwnClass { desk: &elsewhere, name: format!("own-{}", elsewhere.namespace) };
    let theirs = take(&stolen, "data").await?;
    let secret = content(&stolen, &theirs, NAME, "a secret").await?;
    becomes(&desk, json!({"boundVolumeSnapshotContentName": secret})).await?;
    let words = said(&desk, "copy", Reason::SourceNotReady).await?;
    ensure!(words.contains("which belongs to another snapshot"), "{words}");
    ensure!(desk.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?.items.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_claim_is_cloned_with_its_data_and_what_can_not_be_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, true).await?;
    let driver: Driver = class.driver();
    let clone = |of: &str, size: &str| json!({"size": size, "storageClassName": class.name, "source": {"claim": of}});
    ask(&desk, "copy", clone("data", "1Gi")).await?;
    said(&desk, "copy", Reason::SourceMissing).await?;
    ask(&desk, "data", json!({"size": "2Gi", "storageClassName": class.name})).await?;
    let words = said(&desk, "copy", Reason::SourceUnsupported).await?;
    ensure!(words.contains("the claim data has 2Gi, and its copy can't be smaller"), "{words}");
    change(&desk, "copy", json!({"spec": {"size": "2Gi"}})).await?;
    ready(&desk, "copy").await?;
    assert_eq!(driver.content("copy").await?, driver.content("data").await?);

    // A claim that is on its way out is held by whoever mounts it, and no source any more.
    desk.notebook(
        "iris",
        "{containers: [{name: a, image: i}], volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}",
    )
    .await?;
    until(&desk, "data", "use", |status| !status.used_by.is_empty()).await?;
    desk.api::<PersistentVolumeClaim>().delete("data", &DeleteParams::default()).await?;
    ask(&desk, "late", clone("data", "2Gi")).await?;
    let words = said(&desk, "late", Reason::SourceMissing).await?;
    ensure!(words.contains("the claim data is being deleted"), "{words}");
    Ok(())
}
