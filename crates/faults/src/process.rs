//! One process of a controller, as it is wired in production but for the watches and the connection.

use std::pin::Pin;
use std::sync::Arc;

use carrel_runtime::Key;
use carrel_runtime::apply::WriteError;
use carrel_runtime::backoff::Backoff;
use carrel_runtime::lease::Claim;
use carrel_runtime::runner::Next;
use carrel_runtime::wake::{Wake, queue};
use futures::{FutureExt, Stream, StreamExt};
use jiff::Timestamp;
use kube::Client;
use kube::runtime::reflector::{Lookup, ObjectRef};
use kube::runtime::watcher::Event;
use serde_json::Value;

use crate::caches::Watch;

/// What a process is started with.
pub struct Parts {
    /// Leads to the API server of the story.
    pub client: Client,
    /// Whether it may write.
    pub claim: Claim,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
    /// How long to wait after a failure.
    pub backoff: Arc<Backoff>,
}

/// One process of a controller.
pub trait Process: Sized {
    /// All that it watches.
    const WATCHES: &'static [Watch];

    /// A process with empty caches.
    fn start(parts: Parts) -> Self;

    /// The object that it looks after.
    fn key() -> Key;

    /// A watch brings something.
    fn take(&mut self, watch: &'static str, event: Event<Value>);

    /// What it does once its caches are filled, before it reconciles.
    fn line_up(&self);

    /// Whether anybody woke the object since it was last asked.
    fn is_woken(&mut self) -> bool;

    /// Reconciles the object; `None` where its cache has none.
    fn reconcile(&self) -> impl Future<Output = Option<Result<Next, WriteError>>>;
}

/// The receiving end of the queue of keys.
pub struct Keys<K: Lookup<DynamicType = ()>> {
    wake: Wake<K>,
    keys: Pin<Box<dyn Stream<Item = ObjectRef<K>> + Send>>,
}

impl<K: Lookup<DynamicType = ()> + Send + Sync + 'static> Keys<K> {
    /// A queue, and its sending end.
    pub fn new() -> (Wake<K>, Self) {
        let (wake, keys) = queue();
        (wake.clone(), Self { wake, keys: Box::pin(keys) })
    }

    /// Empties the queue; whether the key was in it. What wakes another wakes nobody here.
    pub fn take(&mut self, key: &Key) -> bool {
        let wanted = ObjectRef::new(&key.name).within(&key.namespace);
        let mut woken = false;
        while let Some(key) = self.keys.next().now_or_never().flatten() {
            self.wake.taken(&key);
            woken |= key == wanted;
        }
        woken
    }
}
