//! Many objects at once, for what shows only in numbers.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use carrel_api::notebook::{Notebook, Phase};
use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Desk;

/// An object to create, and what it is.
pub type Object = (ApiResource, Value);

/// Requests that are kept under way.
const SIDE_BY_SIDE: usize = 16;

/// The spec of a small pod.
pub fn pod(name: &str) -> Value {
    json!({"containers": [{"name": name, "image": "jupyter", "resources": {"requests": {"cpu": "10m"}}}]})
}

/// A Notebook of this name that asks for little.
pub fn notebook(name: &str) -> (ApiResource, Value) {
    let spec = json!({"template": {"spec": pod(name)}});
    let notebook =
        json!({"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": name}, "spec": spec});
    (ApiResource::erase::<Notebook>(&()), notebook)
}

/// Creates all of them in the namespace.
pub async fn create_all(desk: &Desk, objects: Vec<(ApiResource, Value)>) -> Result<()> {
    let share = objects.len().div_ceil(SIDE_BY_SIDE).max(1);
    let mut tasks = Vec::new();
    for part in objects.chunks(share).map(<[_]>::to_vec) {
        let (client, namespace) = (desk.client.clone(), desk.namespace.clone());
        tasks.push(tokio::spawn(async move {
            for (resource, object) in part {
                let api = Api::<DynamicObject>::namespaced_with(client.clone(), &namespace, &resource);
                api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// How many objects of a kind the namespace has that count.
pub async fn count_of<K>(desk: &Desk, counts: impl Fn(&K) -> bool) -> Result<usize>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    Ok(desk.api::<K>().list(&ListParams::default()).await?.items.iter().filter(|object| counts(object)).count())
}

/// Waits until that many Notebooks of the namespace run, for as long as `limit`.
pub async fn all_running(desk: &Desk, count: usize, limit: Duration) -> Result<()> {
    let runs = |notebook: &Notebook| {
        let status = notebook.status.as_ref().and_then(|status| status.valid());
        status.is_some_and(|status| status.phase == Some(Phase::Running) && status.ready_replicas == 1)
    };
    let started = Instant::now();
    loop {
        let running = count_of(desk, runs).await?;
        if running >= count {
            return Ok(());
        }
        ensure!(started.elapsed() < limit, "only {running} of {count} run after {} s", limit.as_secs());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
