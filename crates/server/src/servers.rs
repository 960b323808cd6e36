//! What all controllers of servers look at: Services, routes and nodes. Watched once for a process.

use std::sync::Arc;

use carrel_runtime::child::ours;
use carrel_runtime::feed::{Change, Feed, everything};
use carrel_runtime::ledger::Ledger;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::presence::known;
use carrel_runtime::process::Health;
use carrel_runtime::scope::Scope;
use carrel_runtime::shelf::Shelf;
use carrel_runtime::wake::Wake;
use futures::future::OptionFuture;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::watcher;
use kube::{Api, Client, Resource};

use crate::route::feed::{RouteFeed, states};
use crate::route::{Routes, Routing};
use crate::slim_node::SlimNode;

/// What all controllers of servers look at, as last seen.
#[derive(Clone)]
pub struct Servers {
    /// Services that Carrel made.
    pub services: Shelf<Service>,
    /// Routes that Carrel made.
    pub routes: Routes,
    /// Nodes; none where they are not watched.
    pub nodes: Shelf<SlimNode>,
    watch_nodes: bool,
}

impl Servers {
    /// Waits until the caches were filled once, or it is known that the cluster lacks the kind of the routes.
    pub async fn wait_until_ready(&self) -> Option<()> {
        self.services.wait_until_ready().await.ok()?;
        if self.watch_nodes {
            self.nodes.wait_until_ready().await.ok()?;
        }
        known(self.routes.presence.clone()).await
    }
}

type Callback = Box<dyn Fn() + Send + Sync>;

/// The watches of what all controllers of servers look at.
pub struct ServersFeed {
    services: Feed<Service>,
    routes: RouteFeed,
    nodes: Feed<SlimNode>,
    watch_nodes: bool,
    came_or_went: Vec<Callback>,
}

impl ServersFeed {
    /// The process is not ready until they are filled, or excused. To watch nodes needs rights on the whole cluster.
    pub fn new(routing: &Routing, watch_nodes: bool, health: &Health) -> Self {
        // One that is not watched keeps nobody waiting.
        let of_nodes = if watch_nodes { health } else { &Health::default() };
        Self {
            services: Feed::new("services", health),
            routes: RouteFeed::new(routing, health),
            nodes: Feed::new("nodes", of_nodes),
            watch_nodes,
            came_or_went: Vec::new(),
        }
    }

    /// What they fill.
    pub fn servers(&self) -> Servers {
        Servers {
            services: self.services.store(),
            routes: self.routes.routes(),
            nodes: self.nodes.store(),
            watch_nodes: self.watch_nodes,
        }
    }

    /// Adds what is told of a node that is lost, or back. All else of nodes is in the scheduler's own words.
    pub fn on_loss(&mut self, tell: impl Fn(&SlimNode) + Send + Sync + 'static) {
        self.nodes.listen(move |change| {
            let Change::Applied { old: Some(old), new } = change else { return };
            if old.is_lost() != new.is_lost() {
                tell(new);
            }
        });
    }

    /// A change of a child wakes the owner, whose children carry its name in this annotation.
    pub fn wake<K>(&mut self, wake: &Wake<K>, annotation: &'static str)
    where
        K: Resource<DynamicType = ()> + 'static,
        Wake<K>: Clone + Send + Sync,
    {
        for_each_state(self, &|| {
            let wake = wake.clone();
            move |child: &ObjectMeta| owner::<K>(child, annotation).into_iter().for_each(|key| wake.send(key))
        });
    }

    /// What the ledger knows of an object goes with it.
    pub fn forget_in(&mut self, ledger: &Arc<Ledger>) {
        self.services.forget_in(ledger);
        self.routes.forget_in(ledger);
    }

    /// Adds what is called when the kind of the routes comes to the cluster, or goes.
    pub fn on_kind(&mut self, call: impl Fn() + Send + Sync + 'static) {
        self.came_or_went.push(Box::new(call));
    }

    /// Runs the watches. Never ends.
    pub async fn watch(self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>) {
        let Self { services, routes, mut nodes, watch_nodes, came_or_went } = self;
        let all = watcher(Api::<SlimNode>::all(client.clone()), everything()).default_backoff();
        let nodes = watch_nodes.then(|| nodes.run(all, metrics.clone()));
        tokio::join!(
            scope.watch(services, client, everything().labels(&ours()), metrics),
            OptionFuture::from(nodes),
            routes.watch(client, scope, metrics, || came_or_went.iter().for_each(|call| call())),
        );
    }
}

fn for_each_state<F>(feed: &mut ServersFeed, tell: &dyn Fn() -> F)
where
    F: Fn(&ObjectMeta) + Send + Sync + 'static,
{
    feed.services.listen(states(tell()));
    feed.routes.listen(tell());
}

/// The owner of a child, of this kind; a child whose owner was taken off is still known by this annotation, or its name.
pub fn owner<K: Resource<DynamicType = ()>>(child: &ObjectMeta, annotation: &str) -> Option<ObjectRef<K>> {
    let namespace = child.namespace.as_deref()?;
    let owner = child.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    let name = match owner {
        Some(owner) if owner.kind == K::kind(&()) => owner.name.as_str(),
        // Another's object may have the name that one waits for.
        Some(_) | None => {
            let named = child.annotations.as_ref().and_then(|annotations| annotations.get(annotation));
            named.or(child.name.as_ref())?.as_str()
        }
    };
    Some(ObjectRef::new(name).within(namespace))
}
