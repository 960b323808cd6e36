//! Start, stop, edit, delete.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_api::notebook::{Notebook, Phase};
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use kube::api::DeleteParams;
use serde_json::json;

const STOPPED: &str = "kubeflow-resource-stopped";
const CLAIM: &str = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: home},
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";
const WITH_CLAIM: &str = "{containers: [{name: a, image: i, volumeMounts: [{name: home, mountPath: /home/jovyan}]}],
    volumes: [{name: home, persistentVolumeClaim: {claimName: home}}]}";

#[tokio::test]
async fn the_annotation_stops_and_its_end_starts() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("sleepy").await?;
    // Presence alone counts, whatever the value.
    for value in ["2026-01-01T00:00:00Z", ""] {
        desk.annotate("sleepy", STOPPED, Some(value)).await?;
        desk.is_gone::<Pod>("sleepy-0").await?;
        let status = eventually("the stop", async || {
            let status = desk.status("sleepy").await?;
            ensure!(status.phase == Some(Phase::Stopped) && status.ready_replicas == 0, "{status:?}");
            Ok(status)
        })
        .await?;
        let stopped = status.condition("Stopped").unwrap();
        assert_eq!((stopped.status.as_str(), stopped.reason.as_deref()), ("True", Some("StoppedByOwner")));
        assert_eq!(status.condition("Ready").unwrap().status, "False");
        assert_eq!(serde_json::to_value(&status.container_state)?, json!({}));
        assert!(desk.service("sleepy").await.is_ok(), "the Service stays");
        desk.annotate("sleepy", STOPPED, None).await?;
        let status = desk.reaches("sleepy", "Running").await?;
        assert_eq!(status.condition("Stopped").unwrap().status, "False");
    }
    let annotations = desk.stateful_set("sleepy").await?.spec.template.metadata.unwrap().annotations.unwrap();
    assert!(!annotations.contains_key(STOPPED), "the stop is not for the template");
    Ok(())
}

#[tokio::test]
async fn a_notebook_that_is_made_stopped_has_no_pod_until_it_is_started() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create(
        "{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {name: later, annotations: {kubeflow-resource-stopped: 'x'}},
          spec: {template: {spec: {containers: [{name: a, image: i}]}}}}",
    )
    .await?;
    let status = desk.reaches("later", "StoppedByOwner").await?;
    assert_eq!(status.phase, Some(Phase::Stopped));
    assert_eq!(desk.stateful_set("later").await?.spec.replicas, Some(0));
    desk.annotate("later", STOPPED, None).await?;
    desk.reaches("later", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn only_the_owners_edit_of_the_template_restarts_the_pod_and_once() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("edited").await?;
    let first = desk.pod_uid("edited").await?;
    desk.change("edited", json!({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}})).await?;
    eventually("the label on the template", async || {
        let labels = desk.stateful_set("edited").await?.spec.template.metadata.unwrap().labels.unwrap();
        ensure!(labels.get("a").is_some_and(|value| value == "b"));
        Ok(())
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(desk.pod_uid("edited").await?, first, "a label restarts nothing");

    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "edited", "image": "another"}]}}}});
    desk.change("edited", patch).await?;
    let pod = desk.pod_after("edited", &first).await?;
    assert_eq!(pod.spec.unwrap().containers[0].image.as_deref(), Some("another"));
    let labels = pod.metadata.labels.unwrap();
    assert_eq!(labels["a"], "b", "what waited comes with it");
    desk.reaches("edited", "Running").await?;
    let second = desk.pod_uid("edited").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(desk.pod_uid("edited").await?, second, "once");
    let deletes: Vec<_> = carrel_tests::Audit::given()?.writes(&desk.namespace)?;
    assert_eq!(deletes.iter().filter(|write| *write == "delete pods edited-0").count(), 1, "{deletes:?}");
    Ok(())
}

#[tokio::test]
async fn background_and_foreground_deletion_leave_nothing_but_the_claim() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create(CLAIM).await?;
    for (name, propagation) in [("back", DeleteParams::background()), ("fore", DeleteParams::foreground())] {
        desk.notebook(name, WITH_CLAIM).await?;
        desk.reaches(name, "Running").await?;
        desk.api::<Notebook>().delete(name, &propagation).await?;
        desk.is_gone::<Notebook>(name).await?;
        desk.is_gone::<StatefulSet>(name).await?;
        desk.is_gone::<Service>(name).await?;
        desk.is_gone::<Pod>(&format!("{name}-0")).await?;
    }
    assert_eq!(desk.writes_within(Duration::from_secs(2)).await?, [""; 0], "nothing is made again");
    assert!(desk.api::<PersistentVolumeClaim>().get("home").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn orphans_are_left_running_and_taken_back_by_a_notebook_of_their_name() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("orphan").await?;
    let pod = desk.pod_uid("orphan").await?;
    desk.api::<Notebook>().delete("orphan", &DeleteParams::orphan()).await?;
    desk.is_gone::<Notebook>("orphan").await?;
    assert_eq!(desk.writes_within(Duration::from_secs(2)).await?, [""; 0]);
    assert_eq!(desk.pod_uid("orphan").await?, pod);
    let notebook = desk.running("orphan").await?;
    assert_eq!(notebook.phase, Some(Phase::Running));
    assert_eq!(desk.pod_uid("orphan").await?, pod, "it never stopped");
    let owners = desk.stateful_set("orphan").await?.metadata.owner_references.unwrap();
    assert_eq!(owners.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_notebook_made_again_at_once_gets_children_of_its_own() -> Result<()> {
    let desk = Desk::new().await?;
    for _ in 0..3 {
        desk.running("again").await?;
        desk.api::<Notebook>().delete("again", &DeleteParams::background()).await?;
    }
    desk.running("again").await?;
    Ok(())
}
