//! What a process looks after, and the watches of it.

use std::fmt::Debug;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::NamespaceResourceScope;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource};

use crate::feed::Feed;
use crate::metrics::Metrics;
use crate::shelf::Shelved;

/// What a process looks after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every namespace.
    Cluster,
    /// One namespace.
    Namespace(String),
}

impl Scope {
    /// The objects of a kind.
    pub fn api<K>(&self, client: Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::Cluster => Api::all(client),
            Self::Namespace(namespace) => Api::namespaced(client, namespace),
        }
    }

    /// Runs a feed on the watch of its kind. Never ends. (A box, lest the compiler makes one function of all watches of a
    /// controller, and takes minutes to optimize it.)
    pub fn watch<K>(
        &self,
        mut feed: Feed<K>,
        client: &Client,
        config: watcher::Config,
        metrics: &Arc<Metrics>,
    ) -> BoxFuture<'static, ()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Shelved + Debug,
    {
        let events = watcher(self.api::<K>(client.clone()), config).default_backoff();
        let metrics = metrics.clone();
        async move { feed.run(events, metrics).await }.boxed()
    }
}
