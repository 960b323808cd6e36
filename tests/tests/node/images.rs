//! The images that stand in for TensorBoard and filebrowser do what objects written for those ask of them, without any
//! controller: in Deployments such as Kubeflow's controllers make.

use anyhow::{Context, Result, ensure};
use carrel_tests::{Desk, eventually, kubectl};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use xtask::tensorboard::{Board, Point};
use xtask::web::{get, text};

use crate::companions::{self, upload};
use crate::{CLAIM, JUPYTER};

/// Longer than a test waits for anything: a container that does not hear SIGTERM fails it.
const GRACE: u32 = 300;

const VOLUMES: &str = "volumes: [{name: home, persistentVolumeClaim: {claimName: home}}]";

/// A namespace with a claim, on a cluster that has the images.
async fn desk() -> Result<Desk> {
    let desk = companions::desk().await?;
    desk.create(CLAIM).await?;
    Ok(desk)
}

/// Makes a Deployment, and waits until its pod is ready. The node asks for the image each time, as one that was built anew
/// has the name of the old.
async fn deploy(desk: &Desk, name: &str, container: &str, pod: &str) -> Result<Pod> {
    desk.create(&format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}}}, spec: {{selector: {{matchLabels: {{app: {name}}}}},
           template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{terminationGracePeriodSeconds: {GRACE}, {pod} {VOLUMES},
             containers: [{{name: {name}, imagePullPolicy: Always, {container}}}]}}}}}}}}"
    ))
    .await?;
    eventually(&format!("the pod of {name}"), async || {
        let pods = desk.api::<Pod>().list(&ListParams::default().labels(&format!("app={name}"))).await?;
        let pod = pods.items.into_iter().next().context("no pod")?;
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref()).context("no conditions")?;
        ensure!(conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True"), "{:?}", pod.status);
        Ok(pod)
    })
    .await
}

/// The address of a pod, which this machine reaches.
fn address(pod: &Pod, port: u16) -> Result<String> {
    let ip = pod.status.as_ref().and_then(|status| status.pod_ip.as_ref()).context("no address")?;
    Ok(format!("http://{ip}:{port}"))
}

/// Waits until a pod that is told to end has ended, which it must do by itself.
async fn ends(desk: &Desk, pod: &Pod) -> Result<()> {
    let name = pod.name_any();
    desk.api::<Pod>().delete(&name, &DeleteParams::default()).await?;
    desk.is_gone::<Pod>(&name).await
}

/// A container of TensorBoard as Kubeflow's controller makes it, with a probe.
fn tensorboard(image: &str, prefix: &str) -> String {
    let more = if prefix.is_empty() { String::new() } else { format!(", '--path_prefix={prefix}'") };
    format!(
        "image: '{image}', command: [/usr/local/bin/tensorboard], args: ['--logdir=/tensorboard_logs/', '--bind_all'{more}],
         workingDir: /, ports: [{{containerPort: 6006}}], readinessProbe: {{httpGet: {{path: {prefix}/, port: 6006}}, periodSeconds: 1}},
         volumeMounts: [{{name: home, mountPath: /tensorboard_logs/, readOnly: true}}]"
    )
}

/// Writes two points and keeps the file open, as a training that goes on. (`flush` would not wait for the last of them.)
const TRAINING: &str = "import time; from tensorboardX import SummaryWriter; w = SummaryWriter('runs/one', flush_secs=1); \
    w.add_scalar('loss', 0.5, 0); w.add_scalar('loss', 0.25, 1); time.sleep(3600)";

