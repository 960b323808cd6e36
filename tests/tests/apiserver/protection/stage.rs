//! What a server needs to be busy here, beside a stand-in for it: a fake node of its own.

use anyhow::{Context, Result, ensure};
use carrel_tests::{Desk, Policy, Says, StandIn, eventually};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

/// Since long ago: it is idle since it was last seen busy.
pub(super) fn idle() -> Says {
    Says::IdleSince(Timestamp::UNIX_EPOCH)
}

/// Creates a Notebook of which this is the server, on the nodes of this stage.
pub(super) async fn notebook(server: &StandIn, desk: &Desk, name: &str, annotations: Value) -> Result<()> {
    let pod = json!({"hostNetwork": true, "nodeSelector": {"only-for": desk.namespace},
        "tolerations": [{"key": "only-for", "operator": "Exists"}],
        "containers": [{"name": name, "image": "jupyter", "ports": [{"containerPort": server.port}]}]});
    let notebook = json!({"apiVersion": "kubeflow.org/v1", "kind": "Notebook",
        "metadata": {"name": name, "annotations": {"carrel.dev/activity": "jupyter"}},
        "spec": {"template": {"metadata": {"annotations": annotations}, "spec": pod}}});
    desk.create(&notebook.to_string()).await?;
    desk.reaches(name, "Running").await.map(drop)
}

/// Fake nodes that keep away all pods but those of this test, and a policy for its namespace. Removed when dropped.
pub(super) struct Stage {
    client: Client,
    _policy: Policy,
    nodes: Vec<String>,
}

impl Stage {
    pub(super) async fn set(desk: &Desk, nodes: usize, policy: Value) -> Result<Self> {
        let policy = Policy::set(desk, policy).await?;
        let mut stage = Self { client: desk.client.clone(), _policy: policy, nodes: Vec::new() };
        for at in 0..nodes {
            let name = format!("stage-{at}-{}", desk.namespace);
            let room = json!({"cpu": "4", "memory": "8Gi", "pods": "10"});
            let node = json!({
                "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"},
                    "labels": {"kubernetes.io/hostname": name, "only-for": desk.namespace}},
                "spec": {"taints": [{"key": "only-for", "value": desk.namespace, "effect": "NoSchedule"}]},
                "status": {"allocatable": room, "capacity": room}});
            let node = serde_json::from_value(node)?;
            Api::<Node>::all(desk.client.clone()).create(&PostParams::default(), &node).await?;
            stage.nodes.push(name);
        }
        Ok(stage)
    }

    /// `kubectl cordon` and `kubectl uncordon`.
    pub(super) async fn cordon(&self, node: &str, cordoned: bool) -> Result<()> {
        let nodes = Api::<Node>::all(self.client.clone());
        let patch = Patch::Merge(json!({"spec": {"unschedulable": cordoned}}));
        nodes.patch(node, &PatchParams::default(), &patch).await.map(drop)?;
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for node in &self.nodes {
            let _ = carrel_tests::kubectl(&["delete", "node", node, "--wait=false"]);
        }
    }
}

/// Waits until the pod of a Notebook is kept in all ways, and returns its budget.
pub(super) async fn kept(desk: &Desk, name: &str) -> Result<PodDisruptionBudget> {
    eventually(&format!("the budget of {name}"), async || {
        let budget = desk.api::<PodDisruptionBudget>().get(&format!("{name}-0")).await?;
        let status = budget.status.as_ref().context("the disruption controller has not seen it")?;
        ensure!(
            status.observed_generation == budget.metadata.generation && status.current_healthy == Some(1),
            "{status:?}"
        );
        ensure!(pod(desk, name).await?.annotations().contains_key("carrel.dev/protects"));
        Ok(budget)
    })
    .await
}

/// Waits until the pod of a Notebook is not kept any more.
pub(super) async fn free(desk: &Desk, name: &str) -> Result<()> {
    desk.is_gone::<PodDisruptionBudget>(&format!("{name}-0")).await?;
    eventually(&format!("the end of the annotations of {name}"), async || {
        let pod = pod(desk, name).await?;
        ensure!(!pod.annotations().contains_key("carrel.dev/protects"), "{:?}", pod.annotations());
        Ok(())
    })
    .await
}

pub(super) async fn pod(desk: &Desk, name: &str) -> Result<Pod> {
    Ok(desk.api::<Pod>().get(&format!("{name}-0")).await?)
}
