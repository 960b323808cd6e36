//! What a server needs to be busy here: a Jupyter Server that this machine stands in for, and a fake node of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use carrel_api::lab_policy::LabPolicy;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

/// How the controllers of these tests ask: each second, at the pod's address.
pub(super) const ASKING: &[&str] = &["--probe=true", "--probe-via=pod", "--probe-period=1s"];

/// A Jupyter Server with one kernel. Ends when dropped.
pub(super) struct Jupyter {
    port: u16,
    busy: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Jupyter {
    pub(super) fn busy() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (busy, over) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let (is_busy, is_over) = (busy.clone(), over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                // Who hangs up early asks again.
                let _ = answer(stream, is_busy.load(Ordering::Relaxed));
            }
        });
        Ok(Self { port, busy, over })
    }

    pub(super) fn is_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    /// Creates a Notebook of which this is the server, on the nodes of this stage.
    pub(super) async fn notebook(&self, desk: &Desk, name: &str, annotations: Value) -> Result<()> {
        let pod = json!({"hostNetwork": true, "nodeSelector": {"only-for": desk.namespace},
            "tolerations": [{"key": "only-for", "operator": "Exists"}],
            "containers": [{"name": name, "image": "jupyter", "ports": [{"containerPort": self.port}]}]});
        let notebook = json!({"apiVersion": "kubeflow.org/v1", "kind": "Notebook",
            "metadata": {"name": name, "annotations": {"carrel.dev/activity": "jupyter"}},
            "spec": {"template": {"metadata": {"annotations": annotations}, "spec": pod}}});
        desk.create(&notebook.to_string()).await?;
        desk.reaches(name, "Running").await.map(drop)
    }
}

fn answer(mut stream: TcpStream, busy: bool) -> std::io::Result<()> {
    let (mut request, mut piece) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
    let text = String::from_utf8_lossy(&request);
    let path = text.split_whitespace().nth(1).unwrap_or_default();
    let state = if busy { "busy" } else { "idle" };
    let (status, body) = if path.contains("/api/kernels") {
        // Long ago: since when it is idle is then when it was last seen busy.
        let kernel =
            json!([{"id": "k", "execution_state": state, "last_activity": "2026-01-01T00:00:00Z", "connections": 0}]);
        ("200 OK", kernel.to_string())
    } else if path.contains("/api/terminals") {
        ("200 OK", "[]".to_owned())
    } else {
        ("404 Not Found", String::new())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes())
}

impl Drop for Jupyter {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // So that its thread sees that.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Fake nodes that keep away all pods but those of this test, and a policy for its namespace. Removed when dropped.
pub(super) struct Stage {
    client: Client,
    policy: String,
    nodes: Vec<String>,
}

impl Stage {
    pub(super) async fn set(desk: &Desk, nodes: usize, policy: Value) -> Result<Self> {
        let mut stage = Self { client: desk.client.clone(), policy: desk.namespace.clone(), nodes: Vec::new() };
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
        let mut policy = json!({"apiVersion": "carrel.dev/v1alpha1", "kind": "LabPolicy", "metadata": {"name": desk.namespace},
            "spec": policy});
        policy["spec"]["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": desk.namespace}});
        // By its text: the type of a read has no kind.
        let policies = Api::<DynamicObject>::all_with(desk.client.clone(), &ApiResource::erase::<LabPolicy>(&()));
        policies.create(&PostParams::default(), &serde_json::from_value(policy)?).await?;
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
        let _ = carrel_tests::kubectl(&["delete", "labpolicy", &self.policy, "--wait=false"]);
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
