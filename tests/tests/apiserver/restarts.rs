//! A running pod ends for two reasons only: its owner edited the template, or asked for it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::notebook::Notebook;
use carrel_tests::{Audit, Controllers, Desk, eventually};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

const REQUEST: &str = "carrel.dev/restart-requested";
const ODH: &str = "notebooks.opendatahub.io/notebook-restart";

fn image(name: &str, image: &str) -> serde_json::Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": name, "image": image}]}}}})
}

/// How often Carrel ended the pod of a Notebook.
async fn ended(desk: &Desk, name: &str) -> Result<usize> {
    Audit::settle().await;
    let word = format!("delete pods {name}-0");
    Ok(Audit::given()?.writes(&desk.namespace)?.iter().filter(|write| **write == word).count())
}

#[tokio::test]
async fn each_request_restarts_once() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("asked").await?;
    for value in ["1", "now please"] {
        let before = desk.pod_uid("asked").await?;
        desk.annotate("asked", REQUEST, Some(value)).await?;
        desk.pod_after("asked", &before).await?;
        desk.reaches("asked", "Running").await?;
    }
    // Taking the request back asks for nothing, and nothing waits.
    let before = desk.pod_uid("asked").await?;
    desk.annotate("asked", REQUEST, None).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(desk.pod_uid("asked").await?, before);
    ensure!(desk.status("asked").await?.condition("RestartRequired").is_none());
    assert_eq!(ended(&desk, "asked").await?, 2);
    Ok(())
}

#[tokio::test]
async fn open_data_hubs_request_restarts_once_and_is_taken_away() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("odh").await?;
    let before = desk.pod_uid("odh").await?;
    desk.annotate("odh", ODH, Some("true")).await?;
    desk.pod_after("odh", &before).await?;
    desk.reaches("odh", "Running").await?;
    let notebook = desk.api::<Notebook>().get("odh").await?;
    ensure!(!notebook.annotations().contains_key(ODH), "{:?}", notebook.annotations());
    let before = desk.pod_uid("odh").await?;
    desk.annotate("odh", ODH, Some("true")).await?;
    desk.pod_after("odh", &before).await?;
    assert_eq!(ended(&desk, "odh").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_controller_that_dies_in_the_middle_restarts_no_pod_twice() -> Result<()> {
    let mut desk = Desk::new().await?;
    desk.running("torn").await?;
    let mut uid = desk.pod_uid("torn").await?;
    for at in 0..5 {
        desk.annotate("torn", REQUEST, Some(&at.to_string())).await?;
        // At another moment each time: before the first write, between two, or after all.
        tokio::time::sleep(Duration::from_millis(15 * at)).await;
        desk.controllers.as_ref().unwrap().signal("KILL")?;
        desk.controllers = Some(Controllers::of(&desk.namespace)?);
        let next = desk.pod_after("torn", &uid).await?.uid().unwrap();
        desk.reaches("torn", "Running").await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        uid = desk.pod_uid("torn").await?;
        assert_eq!(uid, next, "once");
    }
    Ok(())
}

#[tokio::test]
async fn an_owner_may_have_edits_wait_for_the_next_stop() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("later").await?;
    let before = desk.pod_uid("later").await?;
    desk.annotate("later", "carrel.dev/update-policy", Some("OnStop")).await?;
    desk.change("later", image("later", "newer")).await?;
    let message = eventually("RestartRequired", async || {
        let status = desk.status("later").await?;
        let condition = status.condition("RestartRequired").cloned();
        let message = condition.and_then(|condition| condition.message).unwrap_or_default();
        ensure!(message.contains("spec.containers[name=later].image: jupyter -> newer"), "{message}");
        Ok(message)
    })
    .await?;
    ensure!(!message.contains("carrel.dev/owner-template"), "no bookkeeping: {message}");
    assert_eq!(desk.pod_uid("later").await?, before);
    // And back again: nothing waits any more.
    desk.change("later", image("later", "jupyter")).await?;
    no_restart_required(&desk, "later").await?;
    desk.change("later", image("later", "newer")).await?;
    desk.annotate("later", "kubeflow-resource-stopped", Some("")).await?;
    desk.is_gone::<Pod>("later-0").await?;
    desk.annotate("later", "kubeflow-resource-stopped", None).await?;
    let pod = desk.pod_after("later", &before).await?;
    assert_eq!(pod.spec.unwrap().containers[0].image.as_deref(), Some("newer"));
    no_restart_required(&desk, "later").await?;
    assert_eq!(ended(&desk, "later").await?, 0);
    Ok(())
}

