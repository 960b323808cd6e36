//! What is said of a Notebook.

use std::time::Duration;

use anyhow::Result;
use carrel_api::notebook::{Notebook, Phase};
use carrel_tests::Desk;
use kube::ResourceExt;
use kube::api::PatchParams;
use serde_json::{Value, json};

#[tokio::test]
async fn a_running_notebooks_status_is_kubeflows_and_more_and_comes_to_rest() -> Result<()> {
    let desk = Desk::new().await?;
    let status = desk.running("calm").await?;
    assert_eq!((status.ready_replicas, status.phase, status.reason), (1, Some(Phase::Running), None));
    assert!(status.container_state.running.is_some());
    let types: Vec<_> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!(types[..2], ["Ready", "Stopped"], "ours first");
    for mirrored in ["PodScheduled", "Initialized", "ContainersReady"] {
        assert_eq!(types.iter().filter(|type_| **type_ == mirrored).count(), 1, "{types:?}");
    }
    assert_eq!(types.iter().filter(|type_| **type_ == "Ready").count(), 1);
    assert!(status.conditions.iter().all(|condition| condition.reason.is_none() || condition.message.is_some()));

    // Upstream writes the present into each condition, and never rests.
    let version = desk.api::<Notebook>().get("calm").await?.resource_version();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(desk.api::<Notebook>().get("calm").await?.resource_version(), version);
    Ok(())
}

/// With `generateName`, or in Kubeflow's own load test, the container is not called like the Notebook.
#[tokio::test]
async fn a_container_of_another_name_has_a_state_too() -> Result<()> {
    let desk = Desk::new().await?;
    desk.notebook("named", "{containers: [{name: other, image: i}, {name: side, image: i}]}").await?;
    let status = desk.reaches("named", "Running").await?;
    assert!(status.container_state.running.is_some());
    Ok(())
}

/// What another writer (upstream's controller, before) left in a status does not stay.
#[tokio::test]
async fn a_status_of_another_writer_is_replaced_whole() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    desk.notebook("old", "{containers: [{name: old, image: i}]}").await?;
    let theirs = json!({"status": {
        "conditions": [{"type": "Running", "status": "True", "lastProbeTime": "2020-01-01T00:00:00Z"}],
        "containerState": {"terminated": {"exitCode": 1}}, "readyReplicas": 1,
    }});
    let api = desk.api::<Notebook>();
    api.patch_status("old", &PatchParams::default(), &kube::api::Patch::Merge(&theirs)).await?;
    let controllers = carrel_tests::Controllers::of(&desk.namespace)?;
    let status: Value = serde_json::to_value(desk.reaches("old", "Running").await?)?;
    assert!(status["containerState"]["terminated"].is_null(), "{status}");
    assert!(status["conditions"].as_array().unwrap().iter().all(|condition| condition["type"] != "Running"));
    drop(controllers);
    Ok(())
}
