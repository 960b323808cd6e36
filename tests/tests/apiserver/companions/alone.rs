//! A claim that one pod can have: a companion waits while another has it, and gives it to a Notebook that waits.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::Desk;
use kube::api::DeleteParams;
use serde_json::json;

use super::{NODES, Volumes, board, deployment, events, notebook_on, on, pods, reaches, sentence, viewer};

const STOP: &str = "kubeflow-resource-stopped";
const RWOP: &str = "ReadWriteOncePod";

#[tokio::test]
async fn it_waits_while_a_notebook_has_the_claim_and_says_who_and_where() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWOP)]).await?;
    notebook_on(&desk, "iris", "data", &on(NODES[0])).await?;
    desk.reaches("iris", "Running").await?;
    board(&desk, "board", "data").await?;
    let status = reaches::<Tensorboard>(&desk, "board", "VolumeBusyElsewhere").await?;
    assert_eq!((&status["phase"], &status["readyReplicas"]), (&json!("Starting"), &json!(0)));
    let said = sentence(&status);
    ensure!(said.contains("the claim data") && said.contains("the Notebook iris has it on the node fake-0"), "{said}");
    ensure!(said.contains("starts by itself"), "{said}");
    assert_eq!(deployment(&desk, "board").await?["spec"]["replicas"], 0, "no pod stands in its way");
    desk.rests(Duration::from_secs(3)).await?;
    desk.annotate("iris", STOP, Some("")).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;

    // Who waits for the claim gets it.
    desk.annotate("iris", STOP, None).await?;
    desk.reaches("iris", "Running").await?;
    carrel_tests::eventually("the holder and its node", async || {
        let said = sentence(&reaches::<Tensorboard>(&desk, "board", "VolumeBusyElsewhere").await?);
        ensure!(said.contains("the Notebook iris has it on the node fake-0"), "{said}");
        Ok(())
    })
    .await?;
    ensure!(pods::<Tensorboard>(&desk, "board").await?.is_empty());
    let events = events::<Tensorboard>(&desk, "board").await?;
    ensure!(events.first().is_some_and(|first| first == "VolumeBusyElsewhere"), "{events:?}");
    ensure!(events.contains(&"Started".to_owned()) && events.len() <= 4, "{events:?}");
    Ok(())
}

#[tokio::test]
async fn of_two_companions_one_has_the_claim_and_the_other_waits_for_it() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWOP)]).await?;
    viewer(&desk, "one", "data").await?;
    reaches::<PvcViewer>(&desk, "one", "Running").await?;
    board(&desk, "board", "data").await?;
    viewer(&desk, "two", "data").await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "board", "VolumeBusyElsewhere").await?);
    ensure!(said.contains("the PVCViewer one has it on the node"), "{said}");
    reaches::<PvcViewer>(&desk, "two", "VolumeBusyElsewhere").await?;
    desk.rests(Duration::from_secs(4)).await.context("nobody swaps")?;
    reaches::<PvcViewer>(&desk, "one", "Running").await?;
    desk.api::<PvcViewer>().delete("two", &DeleteParams::default()).await?;
    desk.api::<PvcViewer>().delete("one", &DeleteParams::default()).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    Ok(())
}

/// Both are made at once, each while the other has no pod yet.
#[tokio::test]
async fn two_that_start_at_once_settle() -> Result<()> {
    let mut desk = Desk::without_controllers().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWOP)]).await?;
    board(&desk, "board", "data").await?;
    viewer(&desk, "files", "data").await?;
    desk.restart_with(&[]).await?;
    carrel_tests::eventually("one that runs and one that waits", async || {
        let reason = |status: serde_json::Value| super::condition(&status, "Ready")["reason"].clone();
        let mut both = [
            reason(super::status::<Tensorboard>(&desk, "board").await?),
            reason(super::status::<PvcViewer>(&desk, "files").await?),
        ];
        both.sort_by_key(ToString::to_string);
        ensure!(both == [json!("Running"), json!("VolumeBusyElsewhere")], "{both:?}");
        Ok(())
    })
    .await?;
    desk.rests(Duration::from_secs(4)).await.context("nobody swaps")?;
    Ok(())
}
