//! What the caches hold of a VolumeRequest and its claim, taken once at the start of a reconcile.

use std::collections::BTreeMap;
use std::sync::Arc;

use carrel_api::vocabulary::{VOLUME_FINALIZER, server_of};
use carrel_api::volume_request::{Reclaim, Source, UsedBy, VolumeRequest, VolumeRequestStatus};
use carrel_runtime::Key;
use carrel_runtime::bounds::{Bounds, Limits};
use carrel_runtime::claims::{Claims, MountingPod};
use carrel_runtime::evidence::Evidence;
use carrel_runtime::shelf::Shelf;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;

use crate::claim::Claim;
use crate::room::Judged;
use crate::slim_class::SlimClass;
use crate::snapshot::Snapshot;
use crate::snapshot_feed::Snapshots;

/// A VolumeRequest and its claim, as last seen.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The VolumeRequest.
    pub request: Arc<VolumeRequest>,
    /// Its status: what the cache holds, or what this process wrote since.
    pub status: VolumeRequestStatus,
    /// Its finalizers: what the cache holds, or what this process wrote since.
    pub finalizers: Vec<String>,
    /// The claim of its name.
    pub claim: Claim,
    /// Whether the claim was made a moment ago, and the cache has yet to show it.
    pub in_flight: bool,
    /// Who mounts the claim, in the order of names.
    pub users: Vec<UsedBy>,
    /// All StorageClasses.
    pub classes: Vec<Arc<SlimClass>>,
    /// The claim to clone, if one is named and there.
    pub source: Option<Arc<PersistentVolumeClaim>>,
    /// The snapshot to restore, if one is named.
    pub snapshot: Option<Snapshot>,
    /// What Events say of the claim, by reason.
    pub said: BTreeMap<String, String>,
    /// What bounds its namespace.
    pub limits: Limits,
    /// What is known of the room for it; asked for where that is due.
    pub judged: Judged,
}

impl Observed {
    /// Whether the VolumeRequest is on its way out.
    pub fn is_being_deleted(&self) -> bool {
        self.request.metadata.deletion_timestamp.is_some()
    }

    /// Whether its owner says that the claim goes with it. A spec that can't be read says nothing.
    pub fn deletes(&self) -> bool {
        self.request.spec.valid().is_some_and(|spec| spec.reclaim == Reclaim::Delete)
    }

    /// Whether the VolumeRequest stays until its claim is deleted.
    pub fn is_marked(&self) -> bool {
        self.finalizers.iter().any(|finalizer| finalizer == VOLUME_FINALIZER)
    }

    /// The class of this name.
    pub fn class(&self, name: &str) -> Option<&SlimClass> {
        self.classes.iter().find(|class| class.name_any() == name).map(AsRef::as_ref)
    }
}

/// What this process wrote of a VolumeRequest and the cache may not have seen.
#[derive(Debug, Default)]
pub struct Newer {
    /// Its status.
    pub status: Option<VolumeRequestStatus>,
    /// Its finalizers.
    pub finalizers: Option<Vec<String>>,
    /// Whether its claim was made.
    pub claim: bool,
}

/// The stores that are read.
#[derive(Clone)]
pub struct Stores {
    /// VolumeRequests.
    pub requests: Shelf<VolumeRequest>,
    /// Everybody's claims, and who mounts which: one that has the name of a request, or is to be cloned, may be anybody's.
    pub claims: Claims,
    /// StorageClasses.
    pub classes: Shelf<SlimClass>,
    /// VolumeSnapshots, where the cluster has them.
    pub snapshots: Snapshots,
    /// What bounds each namespace.
    pub bounds: Bounds,
    /// What Events say of claims.
    pub evidence: Arc<Evidence>,
}

impl Stores {
    /// Reads a VolumeRequest and its claim.
    pub fn observe(&self, request: Arc<VolumeRequest>, newer: Newer) -> Observed {
        let key = Key::of(request.as_ref());
        let uid = request.metadata.uid.clone().unwrap_or_default();
        let stored = || request.status.as_ref().and_then(|status| status.valid()).cloned();
        let claim = Claim::of(self.claims.get(&key), &uid);
        let claim_uid = claim.ours().and_then(|claim| claim.metadata.uid.clone());
        let source = source(&request).and_then(|name| self.claims.get(&Key::new(&key.namespace, name)));
        Observed {
            status: newer.status.or_else(stored).unwrap_or_default(),
            finalizers: newer.finalizers.unwrap_or_else(|| request.finalizers().to_vec()),
            in_flight: newer.claim && matches!(claim, Claim::Missing),
            said: claim_uid.map(|uid| self.evidence.about(&key, &uid)).unwrap_or_default(),
            claim,
            users: self.users(&key),
            classes: self.classes.state(),
            source,
            snapshot: snapshot_source(&request).map(|name| self.snapshots.find(&key.namespace, name)),
            limits: self.bounds.of(&key.namespace),
            judged: Judged::Not,
            request,
        }
    }

    fn users(&self, claim: &Key) -> Vec<UsedBy> {
        let mut users: Vec<_> = self.claims.mounted_by(claim).iter().map(|pod| user(pod)).collect();
        users.sort();
        users
    }
}

/// The claim that a VolumeRequest wants to clone.
pub(crate) fn source(request: &VolumeRequest) -> Option<&str> {
    let Source { claim, .. } = request.spec.valid()?.source.as_ref()?;
    claim.as_deref()
}

/// The VolumeSnapshot that a VolumeRequest wants to restore.
pub(crate) fn snapshot_source(request: &VolumeRequest) -> Option<&str> {
    let Source { snapshot, .. } = request.spec.valid()?.source.as_ref()?;
    snapshot.as_deref()
}

/// Who a pod is to a person.
pub(crate) fn user(pod: &MountingPod) -> UsedBy {
    let name = pod.name_any();
    let (kind, server) = server_of(pod.labels(), pod.annotations()).unwrap_or(("Pod", &name));
    UsedBy { kind: kind.to_owned(), name: server.to_owned(), node: pod.spec.node_name.clone(), pod: name.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_pod_is_told_as_the_server() {
        let user = |text: &str| user(&serde_saphyr::from_str(text).unwrap());
        let notebook = user("{metadata: {name: iris-0, labels: {notebook-name: iris}}, spec: {nodeName: n1}}");
        assert_eq!((notebook.kind.as_str(), notebook.name.as_str()), ("Notebook", "iris"));
        assert_eq!(notebook.node.as_deref(), Some("n1"));
        let board = user("{metadata: {name: board-x, annotations: {carrel.dev/tensorboard: board}}}");
        assert_eq!((board.kind.as_str(), board.name.as_str()), ("Tensorboard", "board"));
        assert_eq!(user("{metadata: {name: job}}").kind, "Pod");
    }
}
