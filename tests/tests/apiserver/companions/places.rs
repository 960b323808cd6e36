//! Where a companion may stand and the node does not take it: an honest word, and no way round it but the holder's.

use anyhow::{Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{Volumes, annotate, board, make, notebook_on, on, pod, reaches, sentence, uid};

const STOP: &str = "kubeflow-resource-stopped";

/// A fake node of the test's own, which keeps away pods that do not tolerate it. Removed when dropped.
struct OwnNode<'a> {
    desk: &'a Desk,
    name: String,
}

impl<'a> OwnNode<'a> {
    async fn new(desk: &'a Desk, name: &str) -> Result<Self> {
        let own = Self { desk, name: format!("{name}-{}", desk.namespace) };
        let node = json!({
            "metadata": {"name": own.name, "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {"kubernetes.io/hostname": own.name}},
            "spec": {"taints": [{"key": "only-for", "value": desk.namespace, "effect": "NoSchedule"}]},
            "status": {"allocatable": {"cpu": "2", "memory": "8Gi", "pods": "20"},
                "capacity": {"cpu": "2", "memory": "8Gi", "pods": "20"}},
        });
        let nodes = Api::<Node>::all(desk.client.clone());
        nodes.create(&PostParams::default(), &serde_json::from_value(node)?).await?;
        Ok(own)
    }

    async fn cordon(&self, cordoned: bool) -> Result<()> {
        let nodes = Api::<Node>::all(self.desk.client.clone());
        let patch = json!({"spec": {"unschedulable": cordoned}});
        nodes.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }
}

impl Drop for OwnNode<'_> {
    fn drop(&mut self) {
        let _ = carrel_tests::kubectl(&["delete", "node", &self.name, "--wait=false"]);
    }
}

const TOLERATES: &str = "tolerations: [{key: only-for, operator: Exists}],";

/// A viewer's pod that may stand on such a node, and asks for so much.
fn pod_spec(cpu: &str) -> Value {
    json!({"tolerations": [{"key": "only-for", "operator": "Exists"}],
        "containers": [{"name": "a", "image": "i", "resources": {"requests": {"cpu": cpu}}}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]})
}

#[tokio::test]
async fn a_cordoned_node_is_told_with_the_holder_and_the_schedulers_words() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOnce")]).await?;
    let node = OwnNode::new(&desk, "own").await?;
    notebook_on(&desk, "iris", "data", &format!("{} {TOLERATES}", on(&node.name))).await?;
    desk.reaches("iris", "Running").await?;
    node.cordon(true).await?;
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data", "rwoScheduling": true, "podSpec": pod_spec("10m")}))
        .await?;
    let said = sentence(&reaches::<PvcViewer>(&desk, "files", "VolumeBusyElsewhere").await?);
    ensure!(said.contains(&format!("the Notebook iris has the claim data on the node {}", node.name)), "{said}");
    ensure!(said.contains("1 node(s) were unschedulable"), "{said}");
    ensure!(!said.contains("preemption"), "{said}");
    node.cordon(false).await?;
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn a_full_node_is_told_and_once_the_holder_is_gone_any_node_will_do() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOnce")]).await?;
    let node = OwnNode::new(&desk, "own").await?;
    notebook_on(&desk, "iris", "data", &format!("{} {TOLERATES}", on(&node.name))).await?;
    desk.reaches("iris", "Running").await?;
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data", "rwoScheduling": true, "podSpec": pod_spec("4")})).await?;
    let said = sentence(&reaches::<PvcViewer>(&desk, "files", "VolumeBusyElsewhere").await?);
    ensure!(said.contains("the Notebook iris has the claim data") && said.contains("Insufficient cpu"), "{said}");
    // A Tensorboard does not tolerate the node at all.
    board(&desk, "board", "data").await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "board", "VolumeBusyElsewhere").await?);
    ensure!(said.contains("the Notebook iris has the claim data") && said.contains("taint"), "{said}");
    desk.annotate("iris", STOP, Some("")).await?;
    for status in [
        reaches::<PvcViewer>(&desk, "files", "Running").await?,
        reaches::<Tensorboard>(&desk, "board", "Running").await?,
    ] {
        ensure!(status["nodeName"] != node.name, "{status}");
    }
    Ok(())
}

/// What waits for its node to be free waits for no pod of its own.
#[tokio::test]
async fn what_the_scheduler_says_of_a_pod_that_may_stand_anywhere_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    make::<Tensorboard>(&desk, "large", json!({"logspath": "pvc://data", "resources": {"requests": {"cpu": "1000"}}}))
        .await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "large", "Unschedulable").await?);
    ensure!(said.contains("have too little cpu free (1000 asked, the largest node has 64)"), "{said}");
    board(&desk, "lost", "nowhere").await?;
    let said = sentence(&reaches::<Tensorboard>(&desk, "lost", "VolumeMissing").await?);
    ensure!(said.contains("the claim nowhere is not in the namespace"), "{said}");
    Ok(())
}

/// The claim that a logspath names comes after the Tensorboard, and somebody has it on a node.
#[tokio::test]
async fn a_claim_that_comes_later_is_found() -> Result<()> {
    let desk = Desk::new().await?;
    board(&desk, "board", "late").await?;
    reaches::<Tensorboard>(&desk, "board", "VolumeMissing").await?;
    let _volumes = Volumes::new(&desk, &[("late", "ReadWriteOnce")]).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    let before = uid(&pod::<Tensorboard>(&desk, "board").await?);
    annotate::<Tensorboard>(&desk, "board", STOP, Some("")).await?;
    reaches::<Tensorboard>(&desk, "board", "StoppedByOwner").await?;
    annotate::<Tensorboard>(&desk, "board", STOP, None).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    eventually("another pod", async || {
        ensure!(uid(&pod::<Tensorboard>(&desk, "board").await?) != before);
        Ok(())
    })
    .await
}
