//! Whose a claim is, and what becomes of it.

use super::*;

const MOUNTS: &str =
    "{containers: [{name: a, image: i}], volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}";

async fn delete(desk: &Desk, name: &str) -> Result<()> {
    desk.api::<VolumeRequest>().delete(name, &DeleteParams::default()).await?;
    Ok(())
}

#[tokio::test]
async fn a_claim_stays_unless_its_owner_says_otherwise_and_is_taken_only_on_request() -> Result<()> {
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, true).await?;
    class.bound("data", json!({})).await?;
    let uid = claim(&desk, "data").await?.uid();
    delete(&desk, "data").await?;
    desk.is_gone::<VolumeRequest>("data").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let kept = claim(&desk, "data").await?;
    ensure!(kept.uid() == uid && kept.metadata.deletion_timestamp.is_none());

    let spec = |adopt: bool| json!({"size": "1Gi", "storageClassName": class.name, "adopt": adopt});
    ask(&desk, "data", spec(false)).await?;
    let words = said(&desk, "data", Reason::NameTaken).await?;
    ensure!(words.contains("set spec.adopt: true"), "{words}");
    ensure!(claim(&desk, "data").await?.resource_version() == kept.resource_version(), "it is left alone");
    change(&desk, "data", json!({"spec": {"adopt": true}})).await?;
    ready(&desk, "data").await?;
    assert_eq!(claim(&desk, "data").await?.uid(), uid);
    Ok(())
}

#[tokio::test]
async fn a_claim_of_another_owner_is_never_taken() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("db").await?;
    let set = desk.stateful_set("db").await?;
    let owner = json!({"ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": set.uid(), "controller": true}]});
    by_hand(&desk, "owned", owner, "standard").await?;
    by_hand(&desk, "chart", json!({"annotations": {"meta.helm.sh/release-name": "lab"}}), "standard").await?;
    by_hand(&desk, "plain", json!({}), "standard").await?;
    for (name, owner) in [("owned", "belongs to StatefulSet db"), ("chart", "belongs to the Helm release lab")] {
        let before = claim(&desk, name).await?.resource_version();
        ask(&desk, name, json!({"size": "1Gi", "adopt": true})).await?;
        let words = said(&desk, name, Reason::NameTaken).await?;
        ensure!(words.contains(owner), "{words}");
        assert_eq!(claim(&desk, name).await?.resource_version(), before, "it is left alone");
    }
    ask(&desk, "plain", json!({"size": "1Gi", "adopt": true, "accessModes": ["ReadOnlyMany"]})).await?;
    let words = said(&desk, "plain", Reason::Mismatch).await?;
    ensure!(words.contains("has the access modes ReadWriteOnce, and ReadOnlyMany is asked for"), "{words}");
    // With its owner gone, it goes as well; the name is free then, and nobody had to ask again.
    desk.api::<PersistentVolumeClaim>().delete("chart", &DeleteParams::default()).await?;
    said(&desk, "chart", Reason::WaitingForPod).await?;
    Ok(())
}

#[tokio::test]
async fn data_goes_only_when_no_pod_has_it_and_its_owner_may_think_better_of_it() -> Result<()> {
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, true).await?;
    class.bound("data", json!({"reclaim": "Delete"})).await?;
    desk.notebook("iris", MOUNTS).await?;
    until(&desk, "data", "use", |status| !status.used_by.is_empty()).await?;
    delete(&desk, "data").await?;
    let words = said(&desk, "data", Reason::InUse).await?;
    ensure!(words.contains("which the notebook iris does"), "{words}");
    ensure!(claim(&desk, "data").await?.metadata.deletion_timestamp.is_none());
    desk.rests(Duration::from_secs(2)).await?;
    desk.annotate("iris", "kubeflow-resource-stopped", Some("")).await?;
    desk.is_gone::<PersistentVolumeClaim>("data").await?;
    desk.is_gone::<VolumeRequest>("data").await?;

    class.bound("other", json!({"reclaim": "Delete"})).await?;
    desk.notebook("second", &MOUNTS.replace("data", "other")).await?;
    until(&desk, "other", "use", |status| !status.used_by.is_empty()).await?;
    delete(&desk, "other").await?;
    said(&desk, "other", Reason::InUse).await?;
    change(&desk, "other", json!({"spec": {"reclaim": "Retain"}})).await?;
    desk.is_gone::<VolumeRequest>("other").await?;
    desk.annotate("second", "kubeflow-resource-stopped", Some("")).await?;
    desk.reaches("second", "StoppedByOwner").await?;
    ensure!(claim(&desk, "other").await?.metadata.deletion_timestamp.is_none());
    Ok(())
}

#[tokio::test]
async fn the_finalizer_follows_what_its_owner_says_and_leaves_those_of_others() -> Result<()> {
    let desk = Desk::new().await?;
    ask(&desk, "data", json!({"size": "1Gi"})).await?;
    said(&desk, "data", Reason::WaitingForPod).await?;
    change(&desk, "data", json!({"metadata": {"finalizers": ["example.org/mine"]}})).await?;
    for (reclaim, expected) in
        [("Delete", &["example.org/mine", "carrel.dev/volume"][..]), ("Retain", &["example.org/mine"])]
    {
        change(&desk, "data", json!({"spec": {"reclaim": reclaim}})).await?;
        eventually("the finalizers", async || {
            let found = desk.api::<VolumeRequest>().get("data").await?.finalizers().to_vec();
            ensure!(found == expected, "{found:?}");
            Ok(())
        })
        .await?;
    }
    change(&desk, "data", json!({"metadata": {"finalizers": null}})).await?;
    Ok(())
}
