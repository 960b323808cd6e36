//! What bounds each namespace: its ResourceQuotas and LimitRanges. Watched once, for all controllers of a process.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use kube::{Client, ResourceExt};

use crate::feed::{Change, Feed, everything};
use crate::metrics::Metrics;
use crate::process::Health;
use crate::quota::makes_room;
use crate::rights::{Right, WATCHED};
use crate::scope::Scope;
use crate::shelf::Shelf;

/// What it takes to know them.
pub const RIGHTS: &[Right] = &[Right::new(
    "Where one of these stands, a start or a claim is judged before it happens, and waits until it fits.",
    "",
    &["resourcequotas", "limitranges"],
    WATCHED,
)];

/// What bounds a namespace.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Its ResourceQuotas.
    pub quotas: Vec<Arc<ResourceQuota>>,
    /// How many LimitRanges it has.
    pub ranges: usize,
}

impl Limits {
    /// Whether nothing does.
    pub fn are_none(&self) -> bool {
        self.quotas.is_empty() && self.ranges == 0
    }
}

/// What bounds each namespace, as last seen.
#[derive(Clone, Debug)]
pub struct Bounds {
    quotas: Shelf<ResourceQuota>,
    ranges: Shelf<LimitRange>,
}

impl Bounds {
    /// What bounds a namespace.
    pub fn of(&self, namespace: &str) -> Limits {
        Limits { quotas: self.quotas.of(namespace), ranges: self.ranges.count_of(namespace) }
    }

    /// The namespaces that something bounds.
    pub fn namespaces(&self) -> BTreeSet<String> {
        let quotas = self.quotas.keys().into_iter().filter_map(|key| key.namespace);
        quotas.chain(self.ranges.keys().into_iter().filter_map(|key| key.namespace)).collect()
    }

    /// Waits until both caches were filled once.
    pub async fn wait_until_ready(&self) -> Option<()> {
        self.quotas.wait_until_ready().await.ok()?;
        self.ranges.wait_until_ready().await.ok()
    }
}

/// The watches of what bounds namespaces.
pub struct BoundsFeed {
    /// ResourceQuotas.
    pub quotas: Feed<ResourceQuota>,
    /// LimitRanges.
    pub ranges: Feed<LimitRange>,
}

impl BoundsFeed {
    /// The process is not ready until both are filled.
    pub fn new(health: &Health) -> Self {
        Self { quotas: Feed::new("resourcequotas", health), ranges: Feed::new("limitranges", health) }
    }

    /// What they fill.
    pub fn bounds(&self) -> Bounds {
        Bounds { quotas: self.quotas.store(), ranges: self.ranges.store() }
    }

    /// Adds a listener that is told of each namespace where there may be more room.
    pub fn on_room(&mut self, more: impl Fn(&str) + Send + Sync + Clone + 'static) {
        let tell = more.clone();
        self.quotas.listen(move |change| {
            let is_more = match change {
                Change::Applied { old, new } => old.is_some_and(|old| makes_room(old, new)),
                Change::Deleted(_) => true,
            };
            if is_more {
                tell(&change.object().namespace().unwrap_or_default());
            }
        });
        self.ranges.listen(move |change| {
            if !matches!(change, Change::Applied { old: None, .. }) {
                more(&change.object().namespace().unwrap_or_default());
            }
        });
    }

    /// Runs the watches. Never ends.
    pub async fn watch(self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>) {
        tokio::join!(
            scope.watch(self.quotas, client, everything(), metrics),
            scope.watch(self.ranges, client, everything(), metrics),
        );
    }
}
