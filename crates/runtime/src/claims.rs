//! Claims, and who mounts which. Watched once, for all controllers of a process.
//!
//! Anybody's: who uses a volume need not be Carrel's. Most pods mount no claim, and of those that do only the fields that tell
//! who and where they are stay in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::{Client, Resource, ResourceExt};
use serde::{Deserialize, Serialize};

use crate::Key;
use crate::feed::{Change, Feed, everything};
use crate::index::Index;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::mounts::{SlimVolume, claims};
use crate::process::Health;
use crate::rights::{Right, WATCHED};
use crate::scope::Scope;
use crate::shelf::Shelf;

/// What it takes to know them.
pub const RIGHTS: &[Right] = &[
    Right::new(
        "All claims are watched, since one that has the name of a VolumeRequest, or is to be cloned, may be anybody's; what is \
         somebody else's is never written.",
        "",
        &["persistentvolumeclaims"],
        WATCHED,
    ),
    Right::new("Pods tell who mounts a volume, and how a server is.", "", &["pods"], WATCHED),
];

/// Written by `kubectl apply`, as large as all else of a claim, and read by nobody here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A Pod that mounts claims, with the few fields that are read; what is not named is never parsed.
#[derive(Clone, Debug, Default, Resource, Deserialize, Serialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Pod)]
pub struct MountingPod {
    /// Name, and what tells whose it is.
    pub metadata: ObjectMeta,
    /// Where it runs, and what it mounts.
    #[serde(default)]
    pub spec: MountingPodSpec,
    /// Whether it runs, or is over.
    #[serde(default)]
    pub status: MountingPodStatus,
}

/// The part of a Pod's spec that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MountingPodSpec {
    /// The node that the scheduler chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Its volumes, as far as they are claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<SlimVolume>,
}

/// The part of a Pod's status that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct MountingPodStatus {
    /// `Succeeded` and `Failed` are over, and mount nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

impl MountingPod {
    /// Takes off all that is not read but labels and annotations of these keys, and tells whether the pod counts.
    fn trim(&mut self, kept: &[&str]) -> bool {
        self.spec.volumes.retain(|volume| volume.persistent_volume_claim.is_some());
        let metadata = std::mem::take(&mut self.metadata);
        let only = |map: Option<BTreeMap<String, String>>| {
            let map: BTreeMap<_, _> =
                map.into_iter().flatten().filter(|(key, _)| kept.contains(&key.as_str())).collect();
            (!map.is_empty()).then_some(map)
        };
        self.metadata = ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            creation_timestamp: metadata.creation_timestamp,
            deletion_timestamp: metadata.deletion_timestamp,
            labels: only(metadata.labels),
            annotations: only(metadata.annotations),
            ..ObjectMeta::default()
        };
        !self.is_over() && !self.spec.volumes.is_empty()
    }

    /// The names of the claims that it mounts.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        claims(&self.spec.volumes)
    }

    /// Whether it mounts nothing any more.
    pub fn is_over(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }

    /// Whether its containers were started, so that its node has its volumes.
    pub fn runs(&self) -> bool {
        self.status.phase.as_deref() == Some("Running")
    }
}

/// Claims, and who mounts which, as last seen.
#[derive(Clone)]
pub struct Claims {
    all: Shelf<PersistentVolumeClaim>,
    pods: Shelf<MountingPod>,
    mounts: Arc<Index>,
}

impl Claims {
    /// A claim.
    pub fn get(&self, key: &Key) -> Option<Arc<PersistentVolumeClaim>> {
        self.all.get(&ObjectRef::new(&key.name).within(&key.namespace))
    }

    /// All claims.
    pub fn all(&self) -> &Shelf<PersistentVolumeClaim> {
        &self.all
    }

    /// Whether a pod that is not over mounts a claim.
    pub fn is_mounted(&self, claim: &Key) -> bool {
        self.mounts.has(claim)
    }

    /// The pods that mount a claim and are not over, in the order of their names.
    pub fn mounted_by(&self, claim: &Key) -> Vec<Arc<MountingPod>> {
        let pod = |name: String| self.pods.get(&ObjectRef::new(&name).within(&claim.namespace));
        self.mounts.of(claim).into_iter().filter_map(pod).collect()
    }

    /// Waits until both caches were filled once.
    pub async fn wait_until_ready(&self) -> Option<()> {
        self.all.wait_until_ready().await.ok()?;
        self.pods.wait_until_ready().await.ok()
    }
}

/// The watches of claims, and of pods that mount one.
pub struct ClaimsFeed {
    /// PersistentVolumeClaims.
    pub claims: Feed<PersistentVolumeClaim>,
    /// Pods that mount one.
    pub pods: Feed<MountingPod>,
    mounts: Arc<Index>,
}

impl ClaimsFeed {
    /// The process is not ready until both are filled. `kept` are keys of labels and annotations by which a controller tells
    /// whose a pod is.
    pub fn new(kept: &'static [&'static str], health: &Health) -> Self {
        let mut feed = Self {
            claims: Feed::new("persistentvolumeclaims", health),
            pods: Feed::new("pods (with claims)", health),
            mounts: Arc::default(),
        };
        feed.pods.keep(|pod| pod.trim(kept));
        feed.claims.keep(|claim| {
            claim.annotations_mut().remove(LAST_APPLIED);
            true
        });
        // Before all others that listen: they read it.
        let mounts = feed.mounts.clone();
        feed.pods.listen(move |change| mounts.tell(change, |pod| pod.claims().map(str::to_owned).collect()));
        feed
    }

    /// What they fill.
    pub fn view(&self) -> Claims {
        Claims { all: self.claims.store(), pods: self.pods.store(), mounts: self.mounts.clone() }
    }

    /// Adds a listener that is told of each claim whose pods change.
    pub fn on_mount(&mut self, tell: impl Fn(&Key) + Send + Sync + 'static) {
        self.pods.listen(move |change| {
            for pod in change.states() {
                let namespace = pod.namespace().unwrap_or_default();
                pod.claims().for_each(|claim| tell(&Key::new(&namespace, claim)));
            }
        });
    }

    /// Adds a listener that is told of each claim that comes, changes or goes.
    pub fn on_claim(&mut self, tell: impl Fn(&Key) + Send + Sync + 'static) {
        self.claims.listen(move |change: &Change<'_, PersistentVolumeClaim>| tell(&Key::of(change.object())));
    }

    /// What the ledger knows of a claim goes with it.
    pub fn forget_in(&mut self, ledger: &Arc<Ledger>) {
        self.claims.forget_in(ledger);
    }

    /// Runs the watches. Never ends.
    pub async fn watch(self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>) {
        tokio::join!(
            scope.watch(self.claims, client, everything(), metrics),
            scope.watch(self.pods, client, everything(), metrics),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(object: serde_json::Value) -> MountingPod {
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_pod_without_claims_does_not_count_and_one_that_is_over_neither() {
        assert!(
            !pod(json!({"metadata": {"name": "a"}, "spec": {"volumes": [{"name": "v", "emptyDir": {}}]}})).trim(&[])
        );
        let spec = json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]});
        assert!(!pod(json!({"metadata": {"name": "a"}, "spec": spec, "status": {"phase": "Succeeded"}})).trim(&[]));
        let mut mounting = pod(json!({"metadata": {"name": "a", "labels": {"x": "y", "app": "b"}}, "spec": spec}));
        assert!(mounting.trim(&["app"]));
        assert_eq!(mounting.metadata.labels, Some([("app".to_owned(), "b".to_owned())].into()));
        assert_eq!(mounting.claims().collect::<Vec<_>>(), ["data"]);
    }
}
