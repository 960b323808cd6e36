//! End to end: Carrel in its own pod, JupyterLab in pods of a real kubelet. `cargo xtask test` has run `cargo xtask demo`
//! and names that cluster. A file a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod activity;
mod beside;
mod carrel_pod;
mod companions;
mod crash;
mod drain;
mod images;
mod kubeflow;
mod network;
mod reasons;
mod server;
mod tools;

use anyhow::{Context, Result};
use carrel_tests::Desk;
use xtask::jupyter::Server;

/// The image with JupyterLab that the local cluster has.
const JUPYTER: &str = "localhost/jupyter:4.6";

/// A small server, as people ask for it.
fn pod_spec(name: &str) -> String {
    format!(
        "{{containers: [{{name: {name}, image: '{JUPYTER}', resources: {{requests: {{cpu: 100m, memory: 256Mi}}, limits: {{memory: 1Gi}}}},
           readinessProbe: {{tcpSocket: {{port: 8888}}, periodSeconds: 1}},
           volumeMounts: [{{name: home, mountPath: /home/jovyan}}]}}], volumes: [{{name: home, persistentVolumeClaim: {{claimName: home}}}}]}}"
    )
}

const CLAIM: &str = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: home},
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";

/// The server of a Notebook, by its Service's address, which this machine reaches.
async fn server(desk: &Desk, name: &str) -> Result<Server> {
    let address = desk.service(name).await?.spec.and_then(|spec| spec.cluster_ip).context("no address")?;
    Ok(Server::at(&format!("http://{address}/notebook/{}/{name}", desk.namespace)))
}
