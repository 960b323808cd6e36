//! The claim of a VolumeRequest: what is made, what is kept of it, and whose one is that has its name.
//!
//! It has no owner reference: whoever owns an object takes it along, and data must outlive what asked for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use carrel_api::vocabulary::{VOLUME_LABELS, VOLUME_REQUEST, VOLUME_REQUEST_UID};
use carrel_runtime::FIELD_MANAGER;
use carrel_runtime::child::{MANAGED_BY, maker};
use carrel_runtime::quantity::nanos;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimCondition, PersistentVolumeClaimSpec, TypedLocalObjectReference,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use crate::resolve::{From, Resolved};

/// The resource of a claim.
pub(crate) const STORAGE: &str = "storage";

/// The claim that has the name of a VolumeRequest.
#[derive(Clone, Debug)]
pub enum Claim {
    /// There is none.
    Missing,
    /// It is this VolumeRequest's.
    Ours(Arc<PersistentVolumeClaim>),
    /// It is being deleted.
    Leaving(Arc<PersistentVolumeClaim>),
    /// Nobody owns it: it was made by hand, or for a VolumeRequest that is gone.
    Orphan(Arc<PersistentVolumeClaim>),
    /// Another owns it.
    Foreign {
        /// Who, in words.
        owner: String,
    },
}

impl Claim {
    /// Tells whose a claim is, by the uid that it carries. An owner reference of any kind is an owner: the garbage collector
    /// takes the claim with it.
    pub fn of(claim: Option<Arc<PersistentVolumeClaim>>, uid: &str) -> Self {
        let Some(claim) = claim else { return Self::Missing };
        if claim.metadata.deletion_timestamp.is_some() {
            return Self::Leaving(claim);
        }
        if belongs_to(&claim, uid) {
            return Self::Ours(claim);
        }
        if let Some(owner) = claim.owner_references().first() {
            return Self::Foreign { owner: format!("{} {}", owner.kind, owner.name) };
        }
        let tool = claim.labels().get(MANAGED_BY).filter(|tool| *tool != FIELD_MANAGER);
        if tool.is_some() || claim.annotations().contains_key("meta.helm.sh/release-name") {
            return Self::Foreign { owner: maker(claim.as_ref()) };
        }
        Self::Orphan(claim)
    }

    /// The claim, if it stands and is ours.
    pub fn ours(&self) -> Option<&PersistentVolumeClaim> {
        match self {
            Self::Ours(claim) => Some(claim),
            _ => None,
        }
    }
}

/// Whether a claim is that of the VolumeRequest with this uid.
pub fn belongs_to(claim: &PersistentVolumeClaim, uid: &str) -> bool {
    !uid.is_empty() && claim.annotations().get(VOLUME_REQUEST_UID).is_some_and(|of| of == uid)
}

/// The claim to make.
pub fn made(resolved: &Resolved) -> PersistentVolumeClaim {
    let mut claim = kept(resolved, &resolved.size);
    let spec = claim.spec.get_or_insert_default();
    spec.storage_class_name.clone_from(&resolved.class);
    spec.access_modes = Some(resolved.modes.iter().map(|mode| mode.as_str().to_owned()).collect());
    spec.volume_mode = Some(resolved.volume_mode.as_str().to_owned());
    spec.data_source = resolved.source.as_ref().map(source);
    claim
}

/// What is kept of a claim that is there: only what may change.
pub fn kept(resolved: &Resolved, size: &str) -> PersistentVolumeClaim {
    let mut labels = resolved.labels.clone();
    labels.insert(MANAGED_BY.to_owned(), FIELD_MANAGER.to_owned());
    let mut annotations = BTreeMap::from([
        (VOLUME_REQUEST.to_owned(), resolved.name.clone()),
        (VOLUME_REQUEST_UID.to_owned(), resolved.uid.clone()),
    ]);
    // Also where it is empty now: labels that were there before must be known to be over.
    annotations.insert(VOLUME_LABELS.to_owned(), resolved.labels.keys().cloned().collect::<Vec<_>>().join(","));
    let requests = BTreeMap::from([(STORAGE.to_owned(), Quantity(size.to_owned()))]);
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(resolved.name.clone()),
            namespace: Some(resolved.namespace.clone()),
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            resources: Some(VolumeResourceRequirements {
                requests: Some(requests),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

/// Of the claim's own namespace: such a reference has no other.
fn source(from: &From) -> TypedLocalObjectReference {
    match from {
        From::Claim(name) => {
            TypedLocalObjectReference { api_group: None, kind: "PersistentVolumeClaim".to_owned(), name: name.clone() }
        }
        From::Snapshot(name) => TypedLocalObjectReference {
            api_group: Some("snapshot.storage.k8s.io".to_owned()),
            kind: "VolumeSnapshot".to_owned(),
            name: name.clone(),
        },
    }
}

/// The labels that were set for the owner before and are no longer asked for. Whoever made a claim owns its fields under
/// another name than whoever applies to it, so that an apply does not take them off.
pub fn labels_over(resolved: &Resolved, live: &PersistentVolumeClaim) -> Vec<String> {
    let set = live.annotations().get(VOLUME_LABELS).map(String::as_str).unwrap_or_default();
    let over = |key: &&str| !key.is_empty() && !resolved.labels.contains_key(*key) && live.labels().contains_key(*key);
    set.split(',').filter(over).map(str::to_owned).collect()
}

/// The size that a claim asks for.
pub fn asked(claim: &PersistentVolumeClaim) -> Option<&str> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    requests.get(STORAGE).map(|size| size.0.as_str())
}

/// The size that the volume of a claim has.
pub fn capacity(claim: &PersistentVolumeClaim) -> Option<&str> {
    claim.status.as_ref()?.capacity.as_ref()?.get(STORAGE).map(|size| size.0.as_str())
}

/// Whether one size is larger than another; what is no size is never.
pub fn is_larger(size: Option<&str>, than: Option<&str>) -> bool {
    match (size.and_then(nanos), than.and_then(nanos)) {
        (Some(size), Some(than)) => size > than,
        _ => false,
    }
}

/// The phase of a claim.
pub fn phase(claim: &PersistentVolumeClaim) -> &str {
    claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// The condition of a claim of this type, if it is true.
pub fn true_condition<'a>(claim: &'a PersistentVolumeClaim, type_: &str) -> Option<&'a PersistentVolumeClaimCondition> {
    let conditions = claim.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_ && condition.status == "True")
}

/// The class of a claim.
pub fn class(claim: &PersistentVolumeClaim) -> Option<&str> {
    claim.spec.as_ref()?.storage_class_name.as_deref()
}
