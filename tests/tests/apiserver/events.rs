//! Events on the Notebook: one a change, never one a pass.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_tests::{Controllers, Desk, eventually};
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use serde_json::json;

/// The reasons of the Events on a Notebook, in the order in which they came.
pub(super) async fn said(desk: &Desk, name: &str) -> Result<Vec<String>> {
    let fields = format!("involvedObject.kind=Notebook,involvedObject.name={name}");
    let mut events = desk.api::<Event>().list(&ListParams::default().fields(&fields)).await?.items;
    events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
    Ok(events.into_iter().filter_map(|event| event.reason).collect())
}

async fn says(desk: &Desk, name: &str, expected: &[&str]) -> Result<()> {
    eventually(&format!("Events {expected:?}"), async || {
        let said = said(desk, name).await?;
        ensure!(said == expected, "{said:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_life_is_told_once() -> Result<()> {
    let mut desk = Desk::new().await?;
    desk.running("told").await?;
    says(&desk, "told", &["Created", "Started"]).await?;
    desk.annotate("told", "kubeflow-resource-stopped", Some("")).await?;
    desk.reaches("told", "StoppedByOwner").await?;
    desk.annotate("told", "kubeflow-resource-stopped", None).await?;
    desk.reaches("told", "Running").await?;
    let before = desk.pod_uid("told").await?;
    desk.annotate("told", "carrel.dev/restart-requested", Some("1")).await?;
    desk.pod_after("told", &before).await?;
    // What waits a moment before it is told is told by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    desk.reaches("told", "Running").await?;
    // A restart that takes less than a moment is not told as a start too.
    let (life, long) = (["Created", "Started", "Stopped", "Started", "Restarted"], "Started");
    let life = eventually("its life", async || {
        let said = said(&desk, "told").await?;
        ensure!(said == life || said == [&life[..], &[long]].concat(), "{said:?}");
        Ok(said)
    })
    .await?;
    let life: Vec<&str> = life.iter().map(String::as_str).collect();

    // Another process has nothing to add.
    desk.controllers.take().unwrap().stop().await?;
    let controllers = Controllers::of(&desk.namespace)?;
    controllers.ready().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    says(&desk, "told", &life).await
}

#[tokio::test]
async fn a_refusal_is_a_warning_with_its_sentence() -> Result<()> {
    let desk = Desk::new().await?;
    desk.notebook("wrong", "{containers: [{name: a, image: i, volumeMounts: [{name: none, mountPath: /x}]}]}").await?;
    desk.reaches("wrong", "Refused").await?;
    says(&desk, "wrong", &["Refused"]).await?;
    let events =
        desk.api::<Event>().list(&ListParams::default().fields("involvedObject.name=wrong,reason=Refused")).await?;
    let event = &events.items[0];
    ensure!(event.type_.as_deref() == Some("Warning"));
    ensure!(event.message.as_deref().unwrap_or_default().contains("Not found: \"none\""), "{event:?}");
    Ok(())
}

/// Upstream takes an Event's own name for a Notebook's.
#[tokio::test]
async fn an_event_that_is_named_like_a_notebook_moves_nothing() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("calm").await?;
    says(&desk, "calm", &["Created", "Started"]).await?;
    desk.writes_within(Duration::from_secs(1)).await?;
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "calm"}, "reason": "FailedCreate", "type": "Warning",
        "message": "not about anything here", "involvedObject": {"kind": "StatefulSet", "name": "other", "namespace": desk.namespace, "uid": "x"}});
    desk.create(&event.to_string()).await?;
    assert_eq!(desk.writes_within(Duration::from_secs(2)).await?, [""; 0]);
    Ok(())
}

/// As Kubeflow does, but once: not again when its count grows, when the controller starts anew, or for what is no warning.
#[tokio::test]
async fn a_warning_of_a_child_is_issued_again_on_the_notebook_once() -> Result<()> {
    let mut desk = Desk::new().await?;
    desk.notebook("big", "{containers: [{name: a, image: i, resources: {limits: {nvidia.com/gpu: 1000}}}]}").await?;
    let said = eventually("a reissued Event", async || {
        let said = reissued(&desk).await?;
        ensure!(!said.is_empty(), "none yet");
        Ok(said)
    })
    .await?;
    ensure!(said[0].starts_with("Reissued from pod/big-0: 0/"), "{said:?}");
    let pod = desk.api::<k8s_openapi::api::core::v1::Pod>().get("big-0").await?;
    let about = json!({"kind": "Pod", "name": "big-0", "namespace": desk.namespace, "uid": pod.metadata.uid});
    let event = |name: &str, type_: &str, message: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "reason": "FailedScheduling", "type": type_,
            "message": message, "involvedObject": about, "lastTimestamp": jiff::Timestamp::now().to_string()})
    };
    desk.create(&event("calm", "Normal", "all is well").to_string()).await?;
    for at in 0..40 {
        desk.create(&event(&format!("noise-{at}"), "Warning", &format!("noise {at}")).to_string()).await?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let said = reissued(&desk).await?;
    ensure!(said.iter().all(|words| !words.contains("all is well")), "{said:?}");
    ensure!((2..=11).contains(&said.len()), "one noisy pod is bounded: {}", said.len());

    desk.controllers.take().unwrap().stop().await?;
    desk.controllers = Some(Controllers::of(&desk.namespace)?);
    desk.controllers.as_ref().unwrap().ready().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(reissued(&desk).await?.len(), said.len(), "history is not told again");
    Ok(())
}

/// The messages of the Events that were issued again on the Notebook `big`.
async fn reissued(desk: &Desk) -> Result<Vec<String>> {
    let fields = "involvedObject.kind=Notebook,involvedObject.name=big,reason=FailedScheduling";
    let events = desk.api::<Event>().list(&ListParams::default().fields(fields)).await?.items;
    Ok(events.into_iter().filter_map(|event| event.message).collect())
}
