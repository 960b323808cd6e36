//! What all controllers of servers look at: Services, routes, budgets of busy pods, nodes, and Events of pods. Watched once for a process.

use std::sync::Arc;

use carrel_runtime::child::ours;
use carrel_runtime::evidence::SlimEvent;
use carrel_runtime::feed::{Change, Feed, everything};
use carrel_runtime::hearing::{Age, Heard, Hearing};
use carrel_runtime::ledger::Ledger;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::presence::known;
use carrel_runtime::process::Health;
use carrel_runtime::rights::{Right, WATCHED};
use carrel_runtime::scope::Scope;
use carrel_runtime::shelf::Shelf;
use carrel_runtime::wake::Wake;
use futures::future::{BoxFuture, OptionFuture, join_all};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::watcher;
use kube::{Api, Client, Resource};
use tokio::sync::watch;

use crate::route::feed::{RouteFeed, states};
use crate::route::{Routes, Routing};
use crate::slim_node::SlimNode;

/// What the watches take, and what is done with Services.
pub const RIGHTS: &[Right] = &[
    Right::new(
        "The Services of servers. Server-side apply is a patch, and a create where nothing is there yet. One is read alone where \
         its name is taken, to tell whose it is, and one of a PVCViewer is deleted that is not to be reached any more. All \
         else of deleting is left to the garbage collector.",
        "",
        &["services"],
        &["get", "list", "watch", "create", "patch", "delete"],
    ),
    Right::new(
        "What nodes have, whether one is lost and whether one is to go, explains why a pod does not run (--watch-nodes=false \
         does without).",
        "",
        &["nodes"],
        WATCHED,
    ),
];

/// What all controllers of servers look at, as last seen.
#[derive(Clone)]
pub struct Servers {
    /// Services that Carrel made.
    pub services: Shelf<Service>,
    /// Routes that Carrel made.
    pub routes: Routes,
    /// Nodes; none where they are not watched.
    pub nodes: Shelf<SlimNode>,
    /// Budgets of pods that Carrel made.
    pub budgets: Shelf<PodDisruptionBudget>,
    watch_nodes: bool,
    heard: watch::Receiver<bool>,
}

impl Servers {
    /// Waits until the Events that were there at first are heard, and the caches were filled once, or it is known that the cluster lacks the kind of the routes.
    pub async fn wait_until_ready(&self) -> Option<()> {
        self.services.wait_until_ready().await.ok()?;
        self.budgets.wait_until_ready().await.ok()?;
        if self.watch_nodes {
            self.nodes.wait_until_ready().await.ok()?;
        }
        known(self.routes.presence.clone()).await?;
        self.heard.clone().wait_for(|heard| *heard).await.ok().map(drop)
    }
}

/// The Events of pods that are watched, as logs and `/readyz` call them, by the fields that select them.
const HEARD: &[(&str, &str)] = &[
    ("events (warnings)", "involvedObject.kind=Pod,type=Warning"),
    ("events (pulls)", "involvedObject.kind=Pod,reason=Pulling"),
    // Of the cluster autoscaler, and of Karpenter.
    ("events (scale-ups)", "involvedObject.kind=Pod,reason=TriggeredScaleUp"),
    ("events (nominations)", "involvedObject.kind=Pod,reason=Nominated"),
];

type Callback = Box<dyn Fn() + Send + Sync>;
type Ear = Box<dyn Fn(&SlimEvent, Age) + Send + Sync>;

/// The watches of what all controllers of servers look at.
pub struct ServersFeed {
    services: Feed<Service>,
    routes: RouteFeed,
    nodes: Feed<SlimNode>,
    budgets: Feed<PodDisruptionBudget>,
    watch_nodes: bool,
    came_or_went: Vec<Callback>,
    hearing: Hearing,
    heard: Heard,
    told: watch::Sender<bool>,
    ears: Vec<Ear>,
    ready: Vec<BoxFuture<'static, ()>>,
}

