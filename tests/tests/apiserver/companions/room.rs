//! Starts of companions where a quota or a LimitRange bounds the namespace.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{annotate, change, deployment, make, pods, reaches, sentence};

const STOP: &str = "kubeflow-resource-stopped";

async fn quota(desk: &Desk, hard: Value) -> Result<()> {
    let quota =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": hard}});
    desk.create(&quota.to_string()).await?;
    eventually("a quota with a status", async || {
        let status = desk.api::<ResourceQuota>().get("team").await?.status.unwrap_or_default();
        ensure!(status.hard.is_some_and(|hard| !hard.is_empty()), "none yet");
        Ok(())
    })
    .await
}

fn asks(cpu: &str) -> Value {
    json!({"logspath": "s3://runs", "resources": {"requests": {"cpu": cpu}}})
}

#[tokio::test]
async fn what_does_not_fit_is_held_and_starts_by_itself_when_there_is_room() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, json!({"requests.cpu": "1"})).await?;
    make::<Tensorboard>(&desk, "first", asks("600m")).await?;
    reaches::<Tensorboard>(&desk, "first", "Running").await?;
    make::<Tensorboard>(&desk, "second", asks("500m")).await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "second", "QuotaExceeded").await?);
    ensure!(said.contains("the quota team has no room (requests.cpu: 500m asked, 600m of 1 used"), "{said}");
    assert_eq!(deployment(&desk, "second").await?["spec"]["replicas"], 0);
    desk.rests(Duration::from_secs(3)).await?;
    annotate::<Tensorboard>(&desk, "first", STOP, Some("")).await?;
    reaches::<Tensorboard>(&desk, "second", "Running").await?;
    // And an edit of one that runs: the old pod's room is enough for the new one.
    change::<Tensorboard>(&desk, "second", json!({"spec": {"image": "boards:2"}})).await?;
    reaches::<Tensorboard>(&desk, "second", "Running").await?;
    // One that no longer fits after an edit is held.
    change::<Tensorboard>(&desk, "second", asks("2").as_object().map(|spec| json!({"spec": spec})).unwrap()).await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "second", "QuotaExceeded").await?);
    ensure!(said.contains("requests.cpu: 2 asked"), "{said}");
    let patch = Patch::Merge(json!({"spec": {"hard": {"requests.cpu": "4"}}}));
    desk.api::<ResourceQuota>().patch("team", &PatchParams::default(), &patch).await?;
    reaches::<Tensorboard>(&desk, "second", "Running").await?;
    Ok(())
}

/// Upstream's has no resources and no field to set them, so that a quota refuses it for ever.
#[tokio::test]
async fn both_start_under_a_quota_as_they_are() -> Result<()> {
    let desk = Desk::new().await?;
    let hard =
        json!({"requests.cpu": "2", "requests.memory": "4Gi", "limits.cpu": "4", "limits.memory": "8Gi", "pods": "4"});
    quota(&desk, hard).await?;
    let _volumes = super::Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    make::<Tensorboard>(&desk, "board", json!({"logspath": "pvc://data"})).await?;
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data"})).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn many_at_once_fill_the_quota_and_no_more() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, json!({"requests.cpu": "3"})).await?;
    for at in 0..6 {
        make::<Tensorboard>(&desk, &format!("b{at}"), asks("1")).await?;
    }
    eventually("three that run and three that wait", async || {
        let (mut run, mut wait) = (0, 0);
        for at in 0..6 {
            let status = super::status::<Tensorboard>(&desk, &format!("b{at}")).await?;
            match super::condition(&status, "Ready")["reason"].as_str() {
                Some("Running") => run += 1,
                Some("QuotaExceeded") => wait += 1,
                _ => {}
            }
        }
        ensure!((run, wait) == (3, 3), "{run} run, {wait} wait");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_limit_range_that_is_lifted_lets_the_start_happen() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create("{apiVersion: v1, kind: LimitRange, metadata: {name: small}, spec: {limits: [{type: Container, max: {cpu: 500m}}]}}").await?;
    // The controllers and the API server both learn of it by a watch.
    tokio::time::sleep(Duration::from_secs(1)).await;
    make::<Tensorboard>(&desk, "board", json!({"logspath": "s3://runs"})).await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "board", "LimitRange").await?);
    ensure!(said.contains("500m"), "{said}");
    assert_eq!(deployment(&desk, "board").await?["spec"]["replicas"], 0);
    ensure!(pods::<Tensorboard>(&desk, "board").await?.is_empty());
    desk.api::<LimitRange>().delete("small", &DeleteParams::default()).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    Ok(())
}

/// What is refused for another cause is told in its words.
#[tokio::test]
async fn a_pod_that_is_refused_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    make::<Tensorboard>(&desk, "board", json!({"logspath": "s3://runs", "serviceAccountName": "missing"})).await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "board", "PodRejected").await?);
    ensure!(said.contains("missing"), "{said}");
    desk.create("{apiVersion: v1, kind: ServiceAccount, metadata: {name: missing}}").await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    Ok(())
}
