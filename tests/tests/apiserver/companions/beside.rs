//! A claim that one node can have: a companion stands beside who has it, gives way, and never moves for nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use carrel_api::notebook::Notebook;
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Desk, eventually};
use serde_json::{Value, json};

use super::{
    NODES, Volumes, annotate, board, change, deployment, events, make, notebook_on, on, pod, pods, reaches, stands_on,
    uid, viewer,
};

const STOP: &str = "kubeflow-resource-stopped";
const RWO: &str = "ReadWriteOnce";

/// Stops a Notebook, waits until its pod is gone, and starts it on another node.
async fn move_to(desk: &Desk, notebook: &str, node: &str) -> Result<()> {
    desk.annotate(notebook, STOP, Some("")).await?;
    desk.reaches(notebook, "StoppedByOwner").await?;
    let spec = json!({"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": node}}}},
        "metadata": {"annotations": {STOP: null}}});
    desk.change(notebook, spec).await?;
    Ok(())
}

/// The node to which a Deployment's pods are bound.
fn bound(deployment: &Value) -> Value {
    let path = "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0";
    deployment.pointer(path).map_or(Value::Null, |field| field["values"][0].clone())
}

#[tokio::test]
async fn companions_follow_the_notebook_and_stay_when_it_stops() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWO)]).await?;
    let [first, second] = NODES;
    notebook_on(&desk, "iris", "data", &on(first)).await?;
    desk.reaches("iris", "Running").await?;
    board(&desk, "board", "data").await?;
    viewer(&desk, "files", "data").await?;
    stands_on::<Tensorboard>(&desk, "board", first).await?;
    stands_on::<PvcViewer>(&desk, "files", first).await?;
    assert_eq!(bound(&deployment(&desk, "board").await?), first, "by required affinity");

    // Who has the claim goes: nobody needs them elsewhere.
    let stand = async || {
        let (board, files) =
            (pod::<Tensorboard>(&desk, "board").await?, pod::<PvcViewer>(&desk, "pvcviewer-files").await?);
        let generation = deployment(&desk, "board").await?["metadata"]["generation"].clone();
        anyhow::Ok((uid(&board), uid(&files), generation))
    };
    let before = stand().await?;
    desk.annotate("iris", STOP, Some("")).await?;
    desk.reaches("iris", "StoppedByOwner").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stand().await?, before, "no new pod and no new template");
    // Nor when it comes back to the same node.
    desk.annotate("iris", STOP, None).await?;
    desk.reaches("iris", "Running").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stand().await?, before);

    // It moves: they give way within seconds, and come back beside it.
    move_to(&desk, "iris", second).await?;
    let started = Instant::now();
    stands_on::<Tensorboard>(&desk, "board", second).await?;
    stands_on::<PvcViewer>(&desk, "files", second).await?;
    ensure!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    desk.reaches("iris", "Running").await?;
    for events in [events::<Tensorboard>(&desk, "board").await?, events::<PvcViewer>(&desk, "files").await?] {
        ensure!(events.contains(&"GivesWay".to_owned()), "{events:?}");
        ensure!(events.last().is_some_and(|last| last == "Started"), "{events:?}");
        ensure!(events.len() <= 5, "{events:?}");
    }
    desk.rests(Duration::from_secs(3)).await?;
    Ok(())
}

/// Upstream rolls the one that is alone on a claim when its own pod runs, and again when that is gone.
#[tokio::test]
async fn its_own_pod_is_never_the_reason_and_one_that_is_there_already_does_not_move() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWO)]).await?;
    board(&desk, "board", "data").await?;
    let status = reaches::<Tensorboard>(&desk, "board", "Running").await?;
    let node = status["nodeName"].as_str().unwrap().to_owned();
    let before = uid(&pod::<Tensorboard>(&desk, "board").await?);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let found = deployment(&desk, "board").await?;
    assert_eq!((&found["metadata"]["generation"], bound(&found)), (&json!(1), Value::Null));

    // A Notebook that comes to its node needs nothing of it.
    notebook_on(&desk, "iris", "data", &on(&node)).await?;
    desk.reaches("iris", "Running").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(uid(&pod::<Tensorboard>(&desk, "board").await?), before);
    assert_eq!(deployment(&desk, "board").await?["metadata"]["generation"], 1);
    // Now it has somebody to stand beside, wherever its next pod is made.
    desk.api::<k8s_openapi::api::core::v1::Pod>()
        .delete(&pod::<Tensorboard>(&desk, "board").await?.metadata.name.unwrap(), &kube::api::DeleteParams::default())
        .await?;
    eventually("another pod", async || {
        ensure!(uid(&pod::<Tensorboard>(&desk, "board").await?) != before, "the same");
        Ok(())
    })
    .await?;
    stands_on::<Tensorboard>(&desk, "board", &node).await?;
    Ok(())
}

