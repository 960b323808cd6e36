//! Objects that were written for Kubeflow, as they are; the mirror of the cluster's node has their images.

use anyhow::{Context, Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_api::vocabulary::TENSORBOARD;
use carrel_tests::{Desk, PATIENCE, eventually, kubectl};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::PostParams;
use serde_json::{from_value, json, to_value};
use xtask::web;

use crate::companions::{address, at, images, reaches, upload};
use crate::server;

/// A namespace that a sample names.
async fn named(namespace: &str) -> Result<Desk> {
    let client = carrel_tests::client(carrel_tests::kubeconfig()?).await?;
    let object: Namespace = from_value(json!({"metadata": {"name": namespace}}))?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    // One of an earlier run may be on its way out.
    eventually(namespace, async || Ok(namespaces.create(&PostParams::default(), &object).await?)).await?;
    Ok(Desk { namespace: namespace.to_owned(), client, controllers: None })
}

fn apply(file: &str) -> Result<()> {
    let path = xtask::home::repository().join("tests/kubeflow").join(file);
    kubectl(&["apply", "-f", path.to_str().context("a path that is no text")?]).map(drop)
}

#[tokio::test]
async fn kubeflows_samples_run_unedited() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let folder = xtask::home::repository().join("tests/kubeflow");
    desk.create("{apiVersion: v1, kind: ServiceAccount, metadata: {name: default-editor}}").await?;
    for file in ["pvc-loadtest", "notebook-v1", "notebook-v1beta1", "notebook-v1alpha1", "notebook-loadtest"] {
        let path = folder.join(format!("{file}.yaml"));
        kubectl(&["apply", "-n", &desk.namespace, "-f", path.to_str().unwrap()])?;
    }
    for name in ["notebook-sample-v1", "notebook-sample-v1beta1", "notebook-sample-v1alpha1", "jupyter-test"] {
        let status = desk.reaches(name, "Running").await?;
        assert!(status.container_state.running.is_some(), "{name}");
        server(&desk, name).await?.wait_until_answers(PATIENCE)?;
    }
    Ok(())
}

#[tokio::test]
async fn kubeflows_tensorboard_gets_its_objects_and_a_condition_that_names_the_missing_secret() -> Result<()> {
    images()?;
    let desk = named("kubeflow").await?;
    apply("tensorboard.yaml")?;
    let name = "tensorboard-sample1";
    let ready = reaches::<Tensorboard>(&desk, name, "CreateContainerError").await?;
    ensure!(ready.status == "False", "{ready:?}");
    let said = ready.message.unwrap_or_default();
    ensure!(said.contains("the Secret user-gcp-sa is not in the namespace"), "{said}");

    let deployment = to_value(desk.api::<Deployment>().get(name).await?)?;
    let pod = at(&deployment, "/spec/template/spec")?;
    let args = json!(["--logdir=gs://quanlinkubeflow1_tf_mnist_logs1/mnist_tutorial/", "--bind_all"]);
    ensure!(*at(pod, "/containers/0/args")? == args, "{pod}");
    ensure!(*at(pod, "/volumes/0/secret/secretName")? == "user-gcp-sa", "{pod}");
    let mount = at(pod, "/containers/0/volumeMounts/0")?;
    ensure!(*at(mount, "/mountPath")? == "/secret/gcp" && *at(mount, "/readOnly")? == true, "{pod}");
    // Kubeflow's label, and one that no notebook of this name has.
    let selector = json!({"app": name, TENSORBOARD: name});
    ensure!(*at(&deployment, "/spec/selector/matchLabels")? == selector, "{deployment}");
    let service = to_value(desk.service(name).await?)?;
    ensure!(*at(&service, "/spec/selector")? == selector, "{service}");
    let port = at(&service, "/spec/ports/0")?;
    ensure!(*at(port, "/name")? == format!("http-{name}") && *at(port, "/port")? == 80, "{service}");
    ensure!(*at(port, "/targetPort")? == 6006, "{service}");
    Ok(())
}

#[tokio::test]
async fn kubeflows_viewer_works() -> Result<()> {
    images()?;
    let desk = named("kubeflow-user-example-com").await?;
    apply("pvcviewer.yaml")?;
    let name = "pvcviewer-sample";
    reaches::<PvcViewer>(&desk, name, "Running").await?;
    let viewer = to_value(desk.api::<PvcViewer>().get(name).await?)?;
    let url = format!("/pvcviewer/{}/{name}/", desk.namespace);
    ensure!(*at(&viewer, "/status/ready")? == true && *at(&viewer, "/status/url")? == url, "{viewer}");

    let site = address(&desk, &format!("pvcviewer-{name}")).await?;
    eventually("the viewer's page", async || upload(&format!("{site}{url}upload/"), "sent.txt", "as it is")).await?;
    ensure!(web::text(&format!("{site}{url}"))?.contains(&format!("href=\"{url}download/sent.txt\"")));
    ensure!(web::text(&format!("{site}{url}download/sent.txt"))? == "as it is");
    Ok(())
}