#[tokio::test]
async fn what_a_training_writes_is_read_while_it_writes() -> Result<()> {
    let desk = desk().await?;
    desk.create(&format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: training}}, spec: {{terminationGracePeriodSeconds: 1, {VOLUMES},
           containers: [{{name: training, image: '{JUPYTER}', command: [python, -c, \"{TRAINING}\"],
             volumeMounts: [{{name: home, mountPath: /home/jovyan}}]}}]}}}}"
    ))
    .await?;
    let prefix = format!("/tensorboard/{}/below", desk.namespace);
    let plain = deploy(&desk, "plain", &tensorboard("tensorflow/tensorflow:2.5.1", ""), "").await?;
    let image = "docker.io/tensorflow/tensorflow:latest";
    let root = "securityContext: {runAsUser: 0},";
    let below = deploy(&desk, "below", &tensorboard(image, &prefix), root).await?;

    for (pod, prefix) in [(&plain, ""), (&below, prefix.as_str())] {
        let board = Board::at(&format!("{}{prefix}", address(pod, 6006)?));
        eventually("the points", async || {
            let points = board.curve("runs/one", "loss")?;
            ensure!(points == [Point { step: 0, value: 0.5 }, Point { step: 1, value: 0.25 }], "{points:?}");
            Ok(())
        })
        .await?;
        ensure!(board.has_curves()?);
    }
    let (status, _) = get(&format!("{}/data/runs", address(&below, 6006)?))?;
    ensure!(status == 404, "outside of its path it answers {status}");

    ends(&desk, &plain).await
}

/// A container of filebrowser as Kubeflow's controller and web app make it, with a probe.
fn viewer(image: &str, base: &str, more: &str) -> String {
    format!(
        "image: '{image}', env: [{{name: FB_ADDRESS, value: 0.0.0.0}}, {{name: FB_PORT, value: '8080'}},
           {{name: FB_DATABASE, value: /tmp/filebrowser.db}}, {{name: FB_NOAUTH, value: 'true'}}, {{name: FB_BASEURL, value: {base}}}],
         ports: [{{containerPort: 8080}}], readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}, {more}"
    )
}

#[tokio::test]
async fn a_volumes_files_are_listed_read_and_added_below_the_viewers_path_and_without_it() -> Result<()> {
    let desk = desk().await?;
    let base = format!("/pvcviewer/{}/usual", desk.namespace);
    let folder = "workingDir: /data, volumeMounts: [{name: home, mountPath: /data}]";
    let image = "filebrowser/filebrowser:latest";
    let usual = deploy(&desk, "usual", &viewer(image, &format!("{base}/"), folder), "").await?;
    let site = address(&usual, 8080)?;
    upload(&format!("{site}{base}/upload/"), "below.txt", "sent below the path")?;
    upload(&format!("{site}/upload/"), "above.txt", "sent without it")?;
    // What is mounted is the volume, and its files belong to the notebooks' user.
    let said =
        kubectl(&["exec", "-n", &desk.namespace, &usual.name_any(), "--", "stat", "-c", "%U %s", "/data/below.txt"])?;
    ensure!(said.trim() == "jovyan 19", "{said}");

    for path in [base.as_str(), ""] {
        let page = text(&format!("{site}{path}/"))?;
        for name in ["below.txt", "above.txt"] {
            // Links lead where the browser is, also when a proxy cut the path off.
            ensure!(page.contains(&format!("href=\"{base}/download/{name}\"")), "no {name} at {path:?}: {page}");
        }
        ensure!(text(&format!("{site}{path}/download/below.txt"))? == "sent below the path");
        ensure!(text(&format!("{site}{path}/download/above.txt"))? == "sent without it");
        let style = "static/admin/bootstrap/bootstrap4/css/bootstrap.min.css";
        ensure!(text(&format!("{site}{path}/{style}"))?.contains(".table"));
    }
    ends(&desk, &usual).await?;

    // Kubeflow's web app sets no folder and mounts the volume where filebrowser's image looks.
    let base = format!("/pvcviewers/{}/shipped/", desk.namespace);
    let folder = "volumeMounts: [{name: home, mountPath: /srv}]";
    let image = "docker.io/filebrowser/filebrowser:v2.32.0";
    let shipped = deploy(&desk, "shipped", &viewer(image, &base, folder), "").await?;
    let file = text(&format!("{}{base}download/below.txt", address(&shipped, 8080)?))?;
    ensure!(file == "sent below the path", "{file}");
    Ok(())
}
