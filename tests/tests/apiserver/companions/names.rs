//! Names that Kubernetes would not take for a child, and names that others have.

use anyhow::{Result, ensure};
use carrel_api::notebook::Notebook;
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use super::{make, reaches, sentence, uid};

const BOARD: &str = "s3://bucket";

async fn any_name_works<K: super::Kind>(desk: &Desk, spec: Value, annotation: &str) -> Result<()> {
    let names = [
        "n".repeat(52),
        "n".repeat(53),
        "n".repeat(63),
        "n".repeat(64),
        format!("{}-end", "long-".repeat(40)),
        "2fast".to_owned(),
        "with.dots.in-it".to_owned(),
        "looks-derived-x0123456789".to_owned(),
    ];
    for name in &names {
        make::<K>(desk, name, spec.clone()).await?;
    }
    for name in &names {
        reaches::<K>(desk, name, "Running").await?;
    }
    let all = ListParams::default();
    let deployments = desk.api::<Deployment>().list(&all).await?.items;
    let services = desk.api::<Service>().list(&all).await?.items;
    let pods = desk.api::<Pod>().list(&all).await?.items;
    assert_eq!((deployments.len(), services.len(), pods.len()), (names.len(), names.len(), names.len()));
    for name in &names {
        let of_it = |object: &dyn Fn() -> Option<String>| object().as_ref() == Some(name);
        ensure!(deployments.iter().any(|one| of_it(&|| one.annotations().get(annotation).cloned())), "{name}");
        ensure!(services.iter().any(|one| of_it(&|| one.annotations().get(annotation).cloned())), "{name}");
        ensure!(pods.iter().any(|one| of_it(&|| one.annotations().get(annotation).cloned())), "{name}");
    }
    // They are reached: each Service finds the one pod that is its own.
    eventually("endpoints", async || {
        let slices = desk.api::<EndpointSlice>().list(&all).await?.items;
        let ready = slices.iter().filter(|slice| slice.endpoints.iter().flatten().count() == 1).count();
        ensure!(slices.len() == names.len() && ready == names.len(), "{ready} of {}", slices.len());
        Ok(())
    })
    .await?;
    desk.api::<K>().delete(&names[4], &DeleteParams::foreground()).await?;
    desk.is_gone::<K>(&names[4]).await?;
    eventually("the end of its children", async || {
        ensure!(desk.api::<Deployment>().list(&all).await?.items.len() == names.len() - 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn any_name_that_a_tensorboard_can_have_works() -> Result<()> {
    let desk = Desk::new().await?;
    any_name_works::<Tensorboard>(&desk, json!({"logspath": BOARD}), "carrel.dev/tensorboard").await
}

#[tokio::test]
async fn any_name_that_a_viewer_can_have_works() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = super::Volumes::new(&desk, &[("files", "ReadWriteMany")]).await?;
    let spec = json!({"pvc": "files", "networking": {"targetPort": 8080, "basePrefix": "/files"}});
    any_name_works::<PvcViewer>(&desk, spec, "carrel.dev/pvcviewer").await
}

/// Upstream's two controllers overwrite each other's Service for ever, and one of the two is unreachable.
#[tokio::test]
async fn a_notebook_and_a_tensorboard_of_one_name_do_not_meet() -> Result<()> {
    let desk = Desk::new().await?;
    // As the web app labels it: upstream's selector of the Tensorboard would catch its pod.
    let notebook = |name: &str| {
        format!(
            "{{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {{name: {name}, labels: {{app: {name}}}}},
               spec: {{template: {{spec: {{containers: [{{name: {name}, image: i}}]}}}}}}}}"
        )
    };
    desk.create(&notebook("iris")).await?;
    desk.reaches("iris", "Running").await?;
    let (service, pod) = (desk.service("iris").await?, desk.pod_uid("iris").await?);
    make::<Tensorboard>(&desk, "iris", json!({"logspath": BOARD})).await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "iris", "NameTaken").await?);
    ensure!(said.contains("the Service iris belongs to Notebook iris"), "{said}");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let status = super::status::<Tensorboard>(&desk, "iris").await?;
    assert_eq!(status["readyReplicas"], 0, "a pod that nobody can reach is not ready to connect");
    let after = desk.service("iris").await?;
    assert_eq!(after.resource_version(), service.resource_version(), "nothing of the first is disturbed");
    assert_eq!(desk.pod_uid("iris").await?, pod);
    eventually("the endpoint of the notebook alone", async || {
        let of_it = ListParams::default().labels("kubernetes.io/service-name=iris");
        let slices = desk.api::<EndpointSlice>().list(&of_it).await?.items;
        let targets: Vec<_> = slices.iter().flat_map(|slice| slice.endpoints.iter().flatten()).collect();
        let names: Vec<_> = targets.iter().filter_map(|one| one.target_ref.as_ref()?.name.clone()).collect();
        ensure!(names == ["iris-0"], "{names:?}");
        Ok(())
    })
    .await?;
    desk.api::<Notebook>().delete("iris", &DeleteParams::default()).await?;
    reaches::<Tensorboard>(&desk, "iris", "Running").await?;

    // The other way round.
    desk.create(&notebook("iris")).await?;
    let status = desk.reaches("iris", "NameTaken").await?;
    let said = status.condition("Ready").unwrap().message.clone().unwrap();
    ensure!(said.contains("the Service iris belongs to Tensorboard iris"), "{said}");
    let of_board = desk.service("iris").await?;
    ensure!(of_board.spec.unwrap().selector.unwrap().contains_key("carrel.dev/tensorboard"));
    desk.api::<Tensorboard>().delete("iris", &DeleteParams::default()).await?;
    desk.reaches("iris", "Running").await?;
    Ok(())
}

