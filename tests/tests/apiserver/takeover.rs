//! Notebooks that Kubeflow's controller runs already come under Carrel without a restart.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_tests::{Controllers, Desk, OfKubeflow, eventually};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::ListParams;
use serde_json::json;

#[tokio::test]
async fn a_running_notebook_is_taken_over_without_a_restart() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let names = ["one", "two", "three"];
    let mut pods = Vec::new();
    for name in names {
        pods.push(OfKubeflow { desk: &desk, name, image: "jupyter" }.make().await?);
    }
    let controllers = Controllers::of(&desk.namespace)?;
    for (name, uid) in names.iter().zip(&pods) {
        desk.reaches(name, "Running").await?;
        eventually("the takeover", async || {
            let set = desk.stateful_set(name).await?;
            let strategy = set.spec.update_strategy.and_then(|strategy| strategy.type_);
            ensure!(strategy.as_deref() == Some("OnDelete"), "{strategy:?}");
            Ok(())
        })
        .await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        ensure!(desk.pod_uid(name).await? == *uid, "{name} was restarted");
    }
    let events = desk.api::<Event>().list(&ListParams::default().fields("involvedObject.kind=Notebook")).await?;
    let reasons: Vec<_> = events.items.iter().filter_map(|event| event.reason.as_deref()).collect();
    ensure!(!reasons.contains(&"NameTaken"), "nothing was in the way: {reasons:?}");

    // From now on its owner's edits and requests count, once each.
    // What the owner removes goes, though another controller set it: a renamed container leaves none of the old name.
    let edit = json!({"spec": {"template": {"spec": {"containers": [{"name": "renamed", "image": "newer"}]}}}});
    desk.change("one", edit).await?;
    let pod: Pod = desk.pod_after("one", &pods[0]).await?;
    let containers = pod.spec.unwrap().containers;
    let names: Vec<_> = containers.iter().map(|container| container.name.as_str()).collect();
    ensure!(names == ["renamed"], "{names:?}");
    ensure!(containers[0].image.as_deref() == Some("newer"));
    desk.reaches("one", "Running").await?;
    desk.annotate("two", "carrel.dev/restart-requested", Some("new")).await?;
    desk.pod_after("two", &pods[1]).await?;
    ensure!(desk.pod_uid("three").await? == pods[2]);

    // Also after Carrel itself starts anew.
    controllers.stop().await?;
    let _controllers = Controllers::of(&desk.namespace)?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(desk.pod_uid("three").await? == pods[2]);
    desk.annotate("three", "carrel.dev/restart-requested", Some("new")).await?;
    desk.pod_after("three", &pods[2]).await?;
    Ok(())
}
