//! Whose a child is, and what becomes of it. Pure.

use std::sync::Arc;

use carrel_runtime::Key;
use carrel_runtime::child::{Child as Live, Owner};
use carrel_runtime::ledger::APPLIED;
use kube::{Resource, ResourceExt};

use super::read::ByKey;
use super::rows::{Child, Fate, Now, Row};

/// The object of a child's name, as the controllers would see it.
pub(super) fn live<K: Resource<DynamicType = ()>>(all: &ByKey<K>, key: &Key, owner: Owner<'_>) -> Live<K> {
    Live::of(all.get(key).cloned(), owner)
}

/// As whom Kubeflow's controllers write: they name no manager, so it is the name of their binary.
const KUBEFLOW: &str = "manager";

/// Whose it is. The mark is what Carrel writes on each apply, and what Kubeflow's controllers take away, but from a route: of
/// that they write the `spec` alone, and only whose its fields are tells.
fn now<K: ResourceExt>(child: &Live<K>, is_route: bool) -> Now {
    match child {
        Live::Missing => Now::None,
        Live::Leaving => Now::Leaving,
        Live::Foreign { owner } => Now::Other(owner.clone()),
        Live::Ours(object) if is_route && is_rewritten(object.as_ref()) => Now::Kubeflow,
        Live::Ours(object) if object.annotations().contains_key(APPLIED) => Now::Carrel,
        Live::Ours(_) => Now::Kubeflow,
    }
}

/// Whether Kubeflow's controller wrote a route since it was last applied. Its rules are none that Carrel writes, so that an apply
/// takes them from it; other fields may be the same, and are both's then. What others add to a rule is theirs, and Carrel
/// leaves it.
fn is_rewritten(route: &impl ResourceExt) -> bool {
    let theirs = route.managed_fields().iter().filter(|entry| entry.manager.as_deref() == Some(KUBEFLOW));
    theirs.filter_map(|entry| entry.fields_v1.as_ref()).any(|fields| fields.0.pointer("/f:spec/f:http").is_some())
}

/// What becomes of a child that Carrel wants.
pub(super) fn fate(now: &Now) -> Fate {
    match now {
        Now::Kubeflow => Fate::TakenOver,
        Now::Carrel => Fate::Nothing,
        Now::Other(owner) => Fate::Refused(format!("the name is taken by {owner}")),
        Now::Leaving | Now::None => Fate::Made,
    }
}

/// A server whose children are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server<'a> {
    pub(super) kind: &'static str,
    pub(super) key: &'a Key,
    pub(super) owner: Owner<'a>,
    /// Why Carrel does nothing with it, if so.
    pub(super) passed_over: Option<&'a Fate>,
}

impl Server<'_> {
    /// The row of a child that Carrel wants.
    pub(super) fn wants<K: ResourceExt>(&self, child: Child, live: &Live<K>) -> Row {
        let now = now(live, child.is_route());
        let becomes = match self.passed_over {
            Some(fate) if now != Now::Carrel => fate.clone(),
            _ => fate(&now),
        };
        self.row(child, now, becomes)
    }

    /// The row of a child that Carrel leaves as it is, where one is there that Kubeflow's controller made.
    pub(super) fn leaves<K: Resource<DynamicType = ()>>(
        &self,
        child: Child,
        object: Option<&Arc<K>>,
        why: String,
    ) -> Option<Row> {
        let now = now(&Live::of(object.cloned(), self.owner), child.is_route());
        (now == Now::Kubeflow).then(|| self.row(child, now, Fate::Stays(why)))
    }

    fn row(&self, child: Child, now: Now, becomes: Fate) -> Row {
        Row {
            kind: self.kind,
            namespace: self.key.namespace.clone(),
            name: self.key.name.clone(),
            child,
            now,
            becomes,
            pod: None,
            waits_for_restart: Vec::new(),
        }
    }
}
