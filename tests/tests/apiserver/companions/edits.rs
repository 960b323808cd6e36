//! What an owner edits reaches the pod, what others change is put right, and what nobody wants any more goes.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Volumes, annotate, change, deployed, deployment, make, pod, pods, reaches, uid, viewer};

/// Upstream's Deployment never follows; here it does, and the old pod is gone before the new one comes.
#[tokio::test]
async fn each_edit_of_a_tensorboard_reaches_its_pod() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("a", "ReadWriteOnce"), ("b", "ReadWriteOnce")]).await?;
    for account in ["one", "two"] {
        desk.create(&format!("{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: {account}}}}}")).await?;
    }
    make::<Tensorboard>(&desk, "board", json!({"logspath": "pvc://a/x"})).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    let edits = [
        (json!({"spec": {"logspath": "pvc://b/y"}}), "/spec/volumes/0/persistentVolumeClaim/claimName", json!("b")),
        (json!({"spec": {"logspath": "s3://bucket"}}), "/spec/containers/0/args/0", json!("--logdir=s3://bucket")),
        (json!({"spec": {"image": "boards:2"}}), "/spec/containers/0/image", json!("boards:2")),
        (
            json!({"spec": {"resources": {"requests": {"cpu": "10m"}}}}),
            "/spec/containers/0/resources",
            json!({"requests": {"cpu": "10m"}}),
        ),
        (
            json!({"spec": {"args": ["--samples_per_plugin=images=100"]}}),
            "/spec/containers/0/args",
            json!(["--logdir=s3://bucket", "--bind_all", "--samples_per_plugin=images=100"]),
        ),
        (
            json!({"spec": {"credentials": {"secretName": "keys"}}}),
            "/spec/containers/0/envFrom/0/secretRef/name",
            json!("keys"),
        ),
        (json!({"spec": {"serviceAccountName": "one"}}), "/spec/serviceAccountName", json!("one")),
        (json!({"spec": {"serviceAccountName": "two"}}), "/spec/serviceAccountName", json!("two")),
        (json!({"spec": {"podLabels": {"tier": "gold"}}}), "/metadata/labels/tier", json!("gold")),
        (json!({"metadata": {"labels": {"team": "a"}}}), "/metadata/labels/team", json!("a")),
    ];
    for (patch, path, expected) in edits {
        let before = pod::<Tensorboard>(&desk, "board").await?;
        change::<Tensorboard>(&desk, "board", patch).await?;
        let read = |spec: &serde_json::Value| spec["template"].pointer(path).cloned();
        deployed(&desk, "board", |spec| read(spec) == Some(expected.clone())).await?;
        eventually("another pod", async || {
            let now = pod::<Tensorboard>(&desk, "board").await?;
            ensure!(uid(&now) != uid(&before), "the same pod");
            ensure!(serde_json::to_value(&now)?.pointer(path).is_some(), "{path}");
            Ok(())
        })
        .await?;
        reaches::<Tensorboard>(&desk, "board", "Running").await?;
    }
    // What is taken away goes.
    let none = json!({"spec": {"image": null, "resources": null, "args": null, "credentials": null, "serviceAccountName": null,
        "podLabels": null}});
    change::<Tensorboard>(&desk, "board", none).await?;
    let found = deployed(&desk, "board", |spec| spec["template"]["metadata"]["labels"]["tier"].is_null()).await?;
    let spec = &found["spec"]["template"]["spec"];
    ensure!(spec["serviceAccountName"].is_null() && spec["serviceAccount"].is_null(), "{spec}");
    let server = &spec["containers"][0];
    ensure!(server["envFrom"].is_null() && server["args"].as_array().unwrap().len() == 2, "{server}");
    assert_eq!(server["resources"]["requests"], json!({"cpu": "100m", "memory": "256Mi"}));
    ensure!(spec["volumes"].is_null(), "the claims are let go: {spec}");
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    desk.rests(Duration::from_secs(3)).await?;
    Ok(())
}

