//! Many objects at once, for what shows only in numbers.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Result, bail};
use carrel_api::notebook::{Notebook, Phase};
use carrel_api::volume_request::VolumeRequest;
use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

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

/// A VolumeRequest of this name, of the default class.
pub fn volume_request(name: &str) -> Object {
    let request = json!({"apiVersion": "carrel.dev/v1alpha1", "kind": "VolumeRequest", "metadata": {"name": name},
        "spec": {"size": "1Gi"}});
    (ApiResource::erase::<VolumeRequest>(&()), request)
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

/// Counts the namespace's objects of a kind that count, by a watch: asking again and again would be a good part of what is
/// measured. It begins when it is made, and ends when it is dropped.
pub struct Count {
    counted: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Count {
    /// Counts those of which `counts` is true now.
    pub fn of<K>(desk: &Desk, counts: impl Fn(&K) -> bool + Send + 'static) -> Self
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let (told, counted) = watch::channel(0);
        let events = watcher(desk.api::<K>(), watcher::Config::default()).default_backoff();
        let task = tokio::spawn(async move {
            let mut names = BTreeSet::new();
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Apply(object) | Event::InitApply(object)) => {
                        let name = object.name_any();
                        if counts(&object) {
                            names.insert(name)
                        } else {
                            names.remove(&name)
                        };
                    }
                    Ok(Event::Delete(object)) => {
                        names.remove(&object.name_any());
                    }
                    Ok(Event::Init) => names.clear(),
                    Ok(Event::InitDone) | Err(_) => {}
                }
                // Nobody may wait any more.
                let _ = told.send(names.len());
            }
        });
        Self { counted, task }
    }

    /// Waits until there are that many, for as long as `limit`.
    pub async fn reaches(&mut self, count: usize, limit: Duration) -> Result<()> {
        self.becomes(|counted| counted >= count, count, limit).await
    }

    /// Waits until there are no more than that many, for as long as `limit`.
    pub async fn falls_to(&mut self, count: usize, limit: Duration) -> Result<()> {
        self.becomes(|counted| counted <= count, count, limit).await
    }

    async fn becomes(&mut self, is: impl Fn(usize) -> bool, count: usize, limit: Duration) -> Result<()> {
        let waited = tokio::time::timeout(limit, self.counted.wait_for(|counted| is(*counted))).await;
        let in_time = waited.map(|counted| counted.map(drop));
        match in_time {
            Ok(counted) => Ok(counted?),
            Err(_) => bail!("{} and not {count} after {} s", *self.counted.borrow(), limit.as_secs()),
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether a Notebook runs.
pub fn runs(notebook: &Notebook) -> bool {
    let status = notebook.status.as_ref().and_then(|status| status.valid());
    status.is_some_and(|status| status.phase == Some(Phase::Running) && status.ready_replicas == 1)
}
