//! How companions are reached from outside, by each kind of route.

use anyhow::{Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Desk, eventually};
use serde_json::{Value, json};

use super::{Volumes, change, condition, deployment, make, reaches, status};
use crate::routes::{is_gone, istio, route};

/// Waits until the condition `Routed` has this reason; its sentence.
async fn told<K: super::Kind>(desk: &Desk, name: &str, reason: &str) -> Result<String> {
    eventually(&format!("{reason} of {name}"), async || {
        let status = status::<K>(desk, name).await?;
        let routed = condition(&status, "Routed");
        ensure!(routed["reason"] == reason, "{status}");
        Ok(routed["message"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

fn networking(rewrite: &Value) -> Value {
    json!({"pvc": "data", "networking": {"targetPort": "web", "basePrefix": "/files", "rewrite": rewrite, "timeout": "30s"}})
}

#[tokio::test]
async fn virtual_services_are_kubeflows_but_for_the_domain_and_go_with_networking() -> Result<()> {
    let desk = istio(&["--istio-gateway=infra/gw", "--istio-host=hub.example.org", "--cluster-domain=k8s.lan"]).await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    make::<Tensorboard>(&desk, "board", json!({"logspath": "pvc://data"})).await?;
    let found = route(&desk, "VirtualService", "board").await?;
    let expected = |path: &str, rewrite: &str, host: &str, timeout: &str| {
        json!({
            "hosts": ["hub.example.org"], "gateways": ["infra/gw"],
            "http": [{
                "match": [{"uri": {"prefix": format!("{path}/")}}, {"uri": {"exact": path}}],
                "rewrite": {"uri": rewrite}, "headers": {"request": {"set": {}}}, "timeout": timeout,
                "route": [{"destination": {
                    "host": format!("{host}.{}.svc.k8s.lan", desk.namespace), "port": {"number": 80}}}],
            }],
        })
    };
    let path = format!("/tensorboard/{}/board", desk.namespace);
    assert_eq!(found["spec"], expected(&path, "/", "board", "300s"));
    assert_eq!(found["metadata"]["ownerReferences"][0]["kind"], "Tensorboard");
    told::<Tensorboard>(&desk, "board", "Routed").await?;
    let args = deployment(&desk, "board").await?["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    assert_eq!(args, json!(["--logdir=/tensorboard_logs/", "--bind_all"]));

    make::<PvcViewer>(&desk, "data", networking(&json!("/"))).await?;
    let found = route(&desk, "VirtualService", "pvcviewer-data").await?;
    let path = format!("/files/{}/data", desk.namespace);
    assert_eq!(found["spec"], expected(&path, "/", "pvcviewer-data", "30s"));
    assert_eq!(serde_json::to_value(desk.service("pvcviewer-data").await?)?["spec"]["ports"][0]["targetPort"], "web");
    // Without a rewrite the server sees its path, and without a timeout there is none.
    change::<PvcViewer>(&desk, "data", json!({"spec": {"networking": {"rewrite": null, "timeout": null}}})).await?;
    crate::routes::becomes(&desk, "VirtualService", "pvcviewer-data", |found| {
        let rule = &found["spec"]["http"][0];
        rule["rewrite"]["uri"] == format!("{path}/") && rule["timeout"].is_null()
    })
    .await?;
    change::<PvcViewer>(&desk, "data", json!({"spec": {"networking": null}})).await?;
    is_gone(&desk, "VirtualService", "pvcviewer-data").await?;
    let status = reaches::<PvcViewer>(&desk, "data", "Running").await?;
    ensure!(condition(&status, "Routed").is_null(), "{status}");
    change::<PvcViewer>(&desk, "data", networking(&json!("/")).as_object().map(|spec| json!({"spec": spec})).unwrap())
        .await?;
    route(&desk, "VirtualService", "pvcviewer-data").await?;
    desk.rests(std::time::Duration::from_secs(3)).await?;
    Ok(())
}

/// An Ingress can't rewrite a path: TensorBoard serves under it, and a viewer that needs one has no route.
#[tokio::test]
async fn with_an_ingress_tensorboard_serves_under_its_path() -> Result<()> {
    let desk = Desk::with(&["--routing=ingress"]).await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    make::<Tensorboard>(&desk, "board", json!({"logspath": "pvc://data"})).await?;
    let found = route(&desk, "Ingress", "board").await?;
    let path = format!("/tensorboard/{}/board", desk.namespace);
    let rule = &found["spec"]["rules"][0]["http"]["paths"][0];
    assert_eq!((&rule["path"], &rule["pathType"]), (&json!(path), &json!("Prefix")));
    assert_eq!(rule["backend"]["service"]["name"], "board");
    let args = deployment(&desk, "board").await?["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    assert_eq!(args, json!(["--logdir=/tensorboard_logs/", "--bind_all", format!("--path_prefix={path}")]));
    told::<Tensorboard>(&desk, "board", "Routed").await?;

    make::<PvcViewer>(&desk, "data", networking(&json!("/"))).await?;
    let said = told::<PvcViewer>(&desk, "data", "RouteUnsupported").await?;
    ensure!(said.contains("spec.networking.rewrite") && said.contains("an Ingress can't rewrite a path"), "{said}");
    reaches::<PvcViewer>(&desk, "data", "Running").await?;
    change::<PvcViewer>(&desk, "data", json!({"spec": {"networking": {"rewrite": null}}})).await?;
    told::<PvcViewer>(&desk, "data", "Routed").await?;
    let found = route(&desk, "Ingress", "pvcviewer-data").await?;
    let path = format!("/files/{}/data", desk.namespace);
    assert_eq!(found["spec"]["rules"][0]["http"]["paths"][0]["path"], path);
    Ok(())
}

#[tokio::test]
async fn without_routes_nothing_of_a_mesh_is_needed_or_said() -> Result<()> {
    let desk = Desk::new().await?;
    make::<Tensorboard>(&desk, "board", json!({"logspath": "s3://runs"})).await?;
    let status = reaches::<Tensorboard>(&desk, "board", "Running").await?;
    ensure!(condition(&status, "Routed").is_null(), "{status}");
    Ok(())
}
