//! Companions that Kubeflow's controllers run already come under Carrel, and nothing of theirs is lost.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{NODES, Volumes, change, deployed, deployment, events, make, on, pod, reaches, uid};

/// An owner reference as Kubeflow's controllers write it.
fn owned(object: &Value) -> Value {
    json!([{"apiVersion": object["apiVersion"], "kind": object["kind"], "name": object["metadata"]["name"],
        "uid": object["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}])
}

pub(crate) async fn runs(desk: &Desk, labels: &str) -> Result<String> {
    eventually("Kubeflow's pod", async || {
        let pods = desk.api::<Pod>().list(&ListParams::default().labels(labels)).await?.items;
        let pod = pods.first().context("none")?;
        ensure!(pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running"), "not yet");
        pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).context("no node")
    })
    .await
}

/// What Kubeflow's controller makes of a Tensorboard, by its rules, with a status that grew.
pub(crate) async fn board_of_kubeflow(desk: &Desk, name: &str, claim: &str, more: &str) -> Result<()> {
    let made = make::<Tensorboard>(desk, name, json!({"logspath": format!("pvc://{claim}/x")})).await?;
    let owner = owned(&made);
    let mut deployment: Value = serde_saphyr::from_str(&format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}}}, spec: {{replicas: 1, selector: {{matchLabels: {{app: {name}}}}},
          template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{restartPolicy: Always, {more}
            containers: [{{name: tensorboard, image: 'tensorflow/tensorflow:2.5.1', imagePullPolicy: IfNotPresent, workingDir: /,
              command: [/usr/local/bin/tensorboard], args: ['--logdir=/tensorboard_logs/', '--bind_all'], ports: [{{containerPort: 6006}}],
              volumeMounts: [{{name: tbpd, mountPath: /tensorboard_logs/, subPath: x, readOnly: true}}]}}],
            volumes: [{{name: tbpd, persistentVolumeClaim: {{claimName: {claim}}}}}]}}}}}}}}"
    ))?;
    deployment["metadata"]["ownerReferences"] = owner.clone();
    desk.create(&deployment.to_string()).await?;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "ownerReferences": owner},
        "spec": {"type": "ClusterIP", "selector": {"app": name},
            "ports": [{"name": format!("http-{name}"), "port": 80, "targetPort": 6006}]}});
    desk.create(&service.to_string()).await?;
    let grown: Vec<_> = ["Progressing", "Available"]
        .repeat(20)
        .into_iter()
        .map(|state| json!({"deploymentState": state, "lastProbeTime": "2026-01-01T00:00:00Z"}))
        .collect();
    let status = json!({"status": {"conditions": grown, "readyReplicas": 1}});
    desk.api::<Tensorboard>().patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

