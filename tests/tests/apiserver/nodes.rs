//! Why a pod does not run, where nodes, volumes and other pods decide it.

use anyhow::{Context, Result, ensure};
use carrel_api::notebook::{Notebook, Phase};
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::core::v1::{Node, PersistentVolume, Pod};
use k8s_openapi::api::storage::v1::VolumeAttachment;
use kube::api::{Api, DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

/// Waits for the reason and returns its sentence.
async fn sentence(desk: &Desk, name: &str, reason: &str) -> Result<String> {
    let status = desk.reaches(name, reason).await?;
    ensure!(status.phase == Some(Phase::Starting), "waiting is no error: {status:?}");
    Ok(status.condition("Ready").unwrap().message.clone().unwrap())
}

/// A node that nobody looks after but this test, and that keeps away all pods but those of this test. Removed when dropped.
struct OwnNode<'a> {
    desk: &'a Desk,
    name: String,
}

impl<'a> OwnNode<'a> {
    async fn new(desk: &'a Desk, name: &str) -> Result<Self> {
        let name = format!("{name}-{}", desk.namespace);
        let taint = json!({"key": "only-for", "value": desk.namespace, "effect": "NoSchedule"});
        // Kubelet's own word that the control plane attaches volumes.
        let attach = json!({"volumes.kubernetes.io/controller-managed-attach-detach": "true"});
        let metadata = json!({"name": name, "labels": {"kubernetes.io/hostname": name}, "annotations": attach});
        let node = json!({"metadata": metadata, "spec": {"taints": [taint]}});
        Api::<Node>::all(desk.client.clone()).create(&PostParams::default(), &serde_json::from_value(node)?).await?;
        let own = Self { desk, name };
        own.report("True").await?;
        Ok(own)
    }

    /// What the node's kubelet would report, or what the node controller says for it.
    async fn report(&self, ready: &str) -> Result<()> {
        let now = jiff::Timestamp::now().to_string();
        let condition = json!({"type": "Ready", "status": ready, "reason": "Test", "message": "by hand", "lastHeartbeatTime": now, "lastTransitionTime": now});
        let room = json!({"cpu": "4", "memory": "8Gi", "pods": "10"});
        let status = json!({"status": {"conditions": [condition], "allocatable": room, "capacity": room}});
        let nodes = Api::<Node>::all(self.desk.client.clone());
        nodes.patch_status(&self.name, &PatchParams::default(), &Patch::Merge(status)).await?;
        Ok(())
    }

    /// Fields of a pod that may run here, and nowhere else.
    fn here(&self) -> String {
        format!(
            "nodeSelector: {{kubernetes.io/hostname: {}}}, tolerations: [{{key: only-for, operator: Exists}}, {{key: node.kubernetes.io/not-ready, operator: Exists}}, {{key: node.kubernetes.io/unreachable, operator: Exists}}]",
            self.name
        )
    }
}

impl Drop for OwnNode<'_> {
    fn drop(&mut self) {
        let _ = carrel_tests::kubectl(&["delete", "node", &self.name, "--wait=false"]);
    }
}

#[tokio::test]
async fn what_no_node_has_is_told_with_what_the_largest_has() -> Result<()> {
    let desk = Desk::new().await?;
    desk.notebook("big", "{containers: [{name: big, image: i, resources: {limits: {nvidia.com/gpu: 1000}}}]}").await?;
    let said = sentence(&desk, "big", "Unschedulable").await?;
    ensure!(said.contains("have too little nvidia.com/gpu free (1000 asked, the largest node has 8)"), "{said}");
    ensure!(said.ends_with("ask for no more than the largest node has"), "{said}");
    assert_eq!(desk.status("big").await?.resources.gpu.as_deref(), Some("1000"));
    Ok(())
}

