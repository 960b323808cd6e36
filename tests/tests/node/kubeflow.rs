//! Objects that were written for Kubeflow, as they are; the mirror of the cluster's node has their images.

use anyhow::Result;
use carrel_tests::{Desk, PATIENCE, kubectl};

use crate::server;

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
