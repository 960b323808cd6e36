//! How the controller starts, reconciles and ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carrel_api::notebook::Notebook;
use carrel_runtime::Key;
use carrel_runtime::apply::{Retry, WriteError, Writer};
use carrel_runtime::backoff::Backoff;
use carrel_runtime::hush::Hush;
use carrel_runtime::lease::Claim;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use carrel_runtime::statuses::Statuses;
use carrel_runtime::turns::Turns;
use carrel_runtime::wake::queue;
use futures::StreamExt;
use kube::Client;
use kube::runtime::Controller as Runner;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::oneshot;
use tracing::{Instrument, debug, info_span, warn};

use crate::Settings;
use crate::feeds::{Feeds, Scope};
use crate::leftovers::remove_when_leading;
use crate::observe::Stores;
use crate::reconcile::{House, Next, reconcile};
use crate::route_feed::known;

/// The controller's name in logs and metrics.
const NAME: &str = "notebook";

/// Reconciles that run side by side. Each waits for at most a few writes, and the API server's own limits on a client
/// (priority and fairness) are of this size.
const CONCURRENCY: u16 = 16;

/// How long keys are gathered: a start changes StatefulSet, pod and Service within milliseconds.
const DEBOUNCE: Duration = Duration::from_millis(20);

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

/// Runs the controller until `end` comes; the future ends when the reconciles that were under way are done. What keeps it
/// from being ready is told to the health before this returns.
pub fn start(
    controller: Controller,
    end: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) -> impl Future<Output = ()> {
    let (feeds, heard) = Feeds::new(&controller.health, &controller.settings);
    run(controller, feeds, heard, end)
}

async fn run(
    controller: Controller,
    mut feeds: Feeds,
    heard: Vec<oneshot::Receiver<()>>,
    end: impl Future<Output = ()> + Clone + Send + Sync + 'static,
) {
    let Controller { client, scope, settings, claim, health: _, metrics } = controller;
    let (wake, keys) = queue::<Notebook>();
    let watch_nodes = settings.watch_nodes;
    let stores = feeds.stores();
    let shared = Arc::new(Shared {
        house: House {
            settings,
            stores: stores.clone(),
            writer: Writer::new(client.clone(), claim.clone(), metrics.clone()),
            statuses: Statuses::default(),
            hush: Hush::default(),
            turns: Turns::default(),
            wake: wake.clone(),
            clock: jiff::Timestamp::now,
        },
        backoff: Backoff::default(),
        metrics: metrics.clone(),
    });
    let (routing, writer) = (shared.house.settings.routing.clone(), shared.house.writer.clone());
    feeds.wake(&wake);
    feeds.make_room(&shared);
    feeds.forget(&shared);

    let runner = async {
        tokio::select! {
            filled = filled(&stores, watch_nodes, heard) => if filled.is_none() { return },
            () = end.clone() => return,
        }
        shared.house.line_up();
        Runner::for_shared_stream(futures::stream::pending(), stores.notebooks.clone())
            .reconcile_on(keys)
            .with_config(Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
            .graceful_shutdown_on(end)
            .run(one, on_error, shared.clone())
            .for_each(|result| {
                match result {
                    Err(kube::runtime::controller::Error::ObjectNotFound(key)) => {
                        debug!(%key, "is gone");
                        // Nothing waits for it any more.
                        let key = ObjectRef::new(&key.name).within(key.namespace.as_deref().unwrap_or_default());
                        wake.taken(&key);
                    }
                    Err(kube::runtime::controller::Error::ReconcilerFailed(..)) | Ok(_) => {}
                    Err(error) => warn!("{error}"),
                }
                futures::future::ready(())
            })
            .await;
    };
    tokio::select! {
        () = runner => {}
        () = feeds.watch(&client, &scope, &metrics, &shared) => {}
        () = remove_when_leading(claim.clone(), &client, &scope, &routing, &writer) => {}
        () = wake_all_when_leading(claim, &shared.house) => {}
    }
}

/// What changed while another process led, or while nobody did, is looked at again. Never ends.
async fn wake_all_when_leading(mut claim: Claim, house: &House) {
    loop {
        claim.gained().await;
        house.line_up();
        house.wake_all();
    }
}

/// Waits until each cache is filled: with a part of it, a reconcile would take what it doesn't see for missing.
async fn filled(stores: &Stores, watch_nodes: bool, heard: Vec<oneshot::Receiver<()>>) -> Option<()> {
    stores.notebooks.wait_until_ready().await.ok()?;
    stores.stateful_sets.wait_until_ready().await.ok()?;
    stores.services.wait_until_ready().await.ok()?;
    stores.pods.wait_until_ready().await.ok()?;
    stores.quotas.wait_until_ready().await.ok()?;
    stores.limit_ranges.wait_until_ready().await.ok()?;
    if watch_nodes {
        stores.nodes.wait_until_ready().await.ok()?;
    }
    known(&stores.routes).await?;
    for heard in heard {
        heard.await.ok()?;
    }
    Some(())
}

/// What all reconciles share.
pub(crate) struct Shared {
    pub(crate) house: House,
    pub(crate) backoff: Backoff,
    metrics: Arc<Metrics>,
}

async fn one(notebook: Arc<Notebook>, shared: Arc<Shared>) -> Result<Action, WriteError> {
    let waited = shared.house.wake.taken(&ObjectRef::from_obj(notebook.as_ref()));
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
    let wait = match error.retry() {
        Retry::Never => {
            debug!(notebook = %key, "{error}");
            return Action::await_change();
        }
        Retry::Soon => shared.backoff.failed(&key),
        Retry::Late => shared.backoff.longest(),
    };
    warn!(notebook = %key, retry_in_seconds = wait.as_secs(), "{error}");
    Action::requeue(wait)
}