/// What a pod that is no server of Carrel's needs counts as much.
#[tokio::test]
async fn a_companion_gives_way_to_any_pod() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWO)]).await?;
    board(&desk, "board", "data").await?;
    let status = reaches::<Tensorboard>(&desk, "board", "Running").await?;
    let other = NODES.into_iter().find(|node| status["nodeName"] != **node).unwrap();
    let job = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: job}}, spec: {{{} containers: [{{name: a, image: i}}],
           volumes: [{{name: v, persistentVolumeClaim: {{claimName: data}}}}]}}}}",
        on(other)
    );
    desk.create(&job).await?;
    stands_on::<Tensorboard>(&desk, "board", other).await?;
    let said = carrel_tests::kubectl(&["get", "events", "-n", &desk.namespace, "--field-selector=reason=GivesWay"])?;
    ensure!(said.contains(&format!("the pod job needs the claim data on the node {other}")), "{said}");
    Ok(())
}

#[tokio::test]
async fn two_companions_settle_on_one_node() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWO)]).await?;
    let at = |node: &str| {
        json!({"pvc": "data", "rwoScheduling": true, "podSpec": {
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": {
                "matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}}]}},
            "containers": [{"name": "a", "image": "i"}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}})
    };
    // Made while nobody looks after them, so that neither knows of the other.
    make::<PvcViewer>(&desk, "one", at(NODES[0])).await?;
    make::<PvcViewer>(&desk, "two", at(NODES[1])).await?;
    board(&desk, "board", "data").await?;
    for name in ["one", "two"] {
        reaches::<PvcViewer>(&desk, name, "Running").await?;
    }
    eventually("one node", async || {
        let mut nodes = Vec::new();
        for name in ["one", "two"] {
            nodes.push(reaches::<PvcViewer>(&desk, name, "Running").await?["nodeName"].clone());
        }
        nodes.push(reaches::<Tensorboard>(&desk, "board", "Running").await?["nodeName"].clone());
        ensure!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
        Ok(())
    })
    .await?;
    desk.rests(Duration::from_secs(5)).await.context("and nobody moves any more")?;
    Ok(())
}

/// Upstream throws the owner's affinity away.
#[tokio::test]
async fn the_owners_own_affinity_is_kept_beside_ours() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWO)]).await?;
    let own = json!({
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "type", "operator": "In", "values": ["kwok"]}]}]}},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": {
            "labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "kubernetes.io/hostname"}}]},
    });
    let spec = json!({"affinity": own, "containers": [{"name": "a", "image": "i"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]});
    notebook_on(&desk, "iris", "data", &on(NODES[0])).await?;
    desk.reaches("iris", "Running").await?;
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data", "rwoScheduling": true, "podSpec": spec})).await?;
    stands_on::<PvcViewer>(&desk, "files", NODES[0]).await?;
    let found = deployment(&desk, "pvcviewer-files").await?;
    assert_eq!(bound(&found), NODES[0]);
    let affinity = &found["spec"]["template"]["spec"]["affinity"];
    assert_eq!(affinity["podAntiAffinity"], own["podAntiAffinity"]);
    let terms = &affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    assert_eq!(terms[0]["matchExpressions"][0]["key"], "type");
    Ok(())
}

/// One whose owner binds it to a node by name, as Carrel does, is bound by its owner and no more.
#[tokio::test]
async fn a_viewer_that_its_owner_binds_by_name_comes_to_rest() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWO)]).await?;
    let own = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [NODES[0]]}]}]}}});
    let spec = json!({"affinity": own, "containers": [{"name": "a", "image": "i"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]});
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data", "rwoScheduling": true, "podSpec": spec})).await?;
    stands_on::<PvcViewer>(&desk, "files", NODES[0]).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(deployment(&desk, "pvcviewer-files").await?["metadata"]["generation"], 1);
    Ok(())
}

#[tokio::test]
async fn without_rwo_scheduling_a_viewer_is_left_alone_and_with_it_it_follows() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWO)]).await?;
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data"})).await?;
    let status = reaches::<PvcViewer>(&desk, "files", "Running").await?;
    let before = uid(&pod::<PvcViewer>(&desk, "pvcviewer-files").await?);
    let other = NODES.into_iter().find(|node| status["nodeName"] != **node).unwrap();
    notebook_on(&desk, "iris", "data", &on(other)).await?;
    desk.reaches("iris", "Running").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(uid(&pod::<PvcViewer>(&desk, "pvcviewer-files").await?), before);
    assert_eq!(deployment(&desk, "pvcviewer-files").await?["metadata"]["generation"], 1);
    change::<PvcViewer>(&desk, "files", json!({"spec": {"rwoScheduling": true}})).await?;
    stands_on::<PvcViewer>(&desk, "files", other).await?;
    Ok(())
}

#[tokio::test]
async fn one_that_is_stopped_moves_nowhere_and_starts_beside() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", RWO)]).await?;
    board(&desk, "board", "data").await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    annotate::<Tensorboard>(&desk, "board", STOP, Some("")).await?;
    let status = reaches::<Tensorboard>(&desk, "board", "StoppedByOwner").await?;
    assert_eq!((&status["phase"], &status["readyReplicas"]), (&json!("Stopped"), &json!(0)));
    notebook_on(&desk, "iris", "data", &on(NODES[1])).await?;
    desk.reaches("iris", "Running").await?;
    ensure!(pods::<Tensorboard>(&desk, "board").await?.is_empty());
    annotate::<Tensorboard>(&desk, "board", STOP, None).await?;
    stands_on::<Tensorboard>(&desk, "board", NODES[1]).await?;
    desk.api::<Notebook>().delete("iris", &kube::api::DeleteParams::default()).await?;
    Ok(())
}
