//! What a Notebook is made of, and that it stays so.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_tests::{Audit, Desk, eventually};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

/// Kubeflow's rules for the two, field by field.
#[tokio::test]
async fn stateful_set_and_service_are_as_kubeflow_makes_them() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create(
        "apiVersion: kubeflow.org/v1beta1
kind: Notebook
metadata:
  name: plain
  labels: {app: plain, team: a}
  annotations: {notebooks.kubeflow.org/creator: ann, example.org/kept: 'yes'}
spec: {template: {spec: {containers: [{name: plain, image: jupyter}]}}}",
    )
    .await?;
    desk.reaches("plain", "Running").await?;
    let uid = desk.api::<carrel_api::notebook::Notebook>().get("plain").await?.uid().unwrap();

    let set = serde_json::to_value(desk.stateful_set("plain").await?)?;
    let spec = &set["spec"];
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["selector"], json!({"matchLabels": {"statefulset": "plain"}}));
    assert_eq!(spec["updateStrategy"]["type"], "OnDelete", "never restarts a pod by itself");
    assert_eq!(spec["podManagementPolicy"], "OrderedReady");
    assert!(spec["volumeClaimTemplates"].is_null() && spec["serviceName"].as_str().unwrap_or_default().is_empty());
    let labels = json!({"app": "plain", "team": "a", "statefulset": "plain", "notebook-name": "plain"});
    assert_eq!(spec["template"]["metadata"]["labels"], labels);
    let annotations = spec["template"]["metadata"]["annotations"].as_object().unwrap();
    assert_eq!(annotations["example.org/kept"], "yes");
    assert!(!annotations.contains_key("notebooks.kubeflow.org/creator"));
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["securityContext"], json!({"fsGroup": 100}));
    let server = &pod["containers"][0];
    assert_eq!(server["workingDir"], "/home/jovyan");
    assert_eq!(server["ports"], json!([{"name": "notebook-port", "containerPort": 8888, "protocol": "TCP"}]));
    let prefix = format!("/notebook/{}/plain", desk.namespace);
    assert_eq!(server["env"], json!([{"name": "NB_PREFIX", "value": prefix}]));

    let service = serde_json::to_value(desk.service("plain").await?)?;
    assert_eq!(service["spec"]["type"], "ClusterIP");
    assert_eq!(service["spec"]["selector"], json!({"statefulset": "plain"}));
    let ports = json!([{"name": "http-plain", "port": 80, "protocol": "TCP", "targetPort": 8888}]);
    assert_eq!(service["spec"]["ports"], ports);
    for child in [&set, &service] {
        let owner = json!([{"apiVersion": "kubeflow.org/v1beta1", "kind": "Notebook", "name": "plain", "uid": uid,
            "controller": true, "blockOwnerDeletion": true}]);
        assert_eq!(child["metadata"]["ownerReferences"], owner);
    }
    Ok(())
}

#[tokio::test]
async fn a_deleted_child_comes_back() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("back").await?;
    for propagation in [DeleteParams::background(), DeleteParams::foreground()] {
        let (set, service) = (desk.stateful_set("back").await?, desk.service("back").await?);
        desk.api::<StatefulSet>().delete("back", &propagation).await?;
        desk.api::<Service>().delete("back", &propagation).await?;
        eventually("new children", async || {
            ensure!(desk.stateful_set("back").await?.uid() != set.uid(), "the same StatefulSet");
            ensure!(desk.service("back").await?.uid() != service.uid(), "the same Service");
            Ok(())
        })
        .await?;
    }
    desk.reaches("back", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn drift_is_repaired_and_the_log_names_the_field() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("drift").await?;
    let patch = json!({"spec": {"selector": {"statefulset": "another"}}});
    desk.api::<Service>().patch("drift", &PatchParams::default(), &Patch::Merge(patch)).await?;
    // The strategy's own parameters, which apply can't remove, come along.
    let patch = json!({"spec": {"replicas": 0, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}});
    desk.api::<StatefulSet>().patch("drift", &PatchParams::default(), &Patch::Merge(patch)).await?;
    eventually("the repair", async || {
        let selector = desk.service("drift").await?.spec.unwrap().selector.unwrap();
        ensure!(selector["statefulset"] == "drift", "{selector:?}");
        let spec = desk.stateful_set("drift").await?.spec;
        ensure!(spec.replicas == Some(1), "replicas");
        ensure!(spec.update_strategy.and_then(|strategy| strategy.type_).as_deref() == Some("OnDelete"), "strategy");
        Ok(())
    })
    .await?;
    let log = desk.controllers.as_ref().unwrap().log();
    assert!(log.contains("spec.selector.statefulset: another instead of drift"), "{log}");
    assert!(log.contains("spec.replicas: 0 instead of 1"), "{log}");
    Ok(())
}

