//! What stands beside a notebook that runs and writes: the volume that was asked for, a TensorBoard, a viewer of its files.

use anyhow::{Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_api::vocabulary::STOPPED;
use carrel_api::volume_request::{VolumeRequest, VolumeRequestStatus};
use carrel_tests::{Desk, PATIENCE, eventually};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use xtask::jupyter::Server;
use xtask::tensorboard::{Board, Point};
use xtask::web;

use crate::companions::{address, desk, reaches, upload};
use crate::{pod_spec, server};

const REQUEST: &str =
    "{apiVersion: carrel.dev/v1alpha1, kind: VolumeRequest, metadata: {name: home}, spec: {size: 1Gi}}";

const BOARD: &str = "{apiVersion: tensorboard.kubeflow.org/v1alpha1, kind: Tensorboard, metadata: {name: runs},
    spec: {logspath: 'pvc://home/runs'}}";

const VIEWER: &str = "{apiVersion: kubeflow.org/v1alpha1, kind: PVCViewer, metadata: {name: files},
    spec: {pvc: home, rwoScheduling: true, networking: {targetPort: 8080, basePrefix: /pvcviewer, rewrite: /}}}";

/// A training that goes on: its file stays open. (`flush` would not wait for the last points.)
const TRAINING: &str = "
import time
from tensorboardX import SummaryWriter
writer = SummaryWriter('runs/one', flush_secs=1)
writer.add_scalar('loss', 0.5, 0)
writer.add_scalar('loss', 0.25, 1)
";

const NEXT_STEP: &str = "writer.add_scalar('loss', 0.125, 2)";

/// A notebook that answers, on the claim that a VolumeRequest made.
async fn lab(desk: &Desk) -> Result<Server> {
    desk.create(REQUEST).await?;
    desk.notebook("lab", &pod_spec("lab")).await?;
    desk.reaches("lab", "Running").await?;
    let lab = server(desk, "lab").await?;
    lab.wait_until_answers(PATIENCE)?;
    Ok(lab)
}

/// Waits until TensorBoard shows these values, one a step.
async fn shows(board: &Board, values: &[f64]) -> Result<()> {
    let expected: Vec<_> = (0..).zip(values).map(|(step, value)| Point { step, value: *value }).collect();
    eventually("the points", async || {
        let points = board.curve("one", "loss")?;
        ensure!(points == expected, "{points:?}");
        Ok(())
    })
    .await
}

/// Waits until the VolumeRequest's status names these as the ones who mount its claim.
async fn is_used_by(desk: &Desk, expected: &[(&str, &str)]) -> Result<VolumeRequestStatus> {
    eventually("the users of the volume", async || {
        let request = desk.api::<VolumeRequest>().get("home").await?;
        let status = request.status.and_then(|status| status.valid().cloned()).unwrap_or_default();
        let users: Vec<_> = status.used_by.iter().map(|user| (user.kind.as_str(), user.name.as_str())).collect();
        ensure!(users == expected, "{status:?}");
        Ok(status)
    })
    .await
}

async fn stop(desk: &Desk, board: &str, since: Option<&str>) -> Result<()> {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {STOPPED: since}}}));
    desk.api::<Tensorboard>().patch(board, &PatchParams::default(), &patch).await?;
    Ok(())
}

#[tokio::test]
async fn a_tensorboard_shows_what_a_notebooks_kernel_writes_while_it_writes() -> Result<()> {
    let desk = desk().await?;
    let lab = lab(&desk).await?;
    let pod = desk.pod_uid("lab").await?;
    let kernel = lab.kernel()?;
    kernel.run(TRAINING)?;

    desk.create(BOARD).await?;
    reaches::<Tensorboard>(&desk, "runs", "Running").await?;
    let board = Board::at(&address(&desk, "runs").await?);
    shows(&board, &[0.5, 0.25]).await?;
    ensure!(board.has_curves()?);
    kernel.run(NEXT_STEP)?;
    shows(&board, &[0.5, 0.25, 0.125]).await?;

    let status = is_used_by(&desk, &[("Notebook", "lab"), ("Tensorboard", "runs")]).await?;
    ensure!(status.condition("Ready").is_some_and(|ready| ready.status == "True"), "{status:?}");
    ensure!(status.capacity.as_deref() == Some("1Gi") && status.used_by[0].node.is_some(), "{status:?}");
    ensure!(desk.pod_uid("lab").await? == pod, "another pod of the notebook");

    let of_board = status.used_by[1].pod.clone();
    stop(&desk, "runs", Some("2026-01-01T00:00:00Z")).await?;
    desk.is_gone::<Pod>(&of_board).await?;
    reaches::<Tensorboard>(&desk, "runs", "StoppedByOwner").await?;
    is_used_by(&desk, &[("Notebook", "lab")]).await?;
    stop(&desk, "runs", None).await?;
    reaches::<Tensorboard>(&desk, "runs", "Running").await?;
    shows(&board, &[0.5, 0.25, 0.125]).await?;
    kernel.remove()
}

#[tokio::test]
async fn a_viewer_lists_and_opens_what_a_notebooks_kernel_wrote() -> Result<()> {
    let desk = desk().await?;
    let lab = lab(&desk).await?;
    lab.run("open('notes.txt', 'w').write('written by a kernel')")?;
    desk.create(VIEWER).await?;
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    is_used_by(&desk, &[("Notebook", "lab"), ("PVCViewer", "files")]).await?;

    let base = format!("/pvcviewer/{}/files", desk.namespace);
    let site = address(&desk, "pvcviewer-files").await?;
    let file = format!("{base}/download/notes.txt");
    eventually("the viewer's page", async || {
        let page = web::text(&format!("{site}{base}/"))?;
        ensure!(page.contains(&format!("href=\"{file}\"")), "{page}");
        Ok(())
    })
    .await?;
    ensure!(web::text(&format!("{site}{file}"))? == "written by a kernel");
    // It does not see the path where a route cuts it off.
    ensure!(web::text(&format!("{site}/download/notes.txt"))? == "written by a kernel");

    // What is put there through its page, the notebook has.
    upload(&format!("{site}{base}/upload/"), "sent.txt", "sent by a person")?;
    let read = lab.run("print(open('sent.txt').read())")?;
    ensure!(read.text.trim() == "sent by a person", "{read:?}");
    Ok(())
}
