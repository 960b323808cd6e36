//! What can't be done is said, and disturbs nobody else.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_api::notebook::Phase;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use kube::api::DeleteParams;

#[tokio::test]
async fn a_child_that_the_api_server_refuses_is_told_with_its_answer() -> Result<()> {
    let desk = Desk::new().await?;
    desk.notebook("wrong", "{containers: [{name: a, image: i, volumeMounts: [{name: none, mountPath: /x}]}]}").await?;
    let status = desk.reaches("wrong", "Refused").await?;
    assert_eq!(status.phase, Some(Phase::Error));
    let message = status.condition("Ready").unwrap().message.clone().unwrap();
    assert!(message.contains("volumeMounts[0].name: Not found: \"none\""), "{message}");
    desk.running("right").await?;
    desk.rests(Duration::from_secs(4)).await?;
    desk.change(
        "wrong",
        serde_json::json!({"spec": {"template": {"spec": {"volumes": [{"name": "none", "emptyDir": {}}]}}}}),
    )
    .await?;
    desk.reaches("wrong", "Running").await?;
    Ok(())
}

/// Upstream overwrites a Service of the same name, whoever made it.
#[tokio::test]
async fn a_service_of_somebody_else_is_left_alone_until_it_goes() -> Result<()> {
    let desk = Desk::new().await?;
    let theirs = "{apiVersion: v1, kind: Service, metadata: {name: shared},
        spec: {selector: {app: theirs}, ports: [{name: http, port: 80, targetPort: 6006}]}}";
    desk.create(theirs).await?;
    let before = desk.service("shared").await?;
    desk.notebook("shared", "{containers: [{name: a, image: i}]}").await?;
    let status = desk.reaches("shared", "NameTaken").await?;
    let message = status.condition("Ready").unwrap().message.clone().unwrap();
    assert!(message.contains("the Service shared belongs to"), "{message}");
    let after = desk.service("shared").await?;
    assert_eq!(before.resource_version(), after.resource_version(), "untouched");
    desk.api::<Service>().delete("shared", &DeleteParams::default()).await?;
    desk.reaches("shared", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn a_stateful_set_of_somebody_else_is_left_alone() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create(
        "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {selector: {matchLabels: {app: db}}, replicas: 1,
          template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: db}]}}}}",
    )
    .await?;
    eventually("its pod", async || Ok(desk.api::<Pod>().get("db-0").await?)).await?;
    desk.notebook("db", "{containers: [{name: a, image: i}]}").await?;
    desk.reaches("db", "NameTaken").await?;
    let set = desk.stateful_set("db").await?;
    ensure!(set.owner_references().is_empty() && set.annotations().is_empty());
    assert_eq!(set.spec.template.spec.unwrap().containers[0].name, "db");
    Ok(())
}
