//! Servers that are asked whether they are used, and what policies make of the answers. A stand-in for the server answers at
//! the address of a pod on its host's network.

mod beside;
mod idle;
mod rules;
mod wishes;

use anyhow::{Context, Result, ensure};
use carrel_api::activity::{LastStop, Verdict};
use carrel_api::notebook::{Notebook, NotebookStatus};
use carrel_api::vocabulary::{LAST_STOP, STOPPED};
use carrel_tests::{Desk, StandIn, eventually};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

/// A running Notebook `name` whose server is the stand-in.
async fn running(desk: &Desk, name: &str, server: &StandIn) -> Result<NotebookStatus> {
    desk.notebook(name, &server.pod_spec()).await?;
    desk.reaches(name, "Running").await
}

/// Waits until the status says this of the server.
async fn is(desk: &Desk, name: &str, verdict: Verdict) -> Result<NotebookStatus> {
    eventually(&format!("{verdict:?} of {name}"), async || {
        let status = desk.status(name).await?;
        ensure!(status.life.activity.as_ref().map(|activity| activity.verdict) == Some(verdict), "{status:?}");
        Ok(status)
    })
    .await
}

/// Waits for a condition of this type, and gives its reason and message.
async fn has(desk: &Desk, name: &str, type_: &str) -> Result<(String, String)> {
    eventually(&format!("{type_} of {name}"), async || {
        let status = desk.status(name).await?;
        let found = status.condition(type_).with_context(|| format!("{status:?}"))?;
        Ok((found.reason.clone().unwrap_or_default(), found.message.clone().unwrap_or_default()))
    })
    .await
}

/// Waits until no condition of this type is left.
async fn has_no(desk: &Desk, name: &str, type_: &str) -> Result<NotebookStatus> {
    eventually(&format!("the end of {type_} of {name}"), async || {
        let status = desk.status(name).await?;
        ensure!(status.condition(type_).is_none(), "{status:?}");
        Ok(status)
    })
    .await
}

/// Waits until Carrel stopped it, pod and all, and gives what is written of that.
async fn stops(desk: &Desk, name: &str) -> Result<LastStop> {
    desk.reaches(name, "StoppedByPolicy").await?;
    desk.is_gone::<Pod>(&format!("{name}-0")).await?;
    let notebook = desk.api::<Notebook>().get(name).await?;
    let written: LastStop =
        serde_json::from_str(notebook.annotations().get(LAST_STOP).context("no note of the stop")?)?;
    assert_eq!(notebook.annotations().get(STOPPED), Some(&written.at.to_string()));
    let status = desk.status(name).await?;
    assert_eq!(status.life.last_stop.as_ref(), Some(&written));
    Ok(written)
}