impl ServersFeed {
    /// The process is not ready until they are filled, or excused. To watch nodes needs rights on the whole cluster.
    pub fn new(routing: &Routing, watch_nodes: bool, health: &Health) -> Self {
        // One that is not watched keeps nobody waiting.
        let of_nodes = if watch_nodes { health } else { &Health::default() };
        let (hearing, heard) = Hearing::new(HEARD, health);
        Self {
            services: Feed::new("services", health),
            routes: RouteFeed::new(routing, health),
            nodes: Feed::new("nodes", of_nodes),
            budgets: Feed::new("poddisruptionbudgets", health),
            watch_nodes,
            came_or_went: Vec::new(),
            hearing,
            heard,
            told: watch::Sender::new(false),
            ears: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// What they fill.
    pub fn servers(&self) -> Servers {
        Servers {
            services: self.services.store(),
            routes: self.routes.routes(),
            nodes: self.nodes.store(),
            budgets: self.budgets.store(),
            watch_nodes: self.watch_nodes,
            heard: self.told.subscribe(),
        }
    }

    /// Adds what is told of a node that is lost, or back; or that is to go, or stays. All else of nodes is in the scheduler's
    /// own words.
    pub fn on_turn(&mut self, tell: impl Fn(&SlimNode) + Send + Sync + 'static) {
        self.nodes.listen(move |change| {
            let Change::Applied { old: Some(old), new } = change else { return };
            if (old.is_lost(), old.is_going()) != (new.is_lost(), new.is_going()) {
                tell(new);
            }
        });
    }

    /// A change of a child wakes the [`owner`].
    pub fn wake<K>(&mut self, wake: &Wake<K>, marks: Marks)
    where
        K: Resource<DynamicType = ()> + 'static,
        Wake<K>: Clone + Send + Sync,
    {
        for_each_state(self, &|| {
            let wake = wake.clone();
            move |child: &ObjectMeta| owner::<K>(child, marks).into_iter().for_each(|key| wake.send(key))
        });
    }

    /// What the ledger knows of an object goes with it.
    pub fn forget_in(&mut self, ledger: &Arc<Ledger>) {
        self.services.forget_in(ledger);
        self.budgets.forget_in(ledger);
        self.routes.forget_in(ledger);
    }

    /// Adds what is called when the kind of the routes comes to the cluster, or goes.
    pub fn on_kind(&mut self, call: impl Fn() + Send + Sync + 'static) {
        self.came_or_went.push(Box::new(call));
    }

    /// Adds what hears Events of pods, anybody's. Nothing is heard before `ready` ends: by then it must be able to tell whose a
    /// pod is.
    pub fn on_event(
        &mut self,
        ready: impl Future<Output = ()> + Send + 'static,
        hear: impl Fn(&SlimEvent, Age) + Send + Sync + 'static,
    ) {
        self.ready.push(Box::pin(ready));
        self.ears.push(Box::new(hear));
    }

    /// Runs the watches. Never ends.
    pub async fn watch(self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>) {
        let Self { services, routes, mut nodes, budgets, watch_nodes, came_or_went, hearing, heard, told, ears, ready } =
            self;
        let all = watcher(Api::<SlimNode>::all(client.clone()), everything()).default_backoff();
        let nodes = watch_nodes.then(|| nodes.run(all, metrics.clone()));
        tokio::join!(
            scope.watch(services, client, everything().labels(&ours()), metrics),
            scope.watch(budgets, client, everything().labels(&ours()), metrics),
            OptionFuture::from(nodes),
            async {
                join_all(ready).await;
                hearing.run(client, scope, metrics, |event, age| ears.iter().for_each(|hear| hear(event, age))).await;
            },
            async {
                if heard.all().await.is_some() {
                    told.send_replace(true);
                }
                // Who waits for it must not take its end for a failure.
                std::future::pending::<()>().await;
            },
            routes.watch(client, scope, metrics, || came_or_went.iter().for_each(|call| call())),
        );
    }
}

fn for_each_state<F>(feed: &mut ServersFeed, tell: &dyn Fn() -> F)
where
    F: Fn(&ObjectMeta) + Send + Sync + 'static,
{
    feed.services.listen(states(tell()));
    feed.budgets.listen(states(tell()));
    feed.routes.listen(tell());
}

/// By what children of a kind are known, beside their owner.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// An annotation with the owner's whole name.
    pub annotation: &'static str,
    /// What their names begin with, before the owner's; that of a derived name says nothing.
    pub prefix: &'static str,
}

/// The owner of a child, of this kind; a child whose owner was taken off is still known by its marks.
pub fn owner<K: Resource<DynamicType = ()>>(child: &ObjectMeta, marks: Marks) -> Option<ObjectRef<K>> {
    let namespace = child.namespace.as_deref()?;
    let owner = child.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    let name = match owner {
        Some(owner) if owner.kind == K::kind(&()) => owner.name.as_str(),
        // Another's object may have the name that one waits for.
        Some(_) | None => {
            let named = child.annotations.as_ref().and_then(|annotations| annotations.get(marks.annotation));
            named.map(String::as_str).or_else(|| child.name.as_deref()?.strip_prefix(marks.prefix))?
        }
    };
    Some(ObjectRef::new(name).within(namespace))
}
