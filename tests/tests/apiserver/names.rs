//! Names that Kubernetes would not take for a child, and names that others have.

use anyhow::{Result, ensure};
use carrel_api::notebook::Notebook;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};

/// Upstream accepts all of these and is stuck with each in another way.
#[tokio::test]
async fn any_name_that_a_notebook_can_have_works() -> Result<()> {
    let desk = Desk::new().await?;
    let names = [
        "n".repeat(52),
        "n".repeat(53),
        "n".repeat(58),
        "n".repeat(63),
        format!("{}-end", "long-".repeat(40)),
        "2fast".to_owned(),
        "with.dots.in-it".to_owned(),
    ];
    for name in &names {
        desk.notebook(name, "{containers: [{name: main, image: i}]}").await?;
    }
    for name in &names {
        let status = desk.reaches(name, "Running").await?;
        ensure!(status.container_state.running.is_some(), "{name}");
    }
    // Found again by label and owner, and reached under their own names.
    let pods = desk.api::<Pod>().list(&ListParams::default()).await?;
    ensure!(pods.items.len() == names.len());
    for name in &names {
        let of_it = |pod: &&Pod| pod.annotations().get("carrel.dev/notebook") == Some(name);
        let pod = pods.items.iter().find(of_it).unwrap();
        ensure!(name.len() > 63 || pod.labels().get("notebook-name") == Some(name), "{name}");
        let env = pod.spec.as_ref().unwrap().containers[0].env.as_ref().unwrap();
        let path = format!("/notebook/{}/{name}", desk.namespace);
        ensure!(env[0].value.as_ref() == Some(&path));
    }
    // They live and end like any other.
    desk.annotate("2fast", "kubeflow-resource-stopped", Some("")).await?;
    desk.reaches("2fast", "StoppedByOwner").await?;
    desk.api::<Notebook>().delete(&names[4], &DeleteParams::foreground()).await?;
    desk.is_gone::<Notebook>(&names[4]).await?;
    eventually("the end of its children", async || {
        let sets = desk.api::<StatefulSet>().list(&ListParams::default()).await?;
        let services = desk.api::<Service>().list(&ListParams::default()).await?;
        ensure!(sets.items.len() == names.len() - 1 && services.items.len() == names.len() - 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_generated_name_works() -> Result<()> {
    let desk = Desk::new().await?;
    let made = desk
        .create(
            "{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {generateName: nb-},
              spec: {template: {spec: {containers: [{name: server, image: i}]}}}}",
        )
        .await?;
    let status = desk.reaches(made["metadata"]["name"].as_str().unwrap(), "Running").await?;
    ensure!(status.container_state.running.is_some());
    Ok(())
}

#[tokio::test]
async fn two_notebooks_never_share_a_child() -> Result<()> {
    let desk = Desk::new().await?;
    let long = "team-alpha-".repeat(6) + "x";
    let spec = "{containers: [{name: main, image: i}]}";
    desk.notebook(&long, spec).await?;
    desk.reaches(&long, "Running").await?;
    let sets = desk.api::<StatefulSet>().list(&ListParams::default()).await?;
    let derived = sets.items[0].name_any();
    ensure!(derived.len() <= 52 && derived != long);
    // One that is called what the other's children are called.
    desk.notebook(&derived, spec).await?;
    desk.reaches(&derived, "Running").await?;
    let sets = desk.api::<StatefulSet>().list(&ListParams::default()).await?;
    ensure!(sets.items.len() == 2);
    desk.reaches(&long, "Running").await?;
    Ok(())
}

#[tokio::test]
async fn who_has_a_name_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create(
        "{apiVersion: v1, kind: Service, metadata: {name: chart, labels: {app.kubernetes.io/managed-by: Helm},
          annotations: {meta.helm.sh/release-name: my-chart}}, spec: {selector: {app: x}, ports: [{port: 80}]}}",
    )
    .await?;
    desk.notebook("chart", "{containers: [{name: a, image: i}]}").await?;
    let status = desk.reaches("chart", "NameTaken").await?;
    let message = status.condition("Ready").unwrap().message.clone().unwrap();
    ensure!(message.contains("the Service chart belongs to the Helm release my-chart"), "{message}");
    Ok(())
}
