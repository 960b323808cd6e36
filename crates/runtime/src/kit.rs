//! What every controller works with, whatever it looks after: what it writes by, and what it remembers of each object.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use tracing::debug;

use crate::Key;
use crate::apply::{WriteError, Writer};
use crate::backoff::Backoff;
use crate::bounds::Bounds;
use crate::hush::Hush;
use crate::judge::Judge;
use crate::lease::Claim;
use crate::metrics::Metrics;
use crate::notice::Notice;
use crate::process::Health;
use crate::runner::Runner;
use crate::scope::Scope;
use crate::shelf::{Shelf, Shelved};
use crate::statuses::Statuses;
use crate::turns::Turns;
use crate::wake::Wake;

/// More keys than this wait only when many objects are made, or changed, at once.
const MANY: usize = 32;

/// What every controller is started with.
#[derive(Clone)]
pub struct Tools {
    /// Reads and writes.
    pub client: Client,
    /// What it looks after.
    pub scope: Scope,
    /// Whether it may write.
    pub claim: Claim,
    /// Where it shows that its caches are filled.
    pub health: Health,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
}

impl Tools {
    /// The kit of a controller, of nothing yet.
    pub fn kit<K: Shelved, S, R: Clone>(&self, wake: &Wake<K>) -> Kit<K, S, R> {
        Kit::new(self.client.clone(), self.claim.clone(), self.metrics.clone(), wake.clone())
    }
}

/// What the controller of a kind works with. A status is an `S`, a refusal for want of room an `R`.
pub struct Kit<K: Shelved, S, R> {
    /// The only writer.
    pub writer: Writer,
    /// What was said last of each object.
    pub statuses: Statuses<S>,
    /// Words that may wait a moment.
    pub hush: Hush,
    /// Whose turn it is where room is short.
    pub turns: Turns<R>,
    /// How keys are woken.
    pub wake: Wake<K>,
    /// How often each key failed.
    pub backoff: Arc<Backoff>,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
}

/// How soon a status must be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// At once: something failed.
    Now,
    /// At once, but while much else is to do.
    Soon,
    /// It may wait a moment, as better words may come.
    Passing,
}

impl<K: Shelved, S, R: Clone> Kit<K, S, R> {
    /// A kit of nothing yet, that writes while `claim` holds.
    pub fn new(client: Client, claim: Claim, metrics: Arc<Metrics>, wake: Wake<K>) -> Self {
        Self {
            writer: Writer::new(client, claim, metrics),
            statuses: Statuses::default(),
            hush: Hush::default(),
            turns: Turns::default(),
            wake,
            backoff: Arc::default(),
            clock: Timestamp::now,
        }
    }

    /// What runs its reconciles, under this name in logs and metrics.
    pub fn runner(&self, name: &'static str, objects: Shelf<K>, metrics: &Arc<Metrics>) -> Runner<K> {
        Runner {
            name,
            shelf: objects,
            wake: self.wake.clone(),
            backoff: self.backoff.clone(),
            metrics: metrics.clone(),
        }
    }

    /// What judges whether something fits in what bounds its namespace.
    pub fn judge<'a>(&'a self, bounds: &'a Bounds) -> Judge<'a, K, R> {
        Judge { turns: &self.turns, bounds, wake: &self.wake }
    }

    /// There may be more room in a namespace.
    pub fn reopen(&self, namespace: &str) {
        self.wake.send_key(self.turns.reopen(namespace));
    }
}

impl<K, S, R> Kit<K, S, R>
where
    K: Resource<DynamicType = ()> + Shelved,
    S: Clone,
    R: Clone,
{
    /// The status that this process wrote of an object and the cache has not seen.
    pub fn newer(&self, object: &K) -> Option<S> {
        let version = object.meta().resource_version.as_deref().unwrap_or_default();
        self.statuses.newer_than(&Key::of(object), version)
    }

    /// An object is gone, and all that is remembered of it goes too.
    pub fn forget(&self, key: &Key) {
        self.statuses.forget(key);
        self.hush.clear(key);
        self.writer.forget(key);
        self.backoff.clear(key);
        self.wake.send_key(self.turns.leave(key));
    }
}

impl<K, S, R> Kit<K, S, R>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Shelved + Debug,
    S: Clone + PartialEq + Serialize,
    R: Clone,
{
    /// Says what is to be said of an object, if that differs from what was said before and need not wait. `told` is called
    /// once it is said, with both, and answers with the Events that the change is worth. How long the words wait, if they do.
    pub async fn say(
        &self,
        object: &K,
        before: &S,
        after: S,
        urgency: Urgency,
        told: impl FnOnce(&S, &S) -> Vec<Notice>,
    ) -> Result<Option<Duration>, WriteError> {
        let key = Key::of(object);
        if after == *before {
            self.hush.clear(&key);
            return Ok(None);
        }
        let busy = self.wake.len() > MANY;
        let may_wait = match urgency {
            Urgency::Now => false,
            Urgency::Soon => busy,
            Urgency::Passing => true,
        };
        if may_wait && let Some(left) = self.hush.wait(&key, busy) {
            return Ok(Some(left));
        }
        self.hush.clear(&key);
        match self.writer.status::<K, _>(&key, object.meta().uid.as_deref().unwrap_or_default(), &after).await {
            Ok(written) => {
                let notices = told(before, &after);
                self.statuses.wrote(&key, &written.resource_version().unwrap_or_default(), after);
                for notice in notices {
                    self.writer.notice(&written, &notice).await;
                }
                Ok(None)
            }
            Err(WriteError::Gone(message)) => {
                debug!("no status to write: {message}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
