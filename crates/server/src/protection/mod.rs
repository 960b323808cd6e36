//! How a busy server is kept from drains and autoscalers, on its live pod and without a restart; and what becomes of it when
//! its node is to go.
//!
//! `budget` and `marks` say what keeps it, `disruption` what is said and done when its node is cordoned: pure. `act` writes.
//! All of it is there while the policies say so ([`Lived::protect_until`](crate::life::Lived::protect_until)) and gone after. Nothing rests on memory: what a
//! process before this one left on a pod that is idle by now is found and taken away at the first reconcile.
//!
//! Carrel has to keep its promise also while it does not run, so what it leaves ends without it: the budget goes with its pod,
//! and lets a pod go that is not ready. Only a busy pod whose cap comes while no Carrel runs is kept longer, until one does.

mod act;
mod budget;
mod disruption;
mod marks;

use std::sync::Arc;

use carrel_runtime::child::{Child, Owner};
use carrel_runtime::shelf::Shelf;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::runtime::reflector::ObjectRef;

use crate::slim_node::SlimNode;
use crate::slim_pod::SlimPod;

pub use act::{Kept, PODS, RIGHTS, keep, moves};
pub use disruption::Moving;

/// Where the objects around a server's pod are found.
#[derive(Clone)]
pub struct Shelves {
    /// Budgets that Carrel made.
    pub budgets: Shelf<PodDisruptionBudget>,
    /// Nodes; none where they are not watched.
    pub nodes: Shelf<SlimNode>,
}

/// A server's pod, as its controller knows it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// The name of the pod, there or not.
    pub name: &'a str,
    /// The pod.
    pub pod: Option<&'a SlimPod>,
    /// A label that this pod has and no other.
    pub label: (&'a str, &'a str),
    /// The annotation by which children of its kind of server are known, and the server's name.
    pub annotation: (&'a str, &'a str),
}

/// A pod, and what stands around it.
struct Seen<'a> {
    subject: Subject<'a>,
    budget: Child<PodDisruptionBudget>,
    node: Option<Arc<SlimNode>>,
}

impl Shelves {
    fn observe<'a>(&self, subject: Subject<'a>) -> Seen<'a> {
        let key = ObjectRef::new(subject.name).within(subject.namespace);
        // Without a pod, one that has an owner goes with that.
        let nobody = SlimPod::default();
        let owner = Owner::of(subject.pod.unwrap_or(&nobody));
        let node = subject.pod.and_then(|pod| pod.spec.node_name.as_deref());
        Seen {
            budget: Child::of(self.budgets.get(&key), owner),
            node: node.and_then(|node| self.nodes.get(&ObjectRef::new(node))),
            subject,
        }
    }
}

impl Seen<'_> {
    /// The pod, unless it is on its way out: then all that is said of it, or done to it, comes too late.
    fn pod(&self) -> Option<&SlimPod> {
        self.subject.pod.filter(|pod| pod.metadata.deletion_timestamp.is_none())
    }
}

#[cfg(test)]
mod tests;
