//! Notebooks that Kubeflow's controller runs already come under Carrel without a restart.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::notebook::Notebook;
use carrel_tests::{Controllers, Desk, eventually};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

/// The pod that Kubeflow's controller makes of that Notebook.
pub(crate) fn pod_of_kubeflow(desk: &Desk, name: &str, image: &str) -> Value {
    let prefix = format!("/notebook/{}/{name}", desk.namespace);
    json!({"securityContext": {"fsGroup": 100}, "containers": [{
        "name": name, "image": image, "workingDir": "/home/jovyan",
        "ports": [{"containerPort": 8888, "name": "notebook-port", "protocol": "TCP"}],
        "env": [{"name": "NB_PREFIX", "value": prefix}],
        "resources": {"requests": {"cpu": "0.1", "memory": "0.1Gi"}},
    }]})
}

/// What Kubeflow's controller writes of that Notebook's Service.
pub(crate) fn service_of_kubeflow(name: &str) -> Value {
    json!({"selector": {"statefulset": name},
        "ports": [{"name": format!("http-{name}"), "port": 80, "targetPort": 8888, "protocol": "TCP"}]})
}

/// A Notebook with the children that Kubeflow's controller makes, by its rules, and their pod running.
pub(crate) async fn made_by_kubeflow(desk: &Desk, name: &str) -> Result<String> {
    desk.create(&format!(
        "{{apiVersion: kubeflow.org/v1beta1, kind: Notebook, metadata: {{name: {name}, labels: {{app: {name}}}, annotations: {{carrel.dev/restart-requested: old}}}},
          spec: {{template: {{spec: {{containers: [{{name: {name}, image: jupyter, resources: {{requests: {{cpu: '0.1', memory: 0.1Gi}}}}}}]}}}}}}}}"
    ))
    .await?;
    let uid = desk.api::<Notebook>().get(name).await?.uid().context("no uid")?;
    let owner = json!([{"apiVersion": "kubeflow.org/v1beta1", "kind": "Notebook", "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true}]);
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": name, "ownerReferences": owner},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"statefulset": name}},
            "template": {
                "metadata": {"labels": {"statefulset": name, "notebook-name": name, "app": name}},
                "spec": pod_of_kubeflow(desk, name, "jupyter"),
            },
        },
    });
    let mut spec = service_of_kubeflow(name);
    spec["type"] = json!("ClusterIP");
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "ownerReferences": owner}, "spec": spec,
    });
    desk.create(&set.to_string()).await?;
    desk.create(&service.to_string()).await?;
    let pod = desk.pod_after(name, "").await?;
    pod.uid().context("no uid")
}

#[tokio::test]
async fn a_running_notebook_is_taken_over_without_a_restart() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let names = ["one", "two", "three"];
    let mut pods = Vec::new();
    for name in names {
        pods.push(made_by_kubeflow(&desk, name).await?);
    }
    let controllers = Controllers::of(&desk.namespace)?;
    for (name, uid) in names.iter().zip(&pods) {
        desk.reaches(name, "Running").await?;
        eventually("the takeover", async || {
            let set = desk.stateful_set(name).await?;
            let strategy = set.spec.update_strategy.and_then(|strategy| strategy.type_);
            ensure!(strategy.as_deref() == Some("OnDelete"), "{strategy:?}");
            Ok(())
        })
        .await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        ensure!(desk.pod_uid(name).await? == *uid, "{name} was restarted");
    }
    let events = desk.api::<Event>().list(&ListParams::default().fields("involvedObject.kind=Notebook")).await?;
    let reasons: Vec<_> = events.items.iter().filter_map(|event| event.reason.as_deref()).collect();
    ensure!(!reasons.contains(&"NameTaken"), "nothing was in the way: {reasons:?}");

    // From now on its owner's edits and requests count, once each.
    // What the owner removes goes, though another controller set it: a renamed container leaves none of the old name.
    let edit = json!({"spec": {"template": {"spec": {"containers": [{"name": "renamed", "image": "newer"}]}}}});
    desk.change("one", edit).await?;
    let pod: Pod = desk.pod_after("one", &pods[0]).await?;
    let containers = pod.spec.unwrap().containers;
    let names: Vec<_> = containers.iter().map(|container| container.name.as_str()).collect();
    ensure!(names == ["renamed"], "{names:?}");
    ensure!(containers[0].image.as_deref() == Some("newer"));
    desk.reaches("one", "Running").await?;
    desk.annotate("two", "carrel.dev/restart-requested", Some("new")).await?;
    desk.pod_after("two", &pods[1]).await?;
    ensure!(desk.pod_uid("three").await? == pods[2]);

    // Also after Carrel itself starts anew.
    controllers.stop().await?;
    let _controllers = Controllers::of(&desk.namespace)?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(desk.pod_uid("three").await? == pods[2]);
    desk.annotate("three", "carrel.dev/restart-requested", Some("new")).await?;
    desk.pod_after("three", &pods[2]).await?;
    Ok(())
}
