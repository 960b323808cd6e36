//! Routes, judged by the schemas that Istio and the Gateway API publish.

mod gateway;
mod ingress;
mod istio;

use anyhow::{Context, Result, ensure};
use carrel_api::notebook::Condition;
use carrel_tests::{Desk, eventually, install};
use kube::api::{Api, DeleteParams, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use xtask::cluster::Foreign;

const REWRITE: &str = "notebooks.kubeflow.org/http-rewrite-uri";
const HEADERS: &str = "notebooks.kubeflow.org/http-headers-request-set";

/// Carrel's arguments for the Gateway that these tests name; there is none, which is no matter of Carrel's.
pub(crate) const TO_GATEWAY: [&str; 2] = ["--routing=gateway", "--gateway=infra/public"];

/// A Desk on a cluster that has Istio's CRD, with Carrel routing by it.
pub(crate) async fn istio(arguments: &[&str]) -> Result<Desk> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED.get_or_try_init(|| install(Foreign::Istio)).await?;
    Desk::with(&[&["--routing=istio"], arguments].concat()).await
}

/// A kind of route, in the version that its tests read.
fn resource(kind: &str) -> ApiResource {
    let (group, version) = match kind {
        "VirtualService" => ("networking.istio.io", "v1"),
        "HTTPRoute" => ("gateway.networking.k8s.io", "v1"),
        _ => ("networking.k8s.io", "v1"),
    };
    let plural = match kind {
        "Ingress" => "ingresses".to_owned(),
        other => format!("{}s", other.to_lowercase()),
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), &plural)
}

/// The namespace's routes of a kind.
fn routes(desk: &Desk, kind: &str) -> Api<DynamicObject> {
    Api::namespaced_with(desk.client.clone(), &desk.namespace, &resource(kind))
}

/// A route, when it is there.
pub(crate) async fn route(desk: &Desk, kind: &str, name: &str) -> Result<Value> {
    eventually(&format!("the {kind} {name}"), async || Ok(serde_json::to_value(routes(desk, kind).get(name).await?)?))
        .await
}

/// Waits until a route is as the check wants it.
pub(crate) async fn becomes(desk: &Desk, kind: &str, name: &str, check: impl Fn(&Value) -> bool) -> Result<Value> {
    eventually(&format!("the new {kind} {name}"), async || {
        let found = serde_json::to_value(routes(desk, kind).get(name).await?)?;
        ensure!(check(&found), "{found}");
        Ok(found)
    })
    .await
}

/// Waits until a route is gone.
pub(crate) async fn is_gone(desk: &Desk, kind: &str, name: &str) -> Result<()> {
    eventually(&format!("the end of the {kind} {name}"), async || {
        ensure!(routes(desk, kind).get_opt(name).await?.is_none(), "it is still there");
        Ok(())
    })
    .await
}

/// Waits until the condition `Routed` of a Notebook has this reason; its sentence.
async fn told(desk: &Desk, name: &str, reason: &str) -> Result<String> {
    eventually(&format!("{reason} of {name}"), async || {
        let status = desk.status(name).await?;
        let found = status.condition("Routed").with_context(|| format!("no word of it: {status:?}"))?;
        ensure!(found.reason.as_deref() == Some(reason), "{found:?}");
        ensure!((found.status == "True") == (reason == "Routed"), "{found:?}");
        found.message.clone().context("no sentence")
    })
    .await
}

/// The condition `Routed` of a Notebook, if it has one.
async fn routed(desk: &Desk, name: &str) -> Result<Option<Condition>> {
    Ok(desk.status(name).await?.condition("Routed").cloned())
}

/// Creates a Notebook with these annotations.
async fn notebook(desk: &Desk, name: &str, annotations: &Value) -> Result<()> {
    let object = json!({
        "apiVersion": "kubeflow.org/v1", "kind": "Notebook",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"name": "server", "image": "jupyter"}]}}},
    });
    desk.create(&object.to_string()).await.map(drop)
}

/// A stranger's route that a Notebook's would be called like is told and left alone, and made once it goes.
async fn is_left_alone(desk: &Desk, kind: &str, spec: &Value) -> Result<()> {
    let theirs =
        json!({"apiVersion": resource(kind).api_version, "kind": kind, "metadata": {"name": "mine"}, "spec": spec});
    let theirs = desk.create(&theirs.to_string()).await?;
    notebook(desk, "mine", &json!({})).await?;
    let said = told(desk, "mine", "NameTaken").await?;
    ensure!(said.contains("mine") && said.contains("it is left alone"), "{said}");
    desk.reaches("mine", "Running").await?;
    let found = route(desk, kind, "mine").await?;
    assert_eq!(found["metadata"]["resourceVersion"], theirs["metadata"]["resourceVersion"]);
    routes(desk, kind).delete("mine", &DeleteParams::default()).await?;
    told(desk, "mine", "Routed").await.map(drop)
}
