//! Volumes that grow, and those that can't.

use super::*;

fn size(claim: &PersistentVolumeClaim) -> String {
    claim.spec.as_ref().unwrap().resources.as_ref().unwrap().requests.as_ref().unwrap()["storage"].0.clone()
}

/// What a driver and kubelet would write.
async fn driver(desk: &Desk, status: Value) -> Result<()> {
    let patch = Patch::Merge(json!({"status": status}));
    desk.api::<PersistentVolumeClaim>().patch_status("data", &PatchParams::default(), &patch).await?;
    Ok(())
}

#[tokio::test]
async fn growth_is_followed_to_its_end() -> Result<()> {
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, true).await?;
    class.bound("data", json!({})).await?;
    change(&desk, "data", json!({"spec": {"size": "2Gi"}})).await?;
    assert_eq!(said(&desk, "data", Reason::Resizing).await?, "the driver grows the volume from 1Gi to 2Gi");
    assert_eq!(size(&claim(&desk, "data").await?), "2Gi");
    let failed = json!([{"type": "ControllerResizeError", "status": "True", "message": "no disk left"}]);
    driver(&desk, json!({"conditions": failed})).await?;
    ensure!(said(&desk, "data", Reason::ResizeFailed).await?.ends_with("no disk left"));
    driver(&desk, json!({"conditions": [{"type": "FileSystemResizePending", "status": "True"}]})).await?;
    ensure!(said(&desk, "data", Reason::FileSystemResizePending).await?.ends_with("no pod mounts it now"));
    desk.notebook(
        "iris",
        "{containers: [{name: a, image: i}], volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}",
    )
    .await?;
    let restart = |status: &VolumeRequestStatus| {
        status.condition("Resized").is_some_and(|one| one.message.ends_with("restart the notebook iris"))
    };
    let status = until(&desk, "data", "a word on the restart", restart).await?;
    assert_eq!(status.condition("Ready").unwrap().status, "True", "pods can mount it all the while");
    driver(&desk, json!({"conditions": [], "capacity": {"storage": "2Gi"}})).await?;
    let status = ready(&desk, "data").await?;
    assert_eq!(status.capacity.as_deref(), Some("2Gi"));
    assert_eq!(status.condition("Resized"), None);
    Ok(())
}

#[tokio::test]
async fn a_class_that_does_not_let_volumes_grow_is_told_until_it_does() -> Result<()> {
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, false).await?;
    class.bound("data", json!({})).await?;
    change(&desk, "data", json!({"spec": {"size": "2Gi"}})).await?;
    let words = said(&desk, "data", Reason::ExpansionNotAllowed).await?;
    ensure!(words.contains("the claim has 1Gi and can't grow to 2Gi"), "{words}");
    assert_eq!(size(&claim(&desk, "data").await?), "1Gi");
    // What was never granted may be taken back.
    change(&desk, "data", json!({"spec": {"size": "1Gi"}})).await?;
    ready(&desk, "data").await?;
    change(&desk, "data", json!({"spec": {"size": "2Gi"}})).await?;
    said(&desk, "data", Reason::ExpansionNotAllowed).await?;
    let grows = Patch::Merge(json!({"allowVolumeExpansion": true}));
    Api::<StorageClass>::all(desk.client.clone()).patch(&class.name, &PatchParams::default(), &grows).await?;
    said(&desk, "data", Reason::Resizing).await?;
    Ok(())
}

#[tokio::test]
async fn growth_that_does_not_fit_leaves_the_claim_as_it_is() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, "team", json!({"requests.storage": "3Gi"})).await?;
    let class = OwnClass::new(&desk, true).await?;
    class.bound("data", json!({})).await?;
    change(&desk, "data", json!({"spec": {"size": "5Gi"}})).await?;
    let words = said(&desk, "data", Reason::QuotaExceeded).await?;
    ensure!(
        words.contains("can't grow to 5Gi: the quota team has no room (requests.storage: 4Gi asked, 1Gi of 3Gi used)"),
        "{words}"
    );
    assert_eq!(size(&claim(&desk, "data").await?), "1Gi");
    desk.rests(Duration::from_secs(3)).await?;
    set_hard(&desk, "team", json!({"requests.storage": "5Gi"})).await?;
    said(&desk, "data", Reason::Resizing).await?;
    assert_eq!(size(&claim(&desk, "data").await?), "5Gi");
    Ok(())
}

#[tokio::test]
async fn a_driver_that_fails_is_told_in_its_words_until_it_works() -> Result<()> {
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, true).await?;
    let driver = class.driver();
    driver.fails(Some("no disk left"));
    ask(&desk, "data", json!({"size": "1Gi", "storageClassName": class.name})).await?;
    let words = said(&desk, "data", Reason::ProvisioningFailed).await?;
    assert_eq!(words, "the driver can't make the volume, and tries again: no disk left");
    driver.fails(None);
    ready(&desk, "data").await?;

    driver.fails(Some("the pool is full"));
    change(&desk, "data", json!({"spec": {"size": "3Gi"}})).await?;
    let words = said(&desk, "data", Reason::ResizeFailed).await?;
    assert_eq!(words, "the driver can't grow the volume from 1Gi to 3Gi: the pool is full");
    driver.fails(None);
    let grown = |status: &VolumeRequestStatus| status.capacity.as_deref() == Some("3Gi") && status.reason.is_none();
    until(&desk, "data", "3Gi", grown).await?;
    Ok(())
}
