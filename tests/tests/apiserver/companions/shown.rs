//! What kubectl shows of companions.

use anyhow::{Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Desk, kubectl};
use serde_json::json;

use super::{Volumes, board, change, make, notebook_on, on, reaches, stands_on, status};

fn words(text: &str, name: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap_or_default();
    line.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn columns_tell_state_reason_and_place() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOnce"), ("once", "ReadWriteOncePod")]).await?;
    notebook_on(&desk, "iris", "once", &on("fake-0")).await?;
    desk.reaches("iris", "Running").await?;
    board(&desk, "board", "data").await?;
    board(&desk, "waits", "once").await?;
    let node = reaches::<Tensorboard>(&desk, "board", "Running").await?["nodeName"].as_str().unwrap().to_owned();
    let networking = json!({"targetPort": 8080, "basePrefix": "/pvcviewer"});
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data", "networking": networking, "rwoScheduling": true})).await?;
    reaches::<Tensorboard>(&desk, "waits", "VolumeBusyElsewhere").await?;
    stands_on::<PvcViewer>(&desk, "files", &node).await?;
    let text = kubectl(&["get", "tb", "-o", "wide", "-n", &desk.namespace])?;
    let heads: Vec<_> = text.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(heads, ["NAME", "READY", "STATUS", "WHY", "LOGS", "AGE", "NODE"]);
    let line = words(&text, "board");
    assert_eq!(line[..4], ["board", "True", "Running", "pvc://data/runs"], "{text}");
    assert_eq!(line.last(), Some(&node), "{text}");
    assert_eq!(words(&text, "waits")[..4], ["waits", "False", "Starting", "VolumeBusyElsewhere"], "{text}");
    let text = kubectl(&["get", "pvcv", "-o", "wide", "-n", &desk.namespace])?;
    let heads: Vec<_> = text.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(heads, ["NAME", "READY", "STATUS", "WHY", "CLAIM", "AGE", "URL", "NODE"]);
    let line = words(&text, "files");
    assert_eq!(line[..4], ["files", "True", "Running", "data"], "{text}");
    ensure!(line.contains(&format!("/pvcviewer/{}/files/", desk.namespace)), "{text}");
    let text = kubectl(&["get", "carrel", "-n", &desk.namespace])?;
    ensure!(
        text.contains("tensorboard.tensorboard.kubeflow.org/board") && text.contains("pvcviewer.kubeflow.org/files"),
        "{text}"
    );
    let text = kubectl(&["describe", "tb", "waits", "-n", &desk.namespace])?;
    ensure!(text.contains("the Notebook iris has it on the node fake-0"), "{text}");
    for kind in ["tensorboard.spec.credentials", "pvcviewer.spec.networking", "pvcviewer.spec.podSpec.containers"] {
        kubectl(&["explain", kind])?;
    }
    Ok(())
}

/// Upstream's grow by an entry with each change.
#[tokio::test]
async fn conditions_are_one_a_type_and_move_with_their_status_only() -> Result<()> {
    let desk = Desk::new().await?;
    make::<Tensorboard>(&desk, "board", json!({"logspath": "s3://runs"})).await?;
    let mut first = None;
    for at in 0..6 {
        change::<Tensorboard>(&desk, "board", json!({"spec": {"image": format!("boards:{at}")}})).await?;
        let status = reaches::<Tensorboard>(&desk, "board", "Running").await?;
        let types: Vec<_> = status["conditions"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
        assert_eq!(types, ["Ready", "Stopped"]);
        let stopped = super::condition(&status, "Stopped")["lastTransitionTime"].clone();
        ensure!(stopped.is_string(), "{status}");
        assert_eq!(*first.get_or_insert(stopped.clone()), stopped, "it was never stopped");
    }
    let events = super::events::<Tensorboard>(&desk, "board").await?;
    ensure!(events.iter().all(|event| event == "Started"), "{events:?}");
    ensure!(status::<Tensorboard>(&desk, "board").await?["observedGeneration"].as_i64() >= Some(6));
    Ok(())
}
