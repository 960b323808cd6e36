//! Who works is not stopped, and who does not is: real servers, under Carrel as it is deployed, with a probe each 15 s
//! (`CARREL_PROBE_PERIOD` in its ConfigMap, which `cargo xtask test` sets).
//!
//! Each scene takes four to six minutes, nearly all of it waiting; they are meant to be run beside each other.

mod blocked;
mod cell;
mod ide;
mod snooze;
mod terminal;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use carrel_api::activity::{Activity, Evidence, LastStop, Signal, StopCause, Verdict, Vote};
use carrel_api::notebook::{Notebook, NotebookStatus};
use carrel_api::server::STOP_PENDING;
use carrel_api::vocabulary::{LAST_STOP, STOPPED};
use carrel_tests::{Desk, PATIENCE, Policy, eventually, within};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;
use xtask::jupyter::Server;

use crate::{JUPYTER, server};

/// For how long nobody may use a server, in all these scenes.
const LIMIT: SignedDuration = SignedDuration::from_secs(60);
/// How long before a stop it is announced.
const WARNING: SignedDuration = SignedDuration::from_secs(20);
/// How often Carrel asks each server.
const PERIOD: SignedDuration = SignedDuration::from_secs(15);
/// What a busy machine may need beside.
const SLACK: SignedDuration = SignedDuration::from_secs(15);

/// A notebook that runs under these rules. The policy goes first, so that nothing of it is left to say.
struct Lab {
    policy: Policy,
    desk: Desk,
}

const NAME: &str = "lab";

