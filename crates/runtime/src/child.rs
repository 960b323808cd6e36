//! Whose an object is that has the name of a child.

use std::sync::Arc;

use kube::{Resource, ResourceExt};

use crate::FIELD_MANAGER;

/// Kubernetes' recommended label, on each child that Carrel makes with the name of its field manager: what Carrel's watches
/// select by, so that they hold no object of anybody else's.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Selects the children that Carrel made.
pub fn ours() -> String {
    format!("{MANAGED_BY}={FIELD_MANAGER}")
}

/// Who is to own a child.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    kind: &'a str,
    name: &'a str,
    uid: &'a str,
}

impl<'a> Owner<'a> {
    /// This object.
    pub fn of<O>(object: &'a O) -> Self
    where
        O: Resource<DynamicType = ()>,
    {
        let kind = match O::kind(&()) {
            std::borrow::Cow::Borrowed(kind) => kind,
            // The kinds that own children are known at compile time.
            std::borrow::Cow::Owned(_) => "",
        };
        let metadata = object.meta();
        Self {
            kind,
            name: metadata.name.as_deref().unwrap_or_default(),
            uid: metadata.uid.as_deref().unwrap_or_default(),
        }
    }
}

/// An object of the name that a child has.
#[derive(Clone, Debug)]
pub enum Child<K> {
    /// The cache holds none. There may be one that is not Carrel's, which the watch does not select.
    Missing,
    /// It is the owner's, or nobody's since its owner was deleted without it.
    Ours(Arc<K>),
    /// It is the owner's and being deleted.
    Leaving,
    /// Another object owns it; that one's kind and name.
    Foreign {
        /// The owner, as `Kind name`.
        owner: String,
    },
}

impl<K> Child<K> {
    /// The child, if it stands and is ours.
    pub fn ours(&self) -> Option<&K> {
        match self {
            Self::Ours(object) => Some(object),
            _ => None,
        }
    }
}

impl<K: Resource<DynamicType = ()>> Child<K> {
    /// Tells whose an object is: by its controller's uid, or where it has none by the label that Carrel's children carry.
    pub fn of(object: Option<Arc<K>>, wanted: Owner<'_>) -> Self {
        let Some(object) = object else { return Self::Missing };
        let controller = object.owner_references().iter().find(|owner| owner.controller == Some(true));
        match controller {
            // Of an object of this name that was deleted just now: the garbage collector has it.
            Some(owner) if owner.uid != wanted.uid && owner.kind == wanted.kind && owner.name == wanted.name => {
                Self::Leaving
            }
            Some(owner) if owner.uid != wanted.uid => Self::Foreign { owner: format!("{} {}", owner.kind, owner.name) },
            None if !is_carrels(object.as_ref()) => Self::Foreign { owner: maker(object.as_ref()) },
            _ if object.meta().deletion_timestamp.is_some() => Self::Leaving,
            _ => Self::Ours(object),
        }
    }
}

fn is_carrels(object: &impl ResourceExt) -> bool {
    object.labels().get(MANAGED_BY).is_some_and(|by| by == FIELD_MANAGER)
}

/// Who made an object that no controller owns, by the marks that such tools leave.
pub fn maker(object: &impl ResourceExt) -> String {
    if let Some(release) = object.annotations().get("meta.helm.sh/release-name") {
        return format!("the Helm release {release}");
    }
    let tool = object.labels().get(MANAGED_BY);
    tool.map_or_else(|| "somebody whom it does not name".to_owned(), Clone::clone)
}
