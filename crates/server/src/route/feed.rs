//! The watch of the one kind that routes are, while the cluster has it.

use std::fmt::Debug;
use std::sync::Arc;

use carrel_runtime::child::ours;
use carrel_runtime::feed::{Change, Feed, everything};
use carrel_runtime::ledger::Ledger;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::presence::{MaybeWatch, Presence};
use carrel_runtime::process::Health;
use carrel_runtime::scope::Scope;
use carrel_runtime::shelf::Shelved;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Client, Resource};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{ForeignApi, HTTPRoute, RouteStore, Routes, Routing, VirtualService};

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
        let Self { needs, client, scope, metrics, presence } = self;
        let kind = feed.kind();
        let told = |presence| {
            metrics.missing_api(kind, presence == Presence::Missing);
            match needs {
                Some(needs) if presence == Presence::Missing => warn!(kind, "{}", needs.missing()),
                _ => info!(kind, "the API server serves it"),
            }
            changed();
        };
        let needs = needs.map(|needs| (needs.crd, needs.version));
        let (api, config) = (scope.api::<K>(client.clone()), everything().labels(&ours()));
        MaybeWatch { needs, api, config, client, metrics, presence }.run(feed, told).await;
    }
}