impl Lab {
    /// A notebook of this image, with these annotations, that runs.
    async fn open(image: &str, annotations: &str) -> Result<Self> {
        let desk = Desk::without_controllers().await?;
        let rules = json!({"idle": {"idleAfter": "1m", "warnBefore": "20s", "unknownAfter": "1m", "unknown": "Warn"}});
        let policy = Policy::set(&desk, rules).await?;
        let lab = Self { policy, desk };
        let container = format!(
            "{{name: {NAME}, image: '{image}', resources: {{requests: {{cpu: 50m, memory: 256Mi}}, limits: {{memory: 1Gi}}}},
               readinessProbe: {{tcpSocket: {{port: 8888}}, periodSeconds: 1}}}}"
        );
        lab.desk
            .create(&format!(
                "{{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {{name: {NAME}, annotations: {annotations}}},
                   spec: {{template: {{spec: {{containers: [{container}]}}}}}}}}"
            ))
            .await?;
        // Several start at once.
        within(PATIENCE * 2, "the start", async || lab.desk.reaches(NAME, "Running").await).await?;
        Ok(lab)
    }

    /// One with JupyterLab, which answers.
    async fn jupyter() -> Result<(Self, Server)> {
        let lab = Self::open(JUPYTER, "{}").await?;
        let jupyter = server(&lab.desk, NAME).await?;
        jupyter.wait_until_answers(PATIENCE)?;
        Ok((lab, jupyter))
    }

    async fn notebook(&self) -> Result<Notebook> {
        Ok(self.desk.api().get(NAME).await?)
    }

    /// Fails if the notebook is stopped before this time, or loses its pod.
    async fn runs_until(&self, time: Timestamp) -> Result<()> {
        let pod = self.desk.pod_uid(NAME).await?;
        while Timestamp::now() < time {
            let notebook = self.notebook().await?;
            ensure!(!notebook.annotations().contains_key(STOPPED), "stopped too early: {notebook:?}");
            ensure!(self.desk.pod_uid(NAME).await? == pod, "it is another pod");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// The same; and it is not even announced, from now on. (It may have been before it was asked while it was used.)
    async fn is_left_alone_until(&self, time: Timestamp) -> Result<()> {
        let before = self.events(STOP_PENDING).await?;
        self.runs_until(time).await?;
        let events = self.events(STOP_PENDING).await?;
        ensure!(events == before, "{events:?}");
        Ok(())
    }

    /// Waits for a verdict, and returns what is said of it.
    async fn is_found(&self, verdict: Verdict) -> Result<Activity> {
        let patience = Duration::try_from(PERIOD + LIMIT + SLACK)?;
        within(patience, "the verdict", async || {
            let status = self.desk.status(NAME).await?;
            let activity = status.life.activity.context("nothing is said of its activity")?;
            ensure!(activity.verdict == verdict, "{activity:?}");
            Ok(activity)
        })
        .await
    }

    /// Waits until a stop is announced, by a condition that names the policy, and an Event.
    async fn is_warned(&self) -> Result<NotebookStatus> {
        let patience = Duration::try_from(LIMIT + PERIOD + SLACK)?;
        let (status, said) = within(patience, "the warning", async || {
            let status = self.desk.status(NAME).await?;
            let condition = status.condition(STOP_PENDING).context("it is not announced")?;
            ensure!(condition.status == "True" && condition.reason.as_deref() == Some("Idle"), "{condition:?}");
            let said = condition.message.clone().unwrap_or_default();
            Ok((status, said))
        })
        .await?;
        ensure!(said.contains(&self.policy.name) && said.contains("1m is the limit"), "{said}");
        eventually("the Event of the warning", async || {
            let events = self.events(STOP_PENDING).await?;
            ensure!(events.iter().any(|event| event == &said), "{events:?}");
            Ok(())
        })
        .await?;
        Ok(status)
    }

    /// Waits until Carrel stops it, and checks that it says by whom and why, wherever it says so. Nobody used it since `idle`,
    /// which is known as well as `exactly`.
    async fn is_stopped(&self, idle: Timestamp, exactly: SignedDuration) -> Result<LastStop> {
        let patience = Duration::try_from(LIMIT + PERIOD + PERIOD + SLACK)?;
        let notebook = within(patience, "the stop", async || {
            let notebook = self.notebook().await?;
            ensure!(notebook.annotations().contains_key(STOPPED), "it runs: {:?}", notebook.status);
            Ok(notebook)
        })
        .await?;
        let stop: LastStop =
            serde_json::from_str(notebook.annotations().get(LAST_STOP).context("no evidence of the stop")?)?;
        ensure!(notebook.annotations().get(STOPPED) == Some(&stop.at.to_string()), "{notebook:?}");
        ensure!(stop.cause == StopCause::Idle && stop.by == self.policy.name, "{stop:?}");
        ensure!(stop.evidence.iter().any(|one| one.vote == Vote::Idle), "{stop:?}");
        let after = stop.at.duration_since(idle);
        ensure!(after >= LIMIT - exactly, "stopped {after} after it was last used: {stop:?}");
        ensure!(after <= LIMIT + PERIOD + exactly, "stopped only {after} after it was last used: {stop:?}");

        self.desk.is_gone::<Pod>(&format!("{NAME}-0")).await?;
        let status = self.desk.reaches(NAME, "StoppedByPolicy").await?;
        ensure!(status.life.last_stop.as_ref() == Some(&stop), "{status:?}");
        ensure!(status.life.activity.is_none() && status.condition(STOP_PENDING).is_none(), "{status:?}");
        println!("stopped {after:#} after the last use: {}", stop.message);
        Ok(stop)
    }

    /// The messages of the Events about the notebook with this reason.
    async fn events(&self, reason: &str) -> Result<Vec<String>> {
        let events = self.desk.api::<Event>().list(&ListParams::default()).await?;
        let about = |event: &Event| {
            event.involved_object.kind.as_deref() == Some("Notebook") && event.reason.as_deref() == Some(reason)
        };
        Ok(events.items.into_iter().filter(about).filter_map(|event| event.message).collect())
    }
}

/// What a signal said, if it was heard.
fn of(signal: Signal, evidence: &[Evidence]) -> Result<&Evidence> {
    match evidence.iter().find(|one| one.signal == signal) {
        Some(one) => Ok(one),
        None => bail!("no {signal:?} in {evidence:?}"),
    }
}
