//! What the controller watches, how a change finds its key, and how it starts and ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carrel_api::notebook::Notebook;
use carrel_api::vocabulary::{MANAGED_BY, MANAGED_BY_CARREL, NOTEBOOK, NOTEBOOK_NAME, STATEFUL_SET};
use carrel_runtime::Key;
use carrel_runtime::apply::{WriteError, Writer};
use carrel_runtime::backoff::Backoff;
use carrel_runtime::evidence::{Evidence, SlimEvent, hear};
use carrel_runtime::feed::{Change, Feed};
use carrel_runtime::hush::Hush;
use carrel_runtime::lease::Claim;
use carrel_runtime::ledger::Statuses;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use carrel_runtime::wake::{Wake, queue};
use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{Controller as Runner, WatchStreamExt};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use tracing::{Instrument, debug, info_span, warn};

use crate::Settings;
use crate::observe::Stores;
use crate::pod::SlimPod;
use crate::reconcile::{House, Next, reconcile};

/// The controller's name in logs and metrics.
const NAME: &str = "notebook";

/// Reconciles that run side by side. Each waits for at most a few writes, and the API server's own limits on a client
/// (priority and fairness) are of this size.
const CONCURRENCY: u16 = 16;

/// How long keys are gathered: a start changes StatefulSet, pod and Service within milliseconds.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// What the controller looks after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every namespace.
    Cluster,
    /// One namespace.
    Namespace(String),
}

impl Scope {
    fn api<K>(&self, client: Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::Cluster => Api::all(client),
            Self::Namespace(namespace) => Api::namespaced(client, namespace),
        }
    }
}

/// What the controller is started with.
pub struct Controller {
    /// Reads and writes.
    pub client: Client,
    /// What it looks after.
    pub scope: Scope,
    /// What the admin set.
    pub settings: Settings,
    /// Whether it may write.
    pub claim: Claim,
    /// Where it shows that its caches are filled.
    pub health: Health,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
}