async fn no_restart_required(desk: &Desk, name: &str) -> Result<()> {
    eventually("the end of RestartRequired", async || {
        let status = desk.status(name).await?;
        ensure!(status.condition("RestartRequired").is_none(), "{status:?}");
        ensure!(!desk.stateful_set(name).await?.annotations().contains_key("carrel.dev/waiting"));
        Ok(())
    })
    .await
}

/// A PodDefault's label, or a queue's: it reaches StatefulSet and template at once, and the pod when it next starts.
#[tokio::test]
async fn a_label_reaches_the_template_and_waits_for_the_pod() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("queued").await?;
    let before = desk.pod_uid("queued").await?;
    let label = json!({"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "gpu"}}});
    desk.change("queued", label).await?;
    eventually("RestartRequired", async || {
        let status = desk.status("queued").await?;
        let message = status.condition("RestartRequired").and_then(|c| c.message.clone()).unwrap_or_default();
        ensure!(message.contains("metadata.labels.kueue.x-k8s.io/queue-name: nothing -> gpu"), "{message}");
        Ok(())
    })
    .await?;
    let set = desk.stateful_set("queued").await?;
    assert_eq!(set.labels()["kueue.x-k8s.io/queue-name"], "gpu");
    assert_eq!(desk.pod_uid("queued").await?, before);
    desk.annotate("queued", REQUEST, Some("1")).await?;
    let pod = desk.pod_after("queued", &before).await?;
    assert_eq!(pod.labels()["kueue.x-k8s.io/queue-name"], "gpu");
    no_restart_required(&desk, "queued").await
}

/// Replicas with different defaults, as in the middle of an upgrade of Carrel, of which now the one leads and now the other.
#[tokio::test]
async fn replicas_that_differ_take_turns_and_restart_nothing() -> Result<()> {
    let mut desk = Desk::new().await?;
    desk.running("calm").await?;
    let before = desk.pod_uid("calm").await?;
    for _ in 0..2 {
        desk.restart_with(&["--add-fsgroup=false"]).await?;
        let message = eventually("RestartRequired", async || {
            let status = desk.status("calm").await?;
            let condition = status.condition("RestartRequired").cloned().context("nothing waits")?;
            Ok(condition.message.unwrap_or_default())
        })
        .await?;
        ensure!(message.contains("fields that were removed"), "{message}");
        desk.rests(Duration::from_secs(2)).await?;
        desk.restart_with(&[]).await?;
        no_restart_required(&desk, "calm").await?;
        desk.rests(Duration::from_secs(2)).await?;
    }
    assert_eq!(desk.pod_uid("calm").await?, before);
    assert_eq!(ended(&desk, "calm").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_wrong_update_policy_is_told_and_touches_nothing() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("wrong").await?;
    let before = desk.pod_uid("wrong").await?;
    desk.annotate("wrong", "carrel.dev/update-policy", Some("Never")).await?;
    let status = desk.reaches("wrong", "InvalidSpec").await?;
    let message = status.condition("Ready").unwrap().message.clone().unwrap();
    ensure!(message.contains("must be AtOnce or OnStop"), "{message}");
    assert_eq!(desk.pod_uid("wrong").await?, before);
    Ok(())
}