/// Upstream throws labels, annotations and injected fields away on each reconcile.
#[tokio::test]
async fn what_others_put_on_children_stays() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("shared").await?;
    let theirs = json!({"metadata": {"labels": {"theirs": "1"}, "annotations": {"theirs": "2"}}});
    desk.api::<Service>().patch("shared", &PatchParams::default(), &Patch::Merge(&theirs)).await?;
    let mut set = theirs.clone();
    set["spec"] =
        json!({"template": {"spec": {"priority": null, "containers": [{"name": "proxy", "image": "proxy"}]}}});
    desk.api::<StatefulSet>().patch("shared", &PatchParams::default(), &Patch::Strategic(&set)).await?;
    // A change of ours is applied beside what is theirs.
    desk.change("shared", json!({"metadata": {"labels": {"new": "label"}}})).await?;
    let set = eventually("the new label", async || {
        let set = serde_json::to_value(desk.stateful_set("shared").await?)?;
        ensure!(set["spec"]["template"]["metadata"]["labels"]["new"] == "label");
        Ok(set)
    })
    .await?;
    let service = serde_json::to_value(desk.service("shared").await?)?;
    for child in [&set, &service] {
        assert_eq!(child["metadata"]["labels"]["theirs"], "1");
        assert_eq!(child["metadata"]["annotations"]["theirs"], "2");
    }
    let names = |set: &Value| {
        let containers = set["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        let mut names: Vec<_> = containers.iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&set), ["proxy", "shared"]);
    desk.rests(Duration::from_secs(3)).await?;
    Ok(())
}

#[tokio::test]
async fn a_settled_notebook_costs_no_request_also_after_a_restart_of_carrel() -> Result<()> {
    let mut desk = Desk::new().await?;
    // Quantities, defaults, empty lists and numbers, as people write them.
    desk.notebook(
        "settled",
        "{containers: [{name: settled, image: i, env: [], command: [], ports: [{containerPort: 8888}],
           resources: {requests: {cpu: 0.5, memory: 0.5Gi}, limits: {cpu: 2, memory: 1024Mi}},
           livenessProbe: {httpGet: {path: /, port: 8888}}, securityContext: {privileged: false}}],
          tolerations: [{key: a, operator: Exists}], volumes: [{name: shm, emptyDir: {medium: Memory, sizeLimit: 1024Mi}}]}"
            .replace("cpu: 0.5", "cpu: '0.5'")
            .as_str(),
    )
    .await?;
    desk.reaches("settled", "Running").await?;
    let before = Audit::given()?.of(&desk.namespace)?.len();
    Audit::settle().await;
    let made = Audit::given()?.writes(&desk.namespace)?;
    let count = |word: &str| made.iter().filter(|write| write.starts_with(word)).count();
    assert_eq!((count("patch services "), count("patch statefulsets ")), (1, 1), "{made:?}");
    // On a busy machine a start takes longer than a moment, and says so.
    assert!(count("create events") == 2 && made.len() <= 7, "{made:?}");
    assert_eq!(desk.writes_within(Duration::from_secs(3)).await?, [""; 0]);
    let version = desk.api::<carrel_api::notebook::Notebook>().get("settled").await?.resource_version();
    assert!(before >= 6, "the audit log holds what Carrel asks: {before}");

    desk.controllers.take().unwrap().stop().await?;
    let controllers = carrel_tests::Controllers::of(&desk.namespace)?;
    controllers.ready().await?;
    desk.controllers = Some(controllers);
    assert_eq!(desk.writes_within(Duration::from_secs(3)).await?, [""; 0], "a restart writes nothing");
    let after = desk.api::<carrel_api::notebook::Notebook>().get("settled").await?.resource_version();
    assert_eq!(version, after);
    Ok(())
}

#[tokio::test]
async fn ports_and_prefix_of_the_owner_stay() -> Result<()> {
    let desk = Desk::new().await?;
    desk.notebook(
        "own",
        "{securityContext: {}, containers: [{name: main, image: i, workingDir: /work, env: [{name: NB_PREFIX, value: /mine}],
           ports: [{containerPort: 9999, name: web}, {containerPort: 1234}]}]}",
    )
    .await?;
    desk.reaches("own", "Running").await?;
    let ports = desk.service("own").await?.spec.unwrap().ports.unwrap();
    assert_eq!(serde_json::to_value(&ports[0].target_port)?, 9999);
    let pod = desk.api::<Pod>().get("own-0").await?.spec.unwrap();
    assert_eq!(pod.security_context.unwrap().fs_group, None);
    let server = &pod.containers[0];
    assert_eq!(server.working_dir.as_deref(), Some("/work"));
    assert_eq!(server.env.as_ref().unwrap()[0].value.as_deref(), Some("/mine"));
    Ok(())
}