#[tokio::test]
async fn a_tensorboard_of_kubeflows_keeps_its_selector_and_gets_a_clean_status() -> Result<()> {
    let mut desk = Desk::without_controllers().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOnce"), ("other", "ReadWriteOnce")]).await?;
    let claims = desk.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?.items.len();
    board_of_kubeflow(&desk, "board", "data", &on(NODES[1])).await?;
    runs(&desk, "app=board").await?;
    let before = (desk.api::<Deployment>().get("board").await?, desk.service("board").await?);
    desk.restart_with(&["--tensorboard-image=boards:2"]).await?;
    let found = deployed(&desk, "board", |spec| spec["strategy"] == json!({"type": "Recreate"})).await?;
    assert_eq!(found["metadata"]["uid"].as_str(), before.0.metadata.uid.as_deref(), "never away");
    let status = reaches::<Tensorboard>(&desk, "board", "Running").await?;
    ensure!(status["conditions"].as_array().unwrap().len() <= 3, "{status}");
    ensure!(!status.to_string().contains("deploymentState"), "{status}");
    let found = deployment(&desk, "board").await?;
    assert_eq!(found["spec"]["selector"], json!({"matchLabels": {"app": "board"}}), "no selector can change");
    let template = &found["spec"]["template"];
    assert_eq!(template["metadata"]["labels"], json!({"app": "board", "carrel.dev/tensorboard": "board"}));
    assert_eq!(template["spec"]["containers"][0]["image"], "boards:2");
    assert_eq!(template["spec"]["containers"].as_array().unwrap().len(), 1);
    let service = desk.service("board").await?;
    assert_eq!(uid(&service), uid(&before.1));
    let selector = service.spec.unwrap().selector.unwrap();
    ensure!(selector.contains_key("carrel.dev/tensorboard"), "{selector:?}");
    eventually("one pod", async || pod::<Tensorboard>(&desk, "board").await).await?;
    assert_eq!(desk.api::<Pod>().list(&ListParams::default()).await?.items.len(), 1, "Kubeflow's is gone");
    assert_eq!(desk.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?.items.len(), claims);
    let told = events::<Tensorboard>(&desk, "board").await?;
    ensure!(!told.contains(&"NameTaken".to_owned()) && !told.contains(&"Refused".to_owned()), "{told:?}");
    desk.rests(Duration::from_secs(3)).await?;

    // From now on it follows its owner, and no field of Kubeflow's stands in the way.
    change::<Tensorboard>(&desk, "board", json!({"spec": {"logspath": "s3://bucket"}})).await?;
    let found = deployed(&desk, "board", |spec| spec["template"]["spec"]["volumes"].is_null()).await?;
    let server = &found["spec"]["template"]["spec"]["containers"][0];
    ensure!(server["volumeMounts"].is_null(), "{server}");
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn a_viewer_of_kubeflows_is_taken_over_with_its_status() -> Result<()> {
    let mut desk = Desk::without_controllers().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOnce")]).await?;
    let own = json!({"containers": [{"name": "main", "image": "i"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]});
    let spec = json!({"pvc": "data", "podSpec": own, "rwoScheduling": true,
        "networking": {"targetPort": 8080, "basePrefix": "/pvcviewers"}});
    let made = make::<PvcViewer>(&desk, "data", spec).await?;
    let labels = json!({"app.kubernetes.io/name": "data", "app.kubernetes.io/instance": "pvcviewer-data",
        "app.kubernetes.io/part-of": "pvc-viewer"});
    let metadata = json!({"name": "pvcviewer-data", "labels": labels, "ownerReferences": owned(&made)});
    let kubeflows = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
        "selector": {"matchLabels": labels}, "strategy": {"type": "Recreate"},
        "template": {"metadata": {"labels": labels}, "spec": own}}});
    desk.create(&kubeflows.to_string()).await?;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"type": "ClusterIP",
        "selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}});
    desk.create(&service.to_string()).await?;
    let grown: Vec<_> = (0..30)
        .map(|_| {
            json!({"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": "x",
            "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"})
        })
        .collect();
    let status = json!({"status": {"conditions": grown, "ready": true, "url": "/old/"}});
    desk.api::<PvcViewer>().patch_status("data", &PatchParams::default(), &Patch::Merge(status)).await?;
    runs(&desk, "app.kubernetes.io/name=data").await?;
    let before = desk.api::<Deployment>().get("pvcviewer-data").await?;
    desk.restart_with(&[]).await?;
    eventually("the takeover", async || {
        let found = desk.api::<Deployment>().get("pvcviewer-data").await?;
        ensure!(found.annotations().contains_key("carrel.dev/pvcviewer"), "not yet");
        ensure!(found.uid() == before.uid(), "it was made anew");
        Ok(())
    })
    .await?;
    let status = reaches::<PvcViewer>(&desk, "data", "Running").await?;
    ensure!(status["conditions"].as_array().unwrap().len() <= 3, "{status}");
    assert_eq!(status["url"], format!("/pvcviewers/{}/data/", desk.namespace));
    assert_eq!(deployment(&desk, "pvcviewer-data").await?["spec"]["selector"]["matchLabels"], labels);
    eventually("one pod", async || pod::<PvcViewer>(&desk, "pvcviewer-data").await).await?;
    assert_eq!(desk.api::<Pod>().list(&ListParams::default()).await?.items.len(), 1);
    desk.rests(Duration::from_secs(3)).await?;
    Ok(())
}

/// Upstream's default rolls: its old pod keeps the claim that the new one waits for.
#[tokio::test]
async fn one_that_is_stuck_between_two_pods_comes_free() -> Result<()> {
    let mut desk = Desk::without_controllers().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOncePod")]).await?;
    board_of_kubeflow(&desk, "board", "data", "").await?;
    runs(&desk, "app=board").await?;
    let roll = json!({"spec": {"template": {"metadata": {"annotations": {"rolled": "1"}}}}});
    desk.api::<Deployment>().patch("board", &PatchParams::default(), &Patch::Merge(roll)).await?;
    eventually("two pods", async || {
        ensure!(desk.api::<Pod>().list(&ListParams::default()).await?.items.len() == 2);
        Ok(())
    })
    .await?;
    desk.restart_with(&[]).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    assert_eq!(desk.api::<Pod>().list(&ListParams::default()).await?.items.len(), 1);
    Ok(())
}
