//! What the API server refuses of a VolumeRequest, by the rules of its CRD.

use super::*;

#[tokio::test]
async fn what_can_not_be_followed_is_refused_with_a_sentence() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    for (spec, expected) in [
        (json!({}), "spec.size: Required value"),
        (json!({"size": "plenty"}), "size must be an amount above zero, such as 10Gi"),
        (json!({"size": "0"}), "size must be an amount above zero"),
        (json!({"size": "-1Gi"}), "size must be an amount above zero"),
        (json!({"size": "1Gi", "accessModes": []}), "should have at least 1 items"),
        (json!({"size": "1Gi", "accessModes": ["Sometimes"]}), "Unsupported value: \"Sometimes\""),
        (json!({"size": "1Gi", "accessModes": ["ReadWriteOnce", "ReadWriteOnce"]}), "name each access mode once"),
        (json!({"size": "1Gi", "accessModes": ["ReadWriteOnce", "ReadWriteOncePod"]}), "ReadWriteOncePod stands alone"),
        (json!({"size": "1Gi", "source": {}}), "name either source.claim or source.snapshot"),
        (
            json!({"size": "1Gi", "source": {"claim": "a", "snapshot": "b"}}),
            "name either source.claim or source.snapshot",
        ),
        (json!({"size": "1Gi", "source": {"claim": "wrong"}}), "can't be cloned into itself"),
        (json!({"size": "1Gi", "reclaim": "Recycle"}), "Unsupported value: \"Recycle\""),
        (json!({"size": "1Gi", "storageClassName": ""}), "storageClassName"),
        (json!({"size": "1Gi", "labels": {"app.kubernetes.io/managed-by": "me"}}), "is Carrel's to set"),
    ] {
        let error = ask(&desk, "wrong", spec.clone()).await.expect_err(&spec.to_string()).to_string();
        assert!(error.contains(expected), "{spec}: {error}");
    }
    let made = ask(&desk, "plain", json!({"size": "1Gi"})).await?;
    let defaults = json!({"size": "1Gi", "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem", "reclaim": "Retain", "adopt": false});
    assert_eq!(made["spec"], defaults);
    Ok(())
}

#[tokio::test]
async fn once_there_is_a_claim_what_it_can_not_change_is_refused_with_the_reason() -> Result<()> {
    let desk = Desk::new().await?;
    ask(&desk, "data", json!({"size": "2Gi", "storageClassName": "none"})).await?;
    said(&desk, "data", Reason::ClassMissing).await?;
    // Until then it is mended by asking for something else.
    change(&desk, "data", json!({"spec": {"size": "1Gi", "storageClassName": "standard"}})).await?;
    said(&desk, "data", Reason::WaitingForPod).await?;
    for (spec, expected) in [
        (json!({"size": "500Mi"}), "a volume can't shrink: ask for no less than the claim has (status.size)"),
        (json!({"storageClassName": "other"}), "storageClassName can't change once the claim is made"),
        (json!({"storageClassName": null}), "storageClassName can't change once the claim is made"),
        (json!({"accessModes": ["ReadWriteMany"]}), "accessModes can't change once the claim is made"),
        (json!({"volumeMode": "Block"}), "volumeMode can't change once the claim is made"),
        (json!({"source": {"claim": "other"}}), "source can't change once the claim is made"),
    ] {
        let error = change(&desk, "data", json!({"spec": spec})).await.expect_err(&spec.to_string()).to_string();
        assert!(error.contains(expected), "{spec}: {error}");
    }
    change(&desk, "data", json!({"spec": {"size": "1024Mi"}})).await?;
    Ok(())
}

#[tokio::test]
async fn the_example_is_taken_as_it_is() -> Result<()> {
    let desk = Desk::new().await?;
    let text = std::fs::read_to_string(xtask::home::repository().join("examples/volume.yaml"))?;
    desk.create(&text).await?;
    said(&desk, "datasets", Reason::WaitingForPod).await?;
    Ok(())
}

#[tokio::test]
async fn an_admin_may_do_without() -> Result<()> {
    let desk = Desk::with(&["--volume-requests=false"]).await?;
    ask(&desk, "data", json!({"size": "1Gi"})).await?;
    desk.running("iris").await?;
    ensure!(desk.api::<VolumeRequest>().get("data").await?.status.is_none());
    ensure!(desk.api::<PersistentVolumeClaim>().get_opt("data").await?.is_none());
    Ok(())
}
