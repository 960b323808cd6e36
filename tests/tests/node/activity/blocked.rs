//! A server that Carrel does not reach any more.

use anyhow::{Result, ensure};
use carrel_api::activity::{Signal, Verdict, Vote};
use carrel_api::server::ACTIVITY_UNKNOWN;
use carrel_tests::{Blocked, kubectl, within};
use jiff::Timestamp;

use crate::carrel_pod::leader;

use super::{LIMIT, Lab, NAME, PERIOD, SLACK, WARNING, of};

/// The address of the Carrel that asks, which is the one that leads.
async fn carrel() -> Result<String> {
    kubectl(&["get", "pod", &leader().await?, "-n", "carrel-system", "-o", "jsonpath={.status.podIP}"])
}

#[tokio::test]
async fn a_stop_that_was_announced_does_not_come_while_the_last_probe_is_blocked() -> Result<()> {
    let (lab, _) = Lab::jupyter().await?;
    lab.is_warned().await?;
    let blocked = Blocked::from(&carrel().await?, &lab.desk.pod_uid(NAME).await?)?;
    // Twice the time after which it would have been stopped.
    lab.runs_until(Timestamp::now() + LIMIT + LIMIT).await?;

    let unknown = lab.is_found(Verdict::Unknown).await?;
    ensure!(of(Signal::Kernels, &unknown.evidence)?.vote == Vote::Unknown, "{unknown:?}");
    let said = within((LIMIT + PERIOD + SLACK).try_into()?, "the condition", async || {
        let status = lab.desk.status(NAME).await?;
        let said = status.condition(ACTIVITY_UNKNOWN).and_then(|condition| condition.message.clone());
        ensure!(said.is_some(), "{status:?}");
        Ok(said.unwrap_or_default())
    })
    .await?;
    ensure!(said.contains("no answer in time") && said.contains("not stopped"), "{said}");
    ensure!(lab.events(ACTIVITY_UNKNOWN).await? == [said], "the Event");

    // When it answers again it is stopped, but not before a new warning.
    let lifted = carrel_api::whole_seconds(Timestamp::now());
    blocked.lift()?;
    lab.is_stopped(lifted, LIMIT - WARNING).await.map(drop)
}