/// The viewer's children have another name than the viewer, so that nobody can tell it by that name.
#[tokio::test]
async fn a_viewer_goes_on_when_the_name_of_its_children_is_free() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = super::Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    desk.running("pvcviewer-data").await?;
    let networking = json!({"targetPort": 8080});
    make::<PvcViewer>(&desk, "data", json!({"pvc": "data", "networking": networking})).await?;
    let said = sentence(&reaches::<PvcViewer>(&desk, "data", "NameTaken").await?);
    ensure!(said.contains("the Service pvcviewer-data belongs to Notebook pvcviewer-data"), "{said}");
    desk.api::<Notebook>().delete("pvcviewer-data", &DeleteParams::default()).await?;
    reaches::<PvcViewer>(&desk, "data", "Running").await?;

    // A Tensorboard has a Deployment of that name too.
    make::<Tensorboard>(&desk, "pvcviewer-data", json!({"logspath": BOARD})).await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "pvcviewer-data", "NameTaken").await?);
    ensure!(said.contains("belongs to PVCViewer data"), "{said}");
    desk.api::<PvcViewer>().delete("data", &DeleteParams::default()).await?;
    reaches::<Tensorboard>(&desk, "pvcviewer-data", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn a_strangers_deployment_and_service_are_left_alone() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {app: web}},
          template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}}}",
    )
    .await?;
    make::<Tensorboard>(&desk, "web", json!({"logspath": BOARD})).await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "web", "NameTaken").await?);
    ensure!(said.contains("the Deployment web"), "{said}");
    let theirs = desk.api::<Deployment>().get("web").await?;
    assert_eq!(theirs.spec.template.spec.unwrap().containers[0].name, "web");
    ensure!(theirs.metadata.owner_references.is_none());
    desk.api::<Deployment>().delete("web", &DeleteParams::default()).await?;
    let before = uid(&desk.service("web").await?);
    reaches::<Tensorboard>(&desk, "web", "Running").await?;
    assert_eq!(uid(&desk.service("web").await?), before);
    Ok(())
}
