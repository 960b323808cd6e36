//! Tensorboards and PVCViewers, as the tests ask for them and use them.

use std::fmt::Debug;

use anyhow::{Context, Result, ensure};
use carrel_api::server::{Condition, READY};
use carrel_tests::{Desk, eventually};
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use xtask::images::{Image, ensure as build};
use xtask::web::agent;

/// A namespace on a cluster that has the images.
pub(crate) async fn desk() -> Result<Desk> {
    images()?;
    Desk::without_controllers().await
}

/// What a companion's pod and a notebook run.
pub(crate) fn images() -> Result<()> {
    build(&[Image::Jupyter, Image::Tensorboard, Image::FileViewer], true)
}

/// Waits until the condition `Ready` of a Tensorboard or a PVCViewer gives this reason, for what its owner asks now.
pub(crate) async fn reaches<K>(desk: &Desk, name: &str, reason: &str) -> Result<Condition>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize,
{
    eventually(&format!("{reason} of {name}"), async || {
        let object = serde_json::to_value(desk.api::<K>().get(name).await?)?;
        let status = object.get("status").context("no status yet")?;
        ensure!(status["observedGeneration"] == object["metadata"]["generation"], "the status is behind: {status}");
        let conditions: Vec<Condition> = serde_json::from_value(status["conditions"].clone())?;
        let ready = conditions.into_iter().find(|condition| condition.type_ == READY).context("no Ready")?;
        ensure!(ready.reason.as_deref() == Some(reason), "{status}");
        Ok(ready)
    })
    .await
}

/// The address of a Service, which this machine reaches.
pub(crate) async fn address(desk: &Desk, service: &str) -> Result<String> {
    let address = desk.service(service).await?.spec.and_then(|spec| spec.cluster_ip).context("no address")?;
    Ok(format!("http://{address}"))
}

/// The fields of an object at a path, as the API server shows them.
pub(crate) fn at<'a>(object: &'a Value, path: &str) -> Result<&'a Value> {
    object.pointer(path).with_context(|| format!("no {path} in {object}"))
}

/// Uploads a file with a form, as the viewer's page does.
pub(crate) fn upload(url: &str, name: &str, content: &str) -> Result<()> {
    let boundary = "carrel-carrel-carrel";
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"{name}\"\r\n\r\n{content}\r\n--{boundary}--\r\n"
    );
    let form = format!("multipart/form-data; boundary={boundary}");
    let answer = agent().post(url).header("Content-Type", &form).send(body).with_context(|| format!("POST {url}"))?;
    ensure!(answer.status().is_success(), "POST {url}: {}", answer.status());
    Ok(())
}