#[tokio::test]
async fn a_taint_that_keeps_the_pod_away_is_named() -> Result<()> {
    let desk = Desk::new().await?;
    let own = OwnNode::new(&desk, "own").await?;
    let spec =
        format!("{{nodeSelector: {{kubernetes.io/hostname: {}}}, containers: [{{name: a, image: i}}]}}", own.name);
    desk.notebook("kept-away", &spec).await?;
    let said = sentence(&desk, "kept-away", "Unschedulable").await?;
    ensure!(said.contains("have a taint that it does not tolerate"), "{said}");
    ensure!(said.contains(&format!("only-for={}", desk.namespace)), "{said}");
    ensure!(said.contains("do not match its nodeSelector or node affinity"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_lost_node_is_told_and_one_that_is_back_too() -> Result<()> {
    let desk = Desk::new().await?;
    let own = OwnNode::new(&desk, "own").await?;
    desk.notebook("far", &format!("{{{}, containers: [{{name: a, image: i}}]}}", own.here())).await?;
    eventually("a node", async || {
        let pod = desk.api::<Pod>().get("far-0").await?;
        ensure!(pod.spec.and_then(|spec| spec.node_name).as_ref() == Some(&own.name));
        Ok(())
    })
    .await?;
    own.report("Unknown").await?;
    let said = sentence(&desk, "far", "NodeLost").await?;
    ensure!(said.contains(&format!("the node {} does not answer", own.name)), "{said}");
    own.report("True").await?;
    sentence(&desk, "far", "Starting").await?;
    Ok(())
}

/// The node's kubelet is this test.
#[tokio::test]
async fn an_image_on_its_way_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    let own = OwnNode::new(&desk, "own").await?;
    desk.notebook("pulls", &format!("{{{}, containers: [{{name: a, image: 'large:1'}}]}}", own.here())).await?;
    let pods = desk.api::<Pod>();
    let pod = eventually("a node", async || {
        let pod = pods.get("pulls-0").await?;
        ensure!(pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) == Some(&own.name));
        Ok(pod)
    })
    .await?;
    let creating = json!({"name": "a", "image": "large:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ContainerCreating"}}});
    let status = Patch::Merge(json!({"status": {"containerStatuses": [creating]}}));
    pods.patch_status("pulls-0", &PatchParams::default(), &status).await?;
    sentence(&desk, "pulls", "Starting").await?;
    let about = json!({"kind": "Pod", "name": "pulls-0", "namespace": desk.namespace, "uid": pod.metadata.uid});
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "pulls.1"}, "type": "Normal", "reason": "Pulling",
        "message": "Pulling image \"large:1\"", "involvedObject": about});
    desk.create(&event.to_string()).await?;
    let said = sentence(&desk, "pulls", "ImagePull").await?;
    assert_eq!(said, format!("the image large:1 is being pulled to the node {}", own.name));
    Ok(())
}

#[tokio::test]
async fn an_eviction_is_told_while_the_pod_goes() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("drained").await?;
    let pods = desk.api::<Pod>();
    let hold = json!({"metadata": {"finalizers": ["example.org/hold"]}});
    pods.patch("drained-0", &PatchParams::default(), &Patch::Merge(hold)).await?;
    pods.evict("drained-0", &EvictParams::default()).await?;
    let said = sentence(&desk, "drained", "Evicted").await?;
    ensure!(said.contains("somebody evicted it, as a drain of its node does"), "{said}");
    let release = json!({"metadata": {"finalizers": null}});
    pods.patch("drained-0", &PatchParams::default(), &Patch::Merge(release)).await?;
    desk.reaches("drained", "Running").await?;
    let notebook = desk.api::<Notebook>().get("drained").await?;
    let lost = notebook.status.as_ref().and_then(|status| status.valid()?.last_loss.as_ref()).context("no loss")?;
    assert_eq!(lost.reason, "Evicted");
    ensure!(lost.message.contains("somebody evicted it, as a drain of its node does"), "{lost:?}");
    ensure!(lost.node.is_some() && lost.message.contains("; the server had run since "), "{lost:?}");
    Ok(())
}

#[tokio::test]
async fn a_queue_that_holds_the_pod_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    let notebook = "{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {name: queued, labels: {kueue.x-k8s.io/queue-name: team-a}},
        spec: {template: {spec: {schedulingGates: [{name: kueue.x-k8s.io/admission}], containers: [{name: a, image: i}]}}}}";
    desk.create(notebook).await?;
    let said = sentence(&desk, "queued", "Queued").await?;
    assert_eq!(said, "waits in the queue team-a (Kueue) until it is admitted");
    Ok(())
}

/// A volume of a driver that nobody runs, bound to the claim `once`. Removed when dropped.
struct Volume(String);

impl Volume {
    async fn new(desk: &Desk, mode: &str) -> Result<Self> {
        let name = format!("own-{}", desk.namespace);
        let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "once"}, "spec": {
            "accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": name, "storageClassName": ""}});
        desk.create(&claim.to_string()).await?;
        let volume = json!({"metadata": {"name": name}, "spec": {
            "accessModes": [mode], "capacity": {"storage": "1Gi"}, "csi": {"driver": "none.example.org", "volumeHandle": name},
            "claimRef": {"namespace": desk.namespace, "name": "once"}}});
        let volumes = Api::<PersistentVolume>::all(desk.client.clone());
        volumes.create(&PostParams::default(), &serde_json::from_value(volume)?).await?;
        Ok(Self(name))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = carrel_tests::kubectl(&["delete", "persistentvolume", &self.0, "--wait=false"]);
    }
}

const MOUNTS: &str =
    "volumes: [{name: v, persistentVolumeClaim: {claimName: once}}], containers: [{name: a, image: i}]";