#[tokio::test]
async fn each_edit_of_a_viewer_reaches_its_pod_and_an_account_can_be_taken_away() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    desk.create("{apiVersion: v1, kind: ServiceAccount, metadata: {name: one}}").await?;
    let spec = json!({"serviceAccountName": "one", "containers": [{"name": "a", "image": "i"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]});
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data", "podSpec": spec})).await?;
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    let patch = json!({"spec": {"podSpec": {"serviceAccountName": null, "containers": [{"name": "b", "image": "i"}]}}});
    change::<PvcViewer>(&desk, "files", patch).await?;
    let found =
        deployed(&desk, "pvcviewer-files", |spec| spec["template"]["spec"]["containers"][0]["name"] == "b").await?;
    let spec = &found["spec"]["template"]["spec"];
    ensure!(spec["serviceAccountName"].is_null() && spec["serviceAccount"].is_null(), "{spec}");
    assert_eq!(spec["containers"].as_array().unwrap().len(), 1);
    // To the built-in pod, and from rwoScheduling to none.
    change::<PvcViewer>(&desk, "files", json!({"spec": {"podSpec": null}})).await?;
    deployed(&desk, "pvcviewer-files", |spec| spec["template"]["spec"]["containers"][0]["name"] == "pvcviewer").await?;
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn what_others_change_is_put_right_and_what_they_add_stays() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    super::board(&desk, "board", "data").await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    let theirs = json!({"metadata": {"labels": {"theirs": "1"}}, "spec": {"replicas": 3,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}});
    desk.api::<Deployment>().patch("board", &PatchParams::default(), &Patch::Merge(theirs)).await?;
    // One after the other: Kubernetes' own controller never ends the pods of two templates that are scaled at once.
    deployed(&desk, "board", |spec| spec["replicas"] == 1 && spec["strategy"] == json!({"type": "Recreate"})).await?;
    eventually("one pod", async || pod::<Tensorboard>(&desk, "board").await).await?;
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "tensorboard", "image": "evil"}]}}}});
    desk.api::<Deployment>().patch("board", &PatchParams::default(), &Patch::Strategic(image)).await?;
    let selector = json!({"spec": {"selector": {"app": "other"}}});
    desk.api::<Service>().patch("board", &PatchParams::default(), &Patch::Merge(selector)).await?;
    let found = deployed(&desk, "board", |spec| {
        spec["replicas"] == 1
            && spec["strategy"] == json!({"type": "Recreate"})
            && spec["template"]["spec"]["containers"][0]["image"] != "evil"
    })
    .await?;
    assert_eq!(found["metadata"]["labels"]["theirs"], "1", "not ours to remove");
    eventually("the selector", async || {
        let selector = desk.service("board").await?.spec.unwrap().selector.unwrap();
        ensure!(selector.get("app").is_some_and(|app| app == "board"), "{selector:?}");
        Ok(())
    })
    .await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    eventually("one pod", async || pod::<Tensorboard>(&desk, "board").await).await?;
    desk.rests(Duration::from_secs(3)).await?;
    let log = desk.controllers.as_ref().unwrap().log();
    ensure!(log.contains("spec.replicas: 3 instead of 1"), "{log}");
    Ok(())
}

#[tokio::test]
async fn networking_that_is_taken_away_takes_the_service_along_and_given_back_makes_it() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    viewer(&desk, "files", "data").await?;
    let status = reaches::<PvcViewer>(&desk, "files", "Running").await?;
    ensure!(status["url"].is_null(), "{status}");
    let services = desk.api::<Service>();
    ensure!(services.get_opt("pvcviewer-files").await?.is_none(), "nothing leads to it");
    let before = uid(&pod::<PvcViewer>(&desk, "pvcviewer-files").await?);
    let networking = |more: serde_json::Value| json!({"spec": {"networking": more}});
    for _ in 0..2 {
        change::<PvcViewer>(&desk, "files", networking(json!({"targetPort": 8080}))).await?;
        eventually("a Service", async || Ok(services.get("pvcviewer-files").await?)).await?;
        eventually("a URL", async || {
            let url = super::status::<PvcViewer>(&desk, "files").await?["url"].clone();
            ensure!(url == format!("/{}/files/", desk.namespace), "{url}");
            Ok(())
        })
        .await?;
        change::<PvcViewer>(&desk, "files", networking(json!(null))).await?;
        desk.is_gone::<Service>("pvcviewer-files").await?;
        eventually("no URL", async || {
            ensure!(super::status::<PvcViewer>(&desk, "files").await?["url"].is_null());
            Ok(())
        })
        .await?;
    }
    assert_eq!(uid(&pod::<PvcViewer>(&desk, "pvcviewer-files").await?), before, "its pod knows nothing of it");
    Ok(())
}

/// A restart is asked for as of a Notebook.
#[tokio::test]
async fn a_restart_that_is_asked_for_makes_another_pod_once() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOnce")]).await?;
    super::board(&desk, "board", "data").await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    let before = uid(&pod::<Tensorboard>(&desk, "board").await?);
    annotate::<Tensorboard>(&desk, "board", "carrel.dev/restart-requested", Some("now")).await?;
    eventually("another pod", async || {
        ensure!(uid(&pod::<Tensorboard>(&desk, "board").await?) != before, "the same");
        Ok(())
    })
    .await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    let after = uid(&pod::<Tensorboard>(&desk, "board").await?);
    // An annotation that says nothing to it is no reason.
    annotate::<Tensorboard>(&desk, "board", "note", Some("x")).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(uid(&pod::<Tensorboard>(&desk, "board").await?), after);
    ensure!(deployment(&desk, "board").await?["metadata"]["generation"].as_i64().unwrap() <= 2, "one more template");
    ensure!(pods::<Tensorboard>(&desk, "board").await?.len() == 1);
    Ok(())
}
