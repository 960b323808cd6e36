//! How a controller works: one reconcile a key at a time, several keys side by side, and failed ones again ever later.

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, Stream, StreamExt};
use kube::runtime::Controller;
use kube::runtime::controller::{Action, Config, Error as ControllerError};
use kube::runtime::reflector::ObjectRef;
use tracing::{Instrument, debug, info_span, warn};

use crate::Key;
use crate::apply::{Retry, WriteError};
use crate::backoff::Backoff;
use crate::metrics::Metrics;
use crate::shelf::{Packed, Shelf, Shelved, key, packed};
use crate::wake::Wake;

/// Reconciles that run side by side. Each waits for at most a few writes, and the API server's own limits on a client
/// (priority and fairness) are of this size.
const CONCURRENCY: u16 = 16;

/// How long keys are gathered: a start changes a child, its pod and a Service within milliseconds.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// When to look again without being woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Not before something changes.
    Wait,
    /// After this time, lest a write that the cache never showed was lost.
    After(Duration),
}

/// What a controller of a kind works with, beside its own.
pub struct Runner<K: Shelved> {
    /// The controller's name in logs and metrics.
    pub name: &'static str,
    /// The objects.
    pub shelf: Shelf<K>,
    /// Where keys come from.
    pub wake: Wake<K>,
    /// How often each key failed; what goes with an object is cleared there too.
    pub backoff: Arc<Backoff>,
    /// Where reconciles are counted.
    pub metrics: Arc<Metrics>,
}

impl<K: Shelved> Clone for Runner<K> {
    fn clone(&self) -> Self {
        let Self { name, shelf, wake, backoff, metrics } = self;
        Self { name, shelf: shelf.clone(), wake: wake.clone(), backoff: backoff.clone(), metrics: metrics.clone() }
    }
}

impl<K: Shelved + Debug> Runner<K> {
    /// Reconciles the keys until `end` comes; those under way are finished.
    pub async fn run<F>(
        self,
        keys: impl Stream<Item = ObjectRef<K>> + Send + 'static,
        end: impl Future<Output = ()> + Send + Sync + 'static,
        reconcile: impl Fn(Arc<K>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<Next, WriteError>> + Send + 'static,
    {
        let (wake, context) = (self.wake.clone(), Arc::new(self.clone()));
        let reconcile = Arc::new(reconcile);
        let one = move |object: Arc<Packed<K>>, runner: Arc<Self>| {
            let reconcile = reconcile.clone();
            async move { runner.one(&object, reconcile.as_ref()).await }
        };
        Controller::for_shared_stream(futures::stream::pending(), self.shelf.store())
            .reconcile_on(keys.map(|key| packed(&key)))
            .with_config(Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
            .graceful_shutdown_on(end)
            .run(one, |object, error, runner| runner.failed(&object, error), context)
            .for_each(|result| {
                match result {
                    Err(ControllerError::ObjectNotFound(key)) => {
                        debug!(%key, "is gone");
                        // Nothing waits for it any more.
                        let gone = ObjectRef::new(&key.name);
                        wake.taken(&match &key.namespace {
                            Some(namespace) => gone.within(namespace),
                            None => gone,
                        });
                    }
                    Err(ControllerError::ReconcilerFailed(..)) | Ok(_) => {}
                    Err(error) => warn!("{error}"),
                }
                futures::future::ready(())
            })
            .await;
    }

    async fn one<F>(&self, object: &Packed<K>, reconcile: &impl Fn(Arc<K>) -> F) -> Result<Action, WriteError>
    where
        F: Future<Output = Result<Next, WriteError>> + Send + 'static,
    {
        let waited = self.wake.taken(&key(object));
        let Some(object) = object.open() else { return Ok(Action::await_change()) };
        let key = Key::of(object.as_ref());
        let started = Instant::now();
        let span = info_span!("reconcile", controller = self.name, object = %key);
        // A box for the compiler, as in `Scope::watch`.
        let result = reconcile(object).boxed().instrument(span).await;
        let label = result.as_ref().err().map_or("ok", WriteError::label);
        self.metrics.reconciled(self.name, label, started.elapsed(), waited);
        if result.is_ok() {
            self.backoff.clear(&key);
        }
        result.map(|next| match next {
            Next::Wait => Action::await_change(),
            Next::After(time) => Action::requeue(time),
        })
    }

    fn failed(&self, object: &Packed<K>, error: &WriteError) -> Action {
        let key = Key::of(object);
        let wait = match error.retry() {
            Retry::Never => {
                debug!(object = %key, "{error}");
                return Action::await_change();
            }
            Retry::Soon => self.backoff.failed(&key),
            Retry::Late => self.backoff.longest(),
        };
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        warn!(object = %key, retry_in_seconds = wait.as_secs(), "{error}{cause}");
        Action::requeue(wait)
    }
}
