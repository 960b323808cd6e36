//! The watch of the one kind that routes are, while the cluster has it.

use std::fmt::Debug;
use std::sync::Arc;

use carrel_runtime::child::ours;
use carrel_runtime::feed::{Change, Feed, everything};
use carrel_runtime::ledger::Ledger;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use carrel_runtime::scope::Scope;
use carrel_runtime::served::follow;
use carrel_runtime::shelf::Shelved;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{ForeignApi, HTTPRoute, Presence, RouteStore, Routes, Routing, VirtualService};

/// The feed of the kind that routes are.
pub(crate) struct RouteFeed {
    feed: Kinds,
    needs: Option<ForeignApi>,
    presence: watch::Sender<Presence>,
}

enum Kinds {
    Off,
    VirtualService(Feed<VirtualService>),
    HTTPRoute(Feed<HTTPRoute>),
    Ingress(Feed<Ingress>),
}

impl RouteFeed {
    pub(crate) fn new(routing: &Routing, health: &Health) -> Self {
        let (feed, presence) = match routing {
            Routing::None => (Kinds::Off, Presence::There),
            Routing::Istio(_) => (Kinds::VirtualService(Feed::new("virtualservices", health)), Presence::Unknown),
            Routing::Gateway(_) => (Kinds::HTTPRoute(Feed::new("httproutes", health)), Presence::Unknown),
            Routing::Ingress(_) => (Kinds::Ingress(Feed::new("ingresses", health)), Presence::Unknown),
        };
        Self { feed, needs: routing.needs(), presence: watch::channel(presence).0 }
    }

    pub(crate) fn routes(&self) -> Routes {
        let store = match &self.feed {
            Kinds::Off => RouteStore::Off,
            Kinds::VirtualService(feed) => RouteStore::VirtualService(feed.store()),
            Kinds::HTTPRoute(feed) => RouteStore::HTTPRoute(feed.store()),
            Kinds::Ingress(feed) => RouteStore::Ingress(feed.store()),
        };
        Routes { store, presence: self.presence.subscribe() }
    }

    /// Adds a listener that is told of each state of a route that changes.
    pub(crate) fn listen(&mut self, tell: impl Fn(&ObjectMeta) + Send + Sync + 'static) {
        match &mut self.feed {
            Kinds::Off => {}
            Kinds::VirtualService(feed) => feed.listen(states(tell)),
            Kinds::HTTPRoute(feed) => feed.listen(states(tell)),
            Kinds::Ingress(feed) => feed.listen(states(tell)),
        }
    }

    pub(crate) fn forget_in(&mut self, ledger: &Arc<Ledger>) {
        match &mut self.feed {
            Kinds::Off => {}
            Kinds::VirtualService(feed) => feed.forget_in(ledger),
            Kinds::HTTPRoute(feed) => feed.forget_in(ledger),
            Kinds::Ingress(feed) => feed.forget_in(ledger),
        }
    }

    /// Runs the watch while the cluster has the kind; `changed` is called when it comes or goes. Never ends.
    pub(crate) async fn watch(self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>, changed: impl Fn()) {
        let Self { feed, needs, presence } = self;
        let kind = Kind { needs, client, scope, metrics, presence };
        match feed {
            Kinds::Off => std::future::pending().await,
            Kinds::VirtualService(feed) => kind.watch(feed, changed).await,
            Kinds::HTTPRoute(feed) => kind.watch(feed, changed).await,
            Kinds::Ingress(feed) => kind.watch(feed, changed).await,
        }
    }
}

/// A listener that is told of each state of an object.
pub(crate) fn states<K: Resource>(tell: impl Fn(&ObjectMeta) + Send + Sync + 'static) -> impl Fn(&Change<'_, K>) {
    move |change| change.states().for_each(|object| tell(object.meta()))
}

/// Waits until it is known whether the kind of the routes is there, and until its cache is filled if so.
pub(crate) async fn known(routes: &Routes) -> Option<()> {
    routes.presence.clone().wait_for(|presence| *presence != Presence::Unknown).await.ok().map(drop)
}

/// What the watch of a kind needs.
struct Kind<'a> {
    needs: Option<ForeignApi>,
    client: &'a Client,
    scope: &'a Scope,
    metrics: &'a Arc<Metrics>,
    presence: watch::Sender<Presence>,
}

impl Kind<'_> {
    async fn watch<K>(self, feed: Feed<K>, changed: impl Fn())
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Shelved + Debug,
    {
        let (told, served) = watch::channel(None);
        if let Some(ForeignApi { crd, version, .. }) = self.needs {
            let following = follow(self.client, crd, version, self.metrics.clone(), told);
            tokio::join!(following, self.while_served(feed, served, changed));
        } else {
            told.send_replace(Some(true));
            self.while_served(feed, served, changed).await;
        }
    }

    async fn while_served<K>(&self, mut feed: Feed<K>, mut served: watch::Receiver<Option<bool>>, changed: impl Fn())
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Shelved + Debug,
    {
        let become_known = |presence| {
            if self.presence.send_replace(presence) != presence {
                changed();
            }
        };
        loop {
            until(&mut served, Option::is_some).await;
            let is_served = *served.borrow() == Some(true);
            self.metrics.missing_api(feed.kind(), !is_served);
            if !is_served {
                if let Some(needs) = &self.needs {
                    warn!(kind = feed.kind(), "{}", needs.missing());
                }
                feed.excuse();
                become_known(Presence::Missing);
                until(&mut served, |served| *served == Some(true)).await;
                info!(kind = feed.kind(), "the API server serves it now");
                continue;
            }
            let (events, store) = (self.events::<K>(), feed.store());
            let filled = async {
                // Fails only when the feed is gone.
                if store.wait_until_ready().await.is_ok() {
                    become_known(Presence::There);
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = feed.run(events, self.metrics.clone()) => {}
                () = filled => {}
                () = until(&mut served, |served| *served == Some(false)) => {}
            }
        }
    }

    fn events<K>(&self) -> impl futures::Stream<Item = watcher::Result<watcher::Event<K>>> + Send + use<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let config = everything().labels(&ours());
        watcher(self.scope.api::<K>(self.client.clone()), config).default_backoff()
    }
}

/// Waits until it is so; for ever where nobody tells any more.
async fn until(served: &mut watch::Receiver<Option<bool>>, is: impl Fn(&Option<bool>) -> bool) {
    if served.wait_for(is).await.is_err() {
        std::future::pending::<()>().await;
    }
}
