//! The Notebook kind: versions, schema, rules and columns.

use anyhow::Result;
use carrel_tests::{Desk, kubectl};
use serde_json::{Value, json};

#[tokio::test]
async fn an_object_is_the_same_in_each_of_kubeflows_versions() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    for version in ["v1", "v1beta1", "v1alpha1"] {
        let name = format!("of-{version}");
        desk.create(&format!(
            "{{apiVersion: kubeflow.org/{version}, kind: Notebook, metadata: {{name: {name}}},
              spec: {{template: {{spec: {{containers: [{{name: a, image: i}}]}}}}}}}}"
        ))
        .await?;
        for other in ["v1", "v1beta1", "v1alpha1"] {
            let path = format!("/apis/kubeflow.org/{other}/namespaces/{}/notebooks/{name}", desk.namespace);
            let read: Value = serde_json::from_str(&kubectl(&["get", "--raw", &path])?)?;
            assert_eq!(read["apiVersion"], format!("kubeflow.org/{other}"));
            assert_eq!(read["spec"]["template"]["spec"]["containers"][0]["image"], "i");
        }
    }
    Ok(())
}

/// Upstream's CRD is of Kubernetes 1.23 and prunes all of these.
#[tokio::test]
async fn the_newest_fields_of_a_pod_survive() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let spec = json!({
        "hostUsers": false,
        "schedulingGates": [{"name": "example.org/wait"}],
        "resources": {"requests": {"cpu": "2"}},
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
        "initContainers": [{"name": "sidecar", "image": "s", "restartPolicy": "Always"}],
        "containers": [{
            "name": "a", "image": "i",
            "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
            "resources": {"claims": [{"name": "gpu"}]},
            "lifecycle": {"preStop": {"sleep": {"seconds": 3}}},
            "livenessProbe": {"grpc": {"port": 7, "service": ""}},
            "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": true, "recursiveReadOnly": "IfPossible"}],
        }],
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2,
            "matchLabelKeys": ["a"], "nodeAffinityPolicy": "Honor", "nodeTaintsPolicy": "Ignore",
        }],
        "volumes": [{"name": "v", "image": {"reference": "r", "pullPolicy": "Never"}}],
    });
    let made = desk.notebook("new", &spec.to_string()).await?;
    assert_eq!(made["spec"]["template"]["spec"], spec, "nothing was pruned");
    Ok(())
}

#[tokio::test]
async fn a_template_may_have_labels_and_annotations_of_its_own() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let made = desk
        .create(
            "{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {name: labelled},
              spec: {template: {metadata: {labels: {a: b}, annotations: {c: d}}, spec: {containers: [{name: x, image: i}]}}}}",
        )
        .await?;
    assert_eq!(made["spec"]["template"]["metadata"], json!({"labels": {"a": "b"}, "annotations": {"c": "d"}}));
    Ok(())
}

#[tokio::test]
async fn what_can_not_run_is_refused_with_a_sentence() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let at_least_one = "must have at least one container";
    let cases = [
        ("{}", "spec is required"),
        ("{spec: {}}", at_least_one),
        ("{spec: {template: {}}}", at_least_one),
        ("{spec: {template: {spec: {}}}}", "spec.template.spec.containers: Required value"),
        ("{spec: {template: {spec: {containers: []}}}}", "should have at least 1 items"),
        ("{spec: {template: {spec: {containers: [{name: a}]}}}}", "containers[0].image: Required value"),
        ("{spec: {template: {spec: {containers: [{image: a}]}}}}", "containers[0].name: Required value"),
        ("{spec: {template: {spec: {containers: [{name: a, image: ''}]}}}}", "containers[0].image"),
        (
            "{spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: i}]}}}}",
            "leave restartPolicy out or set it to Always",
        ),
        (
            "{spec: {template: {spec: {activeDeadlineSeconds: 5, containers: [{name: a, image: i}]}}}}",
            "leave activeDeadlineSeconds out",
        ),
        (
            "{spec: {template: {spec: {ephemeralContainers: [{name: d}], containers: [{name: a, image: i}]}}}}",
            "ephemeral containers belong to a running pod",
        ),
        (
            "{spec: {template: {spec: {containers: [{name: a, image: i, ports: [{containerPort: web}]}]}}}}",
            "containerPort",
        ),
    ];
    for (body, expected) in cases {
        let head = "apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {name: wrong}";
        let body = body.strip_prefix('{').unwrap();
        let comma = if body == "}" { "" } else { ", " };
        let error = desk.create(&format!("{{{head}{comma}{body}")).await.expect_err(body).to_string();
        assert!(error.contains(expected), "{body}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn kubectl_applies_explains_and_shortens() -> Result<()> {
    let crds = format!("{}/deploy/crds", xtask::home::repository().display());
    kubectl(&["apply", "--dry-run=server", "-k", &crds])?;
    kubectl(&["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", &crds])?;
    let text = kubectl(&["explain", "notebook.spec.template.spec.containers"])?;
    assert!(text.contains("volumeMounts"), "{text}");
    for words in [["get", "nb"], ["get", "carrel"]] {
        kubectl(&words)?;
    }
    Ok(())
}

/// Kubeflow's own web app template, filled as it fills it.
#[tokio::test]
async fn kubectl_prints_what_a_person_wants_to_know() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: home}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}")
        .await?;
    desk.notebook(
        "web",
        "{containers: [{name: web, image: jupyter:1, volumeMounts: [{name: home, mountPath: /home/jovyan}], env: [],
           resources: {requests: {cpu: '0.5', memory: 1.0Gi}, limits: {cpu: '0.6', memory: 1.2Gi, nvidia.com/gpu: 1}}}],
          volumes: [{name: home, persistentVolumeClaim: {claimName: home}}], tolerations: []}",
    )
    .await?;
    desk.notebook("lost", "{containers: [{name: lost, image: x}], nodeSelector: {place: nowhere}}").await?;
    desk.reaches("web", "Running").await?;
    desk.reaches("lost", "Unschedulable").await?;
    let node = desk.status("web").await?.node_name.unwrap();
    let text = kubectl(&["get", "nb", "-o", "wide", "-n", &desk.namespace])?;
    let words = |line: usize| text.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
    let columns = [
        "NAME", "READY", "STATUS", "WHY", "IMAGE", "CPU", "MEMORY", "GPU", "ACTIVITY", "AGE", "NODE", "STOPS",
        "VOLUMES",
    ];
    assert_eq!(words(0), columns);
    assert_eq!(words(1)[..5], ["lost", "False", "Starting", "Unschedulable", "x"], "{text}");
    let web = words(2);
    assert_eq!(web[..7], ["web", "True", "Running", "jupyter:1", "0.5", "1.0Gi", "1"], "{text}");
    assert_eq!(web[8..], [node.as_str(), "[\"home\"]"]);
    Ok(())
}