#[tokio::test]
async fn a_claim_for_one_pod_that_another_has_is_told_with_its_holder() -> Result<()> {
    let desk = Desk::new().await?;
    let _volume = Volume::new(&desk, "ReadWriteOncePod").await?;
    desk.notebook("holder", &format!("{{{MOUNTS}}}")).await?;
    desk.reaches("holder", "Running").await?;
    let node = desk.status("holder").await?.node_name.context("no node")?;
    desk.notebook("second", &format!("{{{MOUNTS}}}")).await?;
    let said = sentence(&desk, "second", "VolumeBusyElsewhere").await?;
    let expected = format!(
        "the claim once can be mounted by one pod at a time (ReadWriteOncePod), and the pod holder-0 of the Notebook holder has it on the node {node}; stop that one"
    );
    assert_eq!(said, expected);
    desk.annotate("holder", "kubeflow-resource-stopped", Some("")).await?;
    desk.reaches("second", "Running").await?;
    Ok(())
}

/// Kubernetes' own attach controller says it, once the volume is attached to the first pod's node.
#[tokio::test]
async fn a_claim_that_another_node_has_is_told_with_its_holder() -> Result<()> {
    let desk = Desk::new().await?;
    let (near, far) = (OwnNode::new(&desk, "near").await?, OwnNode::new(&desk, "far").await?);
    let volume = Volume::new(&desk, "ReadWriteOnce").await?;
    desk.notebook("holder", &format!("{{{}, {MOUNTS}}}", near.here())).await?;
    let attachments = Api::<VolumeAttachment>::all(desk.client.clone());
    eventually("an attachment", async || {
        let all = attachments.list(&ListParams::default()).await?.items;
        let is_ours = |one: &&VolumeAttachment| one.spec.source.persistent_volume_name.as_ref() == Some(&volume.0);
        let name = all.iter().find(is_ours).context("none yet")?.metadata.name.clone().context("no name")?;
        // In place of the driver's own attacher.
        let attached = json!({"status": {"attached": true}});
        attachments.patch_status(&name, &PatchParams::default(), &Patch::Merge(attached)).await?;
        Ok(())
    })
    .await?;
    desk.notebook("second", &format!("{{{}, {MOUNTS}}}", far.here())).await?;
    let said = sentence(&desk, "second", "VolumeBusyElsewhere").await?;
    let expected = format!(
        "the claim once can be attached to one node at a time, and the pod holder-0 of the Notebook holder has it on the node {}; stop that one",
        near.name
    );
    assert_eq!(said, expected);
    Ok(())
}

#[tokio::test]
async fn a_claim_without_a_volume_is_named() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create(
        "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: unbound}, spec: {accessModes: [ReadWriteOnce],
        resources: {requests: {storage: 1Gi}}, storageClassName: none.example.org}}",
    )
    .await?;
    let spec = "{volumes: [{name: v, persistentVolumeClaim: {claimName: unbound}}], containers: [{name: a, image: i}]}";
    desk.notebook("waits", spec).await?;
    let said = sentence(&desk, "waits", "VolumeBinding").await?;
    ensure!(said.starts_with("waits until its claims are bound to volumes (unbound): "), "{said}");
    Ok(())
}

/// No autoscaler runs here, so its Event is made by hand, in its own words.
#[tokio::test]
async fn a_node_that_is_being_added_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    desk.notebook("grows", "{containers: [{name: a, image: i, resources: {limits: {nvidia.com/gpu: 1000}}}]}").await?;
    desk.reaches("grows", "Unschedulable").await?;
    let pod = desk.api::<Pod>().get("grows-0").await?;
    let about = json!({"kind": "Pod", "name": "grows-0", "namespace": desk.namespace, "uid": pod.metadata.uid});
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "grows.1"}, "type": "Normal", "reason": "TriggeredScaleUp",
        "message": "pod triggered scale-up: [{gpu-pool 1->2 (max: 4)}]", "involvedObject": about});
    desk.create(&event.to_string()).await?;
    let said = sentence(&desk, "grows", "ScaleUpInProgress").await?;
    assert_eq!(
        said,
        "no node has room yet, and one is being added: pod triggered scale-up: [{gpu-pool 1->2 (max: 4)}]"
    );
    desk.api::<Pod>().delete("grows-0", &DeleteParams::default()).await?;
    // It was said of a pod that is gone.
    sentence(&desk, "grows", "Unschedulable").await?;
    Ok(())
}

/// Without rights to nodes the scheduler's words are told, and nothing else is amiss.
#[tokio::test]
async fn without_nodes_what_is_asked_is_still_told() -> Result<()> {
    let mut desk = Desk::without_controllers().await?;
    let kubeconfig = carrel_tests::given("CARREL_KUBECONFIG")?;
    let arguments = ["--namespace", &desk.namespace, "--leader-elect=false", "--watch-nodes=false"];
    let controllers = carrel_tests::Controllers::start(kubeconfig.as_ref(), &arguments)?;
    controllers.ready().await?;
    desk.controllers = Some(controllers);
    desk.notebook("big", "{containers: [{name: big, image: i, resources: {limits: {nvidia.com/gpu: 1000}}}]}").await?;
    let said = sentence(&desk, "big", "Unschedulable").await?;
    ensure!(said.contains("have too little nvidia.com/gpu free (1000 asked)"), "{said}");
    Ok(())
}
