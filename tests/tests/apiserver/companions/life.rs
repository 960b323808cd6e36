//! Stop and start, and that what is settled costs nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Audit, Desk};
use kube::ResourceExt;
use serde_json::json;

use super::{Volumes, annotate, board, condition, deployment, events, make, pods, reaches, sentence};

const STOP: &str = "kubeflow-resource-stopped";

#[tokio::test]
async fn the_annotation_of_notebooks_stops_and_starts_both() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    board(&desk, "board", "data").await?;
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data", "networking": {"targetPort": 8080}})).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    // Any value stops, an empty one too.
    annotate::<Tensorboard>(&desk, "board", STOP, Some("")).await?;
    annotate::<PvcViewer>(&desk, "files", STOP, Some("2026-01-01T00:00:00Z")).await?;
    let stopped = reaches::<Tensorboard>(&desk, "board", "StoppedByOwner").await?;
    assert_eq!((&stopped["phase"], &stopped["readyReplicas"]), (&json!("Stopped"), &json!(0)));
    assert_eq!(condition(&stopped, "Stopped")["status"], "True");
    ensure!(sentence(&stopped).contains(STOP), "{stopped}");
    let viewer = reaches::<PvcViewer>(&desk, "files", "StoppedByOwner").await?;
    assert_eq!(viewer["ready"], false, "upstream's is ready at nothing of nothing");
    ensure!(
        pods::<Tensorboard>(&desk, "board").await?.is_empty()
            && pods::<PvcViewer>(&desk, "pvcviewer-files").await?.is_empty()
    );
    annotate::<Tensorboard>(&desk, "board", STOP, None).await?;
    annotate::<PvcViewer>(&desk, "files", STOP, None).await?;
    let started = reaches::<Tensorboard>(&desk, "board", "Running").await?;
    assert_eq!(condition(&started, "Stopped")["status"], "False");
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    assert_eq!(events::<Tensorboard>(&desk, "board").await?, ["Started", "Stopped", "Started"]);
    Ok(())
}

#[tokio::test]
async fn what_is_settled_costs_no_request_also_after_a_restart_of_carrel() -> Result<()> {
    let mut desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOnce")]).await?;
    // As people write them: numbers, defaults, empty lists.
    let resources = json!({"requests": {"cpu": "0.5", "memory": "0.5Gi"}, "limits": {"cpu": 2, "memory": "1024Mi"}});
    make::<Tensorboard>(&desk, "board", json!({"logspath": "pvc://data/x/", "resources": resources, "args": []}))
        .await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    let pod = json!({"containers": [{"name": "a", "image": "i", "command": [], "env": [], "resources": resources,
            "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}}, "securityContext": {"privileged": false}}],
        "tolerations": [{"key": "a", "operator": "Exists"}], "serviceAccountName": "default",
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data", "readOnly": false}}]});
    let networking = json!({"targetPort": 8080, "rewrite": "", "timeout": ""});
    make::<PvcViewer>(
        &desk,
        "files",
        json!({"pvc": "data", "podSpec": pod, "networking": networking, "rwoScheduling": true}),
    )
    .await?;
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    Audit::settle().await;
    let made = Audit::given()?.writes(&desk.namespace)?;
    let count = |word: &str| made.iter().filter(|write| write.starts_with(word)).count();
    assert_eq!((count("patch services "), count("patch deployments ")), (2, 2), "{made:?}");
    ensure!(count("create events") == 2 && made.len() <= 12, "{made:?}");
    let refused: Vec<_> =
        Audit::given()?.of(&desk.namespace)?.into_iter().filter(|one| [401, 403].contains(&one.code())).collect();
    ensure!(refused.is_empty(), "its rules suffice: {refused:?}");
    let rest = Audit::given()?.within(Duration::from_secs(4)).await?;
    let own: Vec<_> =
        rest.iter().filter(|one| one.object_ref.namespace == desk.namespace && !one.is_renewal()).collect();
    ensure!(own.is_empty(), "no request at all: {own:?}");

    let version = desk.api::<Tensorboard>().get("board").await?.resource_version();
    let generation = deployment(&desk, "pvcviewer-files").await?["metadata"]["generation"].clone();
    desk.restart_with(&[]).await?;
    assert_eq!(desk.writes_within(Duration::from_secs(3)).await?, [""; 0], "a restart writes nothing");
    assert_eq!(desk.api::<Tensorboard>().get("board").await?.resource_version(), version);
    assert_eq!(deployment(&desk, "pvcviewer-files").await?["metadata"]["generation"], generation);
    Ok(())
}

/// By an admin's choice nothing is watched and nothing done.
#[tokio::test]
async fn each_controller_can_be_left_out() -> Result<()> {
    let desk = Desk::with(&["--tensorboards=false", "--pvc-viewers=false"]).await?;
    make::<Tensorboard>(&desk, "board", json!({"logspath": "s3://runs"})).await?;
    desk.running("iris").await?;
    ensure!(super::status::<Tensorboard>(&desk, "board").await?.is_null());
    let requests = Audit::given()?.of(&desk.namespace)?;
    let kinds = ["tensorboards", "pvcviewers", "deployments"];
    ensure!(!requests.iter().any(|one| kinds.contains(&one.object_ref.resource.as_str())), "{requests:?}");
    Ok(())
}

/// The file that Kubeflow's `DEFAULT_POD_SPEC_PATH` names.
#[tokio::test]
async fn an_admins_pod_is_that_of_viewers_whose_owners_write_none() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let pod = "{containers: [{name: admins, image: files, volumeMounts: [{name: viewer-volume, mountPath: /files}]}]}";
    std::fs::write(file.path(), pod)?;
    let desk = Desk::with(&[&format!("--viewer-pod-spec={}", file.path().display())]).await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data"})).await?;
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    let found = deployment(&desk, "pvcviewer-files").await?;
    let pod = &found["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["name"], "admins");
    assert_eq!(pod["volumes"], json!([{"name": "viewer-volume", "persistentVolumeClaim": {"claimName": "data"}}]));
    Ok(())
}

/// With a namespace of the test's own in place of theirs.
#[tokio::test]
async fn the_examples_work() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("iris-home", "ReadWriteOnce")]).await?;
    for file in ["tensorboard.yaml", "viewer.yaml"] {
        desk.create(&std::fs::read_to_string(xtask::home::repository().join("examples").join(file))?).await?;
    }
    reaches::<Tensorboard>(&desk, "iris-runs", "Running").await?;
    let status = reaches::<PvcViewer>(&desk, "iris-home", "Running").await?;
    assert_eq!(status["url"], format!("/pvcviewer/{}/iris-home/", desk.namespace));
    Ok(())
}