/// Runs the controller until `end` comes, and returns when the reconciles that were under way are done.
pub async fn start(controller: Controller, end: impl Future<Output = ()> + Clone + Send + Sync + 'static) {
    let Controller { client, scope, settings, claim, health, metrics } = controller;
    let (wake, keys) = queue::<Notebook>();
    let mut feeds = Feeds::new();
    let stores = feeds.stores();
    let shared = Arc::new(Shared {
        house: House {
            settings,
            stores: stores.clone(),
            writer: Writer::new(client.clone(), claim.clone(), metrics.clone()),
            statuses: Statuses::default(),
            hush: Hush::default(),
        },
        backoff: Backoff::default(),
        wake: wake.clone(),
        metrics: metrics.clone(),
    });
    feeds.wake(&wake);
    feeds.forget(&shared);

    let runner = async {
        tokio::select! {
            filled = filled(&stores) => if filled.is_none() { return },
            () = end.clone() => return,
        }
        Runner::for_shared_stream(futures::stream::pending(), stores.notebooks.clone())
            .reconcile_on(keys)
            .with_config(Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
            .graceful_shutdown_on(end)
            .run(one, on_error, shared)
            .for_each(|result| {
                match result {
                    Err(kube::runtime::controller::Error::ObjectNotFound(key)) => debug!(%key, "is gone"),
                    Err(kube::runtime::controller::Error::ReconcilerFailed(..)) | Ok(_) => {}
                    Err(error) => warn!("{error}"),
                }
                futures::future::ready(())
            })
            .await;
    };
    tokio::select! {
        () = runner => {}
        () = feeds.watch(&client, &scope, &health, &metrics, &wake) => {}
        () = wake_all_when_leading(claim, stores.notebooks.clone(), wake.clone()) => {}
    }
}

/// The kinds that are watched.
struct Feeds {
    notebooks: Feed<Notebook>,
    stateful_sets: Feed<StatefulSet>,
    services: Feed<Service>,
    pods: Feed<SlimPod>,
    evidence: Arc<Evidence>,
}

impl Feeds {
    fn new() -> Self {
        Self {
            notebooks: Feed::new("notebooks"),
            stateful_sets: Feed::new("statefulsets"),
            services: Feed::new("services"),
            pods: Feed::new("pods"),
            evidence: Arc::default(),
        }
    }

    fn stores(&self) -> Stores {
        Stores {
            notebooks: self.notebooks.store(),
            stateful_sets: self.stateful_sets.store(),
            services: self.services.store(),
            pods: self.pods.store(),
            evidence: self.evidence.clone(),
        }
    }

    /// How a change finds its key.
    fn wake(&mut self, wake: &Wake<Notebook>) {
        self.notebooks.listen(wakes(wake.clone(), |notebook: &Notebook| Some(ObjectRef::from_obj(notebook))));
        self.stateful_sets.listen(wakes(wake.clone(), owner));
        self.services.listen(wakes(wake.clone(), owner));
        self.pods.listen(wakes(wake.clone(), named));
    }

    /// What must be forgotten with an object: a reconcile is not called for one that is gone.
    fn forget(&mut self, shared: &Arc<Shared>) {
        forget_deleted(&mut self.stateful_sets, shared.clone());
        forget_deleted(&mut self.services, shared.clone());
        // Once there is a pod, what kept it from being made is over.
        let evidence = self.evidence.clone();
        self.pods.listen(move |change| {
            if let (Some(namespace), Some(set)) =
                (change.object().namespace(), change.object().labels().get(STATEFUL_SET))
            {
                evidence.forget(&Key::new(namespace, set));
            }
        });
        let evidence = self.evidence.clone();
        self.stateful_sets.listen(move |change| {
            if let Change::Deleted(set) = change {
                evidence.forget(&Key::of(*set));
            }
        });
        let shared = shared.clone();
        self.notebooks.listen(move |change| {
            if let Change::Deleted(notebook) = change {
                let key = Key::of(*notebook);
                shared.house.statuses.forget(&key);
                shared.house.hush.clear(&key);
                shared.house.writer.forget(&key);
                shared.backoff.clear(&key);
                shared.wake.taken(&ObjectRef::from_obj(*notebook));
            }
        });
    }

    /// Runs the watches: one a kind, of ours by label. Never ends.
    async fn watch(
        self,
        client: &Client,
        scope: &Scope,
        health: &Health,
        metrics: &Arc<Metrics>,
        wake: &Wake<Notebook>,
    ) {
        let (evidence, sets) = (self.evidence, self.stateful_sets.store());
        let refusals = watcher::Config::default().fields("involvedObject.kind=StatefulSet,reason=FailedCreate");
        let refusals = watcher(scope.api::<SlimEvent>(client.clone()), refusals).default_backoff();
        let heard = move |event: &SlimEvent| {
            let Key { namespace, name } = event.about();
            // A StatefulSet that is not ours is nobody's business here.
            let set = sets.get(&ObjectRef::new(&name).within(&namespace));
            if let Some(key) = set.as_deref().and_then(owner)
                && evidence.tell(event)
            {
                wake.send(key);
            }
        };
        let ours = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGED_BY_CARREL}"));
        let of_notebooks = watcher::Config::default().labels(NOTEBOOK_NAME);
        let known = self.stateful_sets.store();
        let heard_when_filled = async {
            // Whose an Event is, the cache of StatefulSets tells.
            if known.wait_until_ready().await.is_ok() {
                hear(refusals, heard).await;
            }
        };
        tokio::join!(
            watch(self.notebooks, client, scope, watcher::Config::default(), health, metrics),
            watch(self.stateful_sets, client, scope, ours.clone(), health, metrics),
            watch(self.services, client, scope, ours, health, metrics),
            watch(self.pods, client, scope, of_notebooks, health, metrics),
            heard_when_filled,
        );
    }
}

fn watch<K>(
    feed: Feed<K>,
    client: &Client,
    scope: &Scope,
    config: watcher::Config,
    health: &Health,
    metrics: &Arc<Metrics>,
) -> impl Future<Output = ()> + use<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let pending = health.wait_for(feed.kind());
    let events = watcher(scope.api::<K>(client.clone()), config).default_backoff();
    feed.run(events, pending, metrics.clone())
}

