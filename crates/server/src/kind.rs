//! The kinds of children, and whether to leave one alone.

use std::fmt;

use carrel_api::server::Reason;
use carrel_runtime::FIELD_MANAGER;
use carrel_runtime::apply::WriteError;
use carrel_runtime::child::{Child, MANAGED_BY};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use crate::Refusal;

/// Why controllers need the right to update the finalizers of owners, which they never do.
pub const FINALIZERS: &str = "Children carry an owner reference with blockOwnerDeletion. Where the admission plugin \
                              OwnerReferencesPermissionEnforcement is on, setting it asks for this.";

/// The kinds that plans act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A child.
    Service,
    /// A child.
    StatefulSet,
    /// A child.
    Deployment,
    /// A child: Istio's route.
    VirtualService,
    /// A child: the Gateway API's route.
    HTTPRoute,
    /// A child: Kubernetes' own route.
    Ingress,
    /// Its workload's, which is only ever asked about or ended.
    Pod,
    /// The Notebook itself.
    Notebook,
}

impl Kind {
    /// Whether children of this kind are routes.
    pub fn is_route(self) -> bool {
        match self {
            Self::VirtualService | Self::HTTPRoute | Self::Ingress => true,
            Self::Service | Self::StatefulSet | Self::Deployment | Self::Pod | Self::Notebook => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A child to leave alone, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// Its kind.
    pub kind: Kind,
    /// Who owns it, if another does; else it is on its way out, and its delete wakes the owner again.
    pub owner: Option<String>,
}

/// Whether to leave a child of this kind alone for now.
pub fn left_alone<K>(kind: Kind, child: &Child<K>) -> Option<Leave> {
    match child {
        Child::Missing | Child::Ours(_) => None,
        Child::Leaving => Some(Leave { kind, owner: None }),
        Child::Foreign { owner } => Some(Leave { kind, owner: Some(owner.clone()) }),
    }
}

/// The kind, name and uid of a child that stands and is ours.
pub fn ours<K: Resource>(kind: Kind, child: &Child<K>) -> Option<(Kind, String, String)> {
    let metadata = child.ours()?.meta();
    Some((kind, metadata.name.clone()?, metadata.uid.clone()?))
}

/// The refusal for a child, but a route, that another object owns; a route's own condition tells of it.
pub fn taken(leave: &[Leave], name: &str) -> Option<Refusal> {
    let mut children = leave.iter().filter(|leave| !leave.kind.is_route());
    let (kind, owner) = children.find_map(|leave| Some((leave.kind, leave.owner.as_ref()?)))?;
    let message = format!("the {kind} {name} belongs to {owner}; it is left alone");
    Some(Refusal { reason: Reason::NameTaken, message })
}

/// What a write of a child that the API server refused means to the owner, of this kind.
pub fn refused(kind: Kind, error: &WriteError, owner: &str) -> Option<Refusal> {
    match error {
        WriteError::Taken { name, .. } => {
            let message = format!("the {kind} {name} is not this {owner}'s; it is left alone");
            Some(Refusal { reason: Reason::NameTaken, message })
        }
        WriteError::Refused { message, .. } => {
            Some(Refusal { reason: Reason::Refused, message: format!("the {kind} is refused: {message}") })
        }
        _ => None,
    }
}

/// What a write of a child that failed and is tried again means to the owner.
pub fn not_written(kind: Kind, error: &WriteError) -> Option<Refusal> {
    match error {
        WriteError::Timeout(_) | WriteError::Failed(_) | WriteError::Encode(_) => {
            let message = format!("the {kind} could not be written for now; it is tried again. {error}");
            Some(Refusal { reason: Reason::WriteFailed, message })
        }
        WriteError::NotLeader | WriteError::Gone(_) | WriteError::Taken { .. } | WriteError::Refused { .. } => None,
    }
}

/// The metadata of a child of this name: its owner, the mark that it is Carrel's, and the owner's whole name in an
/// annotation, since the child's own may be derived.
pub fn child_metadata<K: Resource<DynamicType = ()>>(owner: &K, child: &str, annotation: &str) -> ObjectMeta {
    let own = owner.meta();
    let name = own.name.clone().unwrap_or_default();
    ObjectMeta {
        name: Some(child.to_owned()),
        namespace: own.namespace.clone(),
        annotations: Some([(annotation.to_owned(), name.clone())].into()),
        labels: Some([(MANAGED_BY.to_owned(), FIELD_MANAGER.to_owned())].into()),
        owner_references: Some(vec![OwnerReference {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            name,
            uid: own.uid.clone().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    }
}