/// What changed while another process led, or while nobody did, is looked at again. Never ends.
async fn wake_all_when_leading(mut claim: Claim, notebooks: Store<Notebook>, wake: Wake<Notebook>) {
    loop {
        claim.gained().await;
        notebooks.state().iter().for_each(|notebook| wake.send(ObjectRef::from_obj(notebook.as_ref())));
    }
}

/// Waits until each cache is filled: with a part of it, a reconcile would take what it doesn't see for missing.
async fn filled(stores: &Stores) -> Option<()> {
    stores.notebooks.wait_until_ready().await.ok()?;
    stores.stateful_sets.wait_until_ready().await.ok()?;
    stores.services.wait_until_ready().await.ok()?;
    stores.pods.wait_until_ready().await.ok()
}

/// A listener that wakes the key of each state of a changed object.
fn wakes<K>(wake: Wake<Notebook>, key: impl Fn(&K) -> Option<ObjectRef<Notebook>>) -> impl Fn(&Change<'_, K>) {
    move |change| change.states().filter_map(&key).for_each(|key| wake.send(key))
}

/// The Notebook that owns a child; a child whose owner was taken off is still known by its annotation or name.
fn owner<K: Resource<DynamicType = ()>>(child: &K) -> Option<ObjectRef<Notebook>> {
    let namespace = child.namespace()?;
    let owner = child.owner_references().iter().find(|owner| owner.controller == Some(true));
    let name = match owner {
        Some(owner) if owner.kind == Notebook::kind(&()) => owner.name.clone(),
        Some(_) => return None,
        None => child.annotations().get(NOTEBOOK).cloned().unwrap_or_else(|| child.name_any()),
    };
    Some(ObjectRef::new(&name).within(&namespace))
}

/// The Notebook that a pod names: whole in our annotation, else in Kubeflow's label.
fn named(pod: &SlimPod) -> Option<ObjectRef<Notebook>> {
    let name = pod.annotations().get(NOTEBOOK).or_else(|| pod.labels().get(NOTEBOOK_NAME))?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}

fn forget_deleted<K>(feed: &mut Feed<K>, shared: Arc<Shared>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    let kind = feed.kind();
    feed.listen(move |change| {
        if let Change::Deleted(child) = change {
            let uid = child.meta().uid.as_deref().unwrap_or_default();
            shared.house.writer.ledger().forget(kind, &Key::of(*child), uid);
        }
    });
}

/// What all reconciles share.
struct Shared {
    house: House,
    backoff: Backoff,
    wake: Wake<Notebook>,
    metrics: Arc<Metrics>,
}

async fn one(notebook: Arc<Notebook>, shared: Arc<Shared>) -> Result<Action, WriteError> {
    let waited = shared.wake.taken(&ObjectRef::from_obj(notebook.as_ref()));
    let key = Key::of(notebook.as_ref());
    let started = Instant::now();
    let span = info_span!("reconcile", controller = NAME, notebook = %key);
    let result = reconcile(notebook, &shared.house).instrument(span).await;
    let label = result.as_ref().err().map_or("ok", WriteError::label);
    shared.metrics.reconciled(NAME, label, started.elapsed(), waited);
    if result.is_ok() {
        shared.backoff.clear(&key);
    }
    result.map(|next| match next {
        Next::Wait => Action::await_change(),
        Next::After(time) => Action::requeue(time),
    })
}

#[allow(clippy::needless_pass_by_value)] // kube's signature.
fn on_error(notebook: Arc<Notebook>, error: &WriteError, shared: Arc<Shared>) -> Action {
    let key = Key::of(notebook.as_ref());
    if !error.is_worth_a_retry() {
        debug!(notebook = %key, "{error}");
        return Action::await_change();
    }
    let wait = shared.backoff.failed(&key);
    warn!(notebook = %key, retry_in_seconds = wait.as_secs(), "{error}");
    Action::requeue(wait)
}
