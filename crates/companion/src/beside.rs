//! Where a companion may stand, by who else has the claims that it mounts.
//!
//! A claim that one node can have at a time binds it to the node of the one who has it; a claim that one pod can have keeps it
//! away while another pod has it, or waits for it. Never is its own pod the reason for where it is.

use std::sync::Arc;

use carrel_api::vocabulary::server_of;
use carrel_runtime::claims::MountingPod;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;

/// Where a companion may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Wherever the scheduler likes, or where its pod is already.
    #[default]
    Anywhere,
    /// Where it stands, or is about to: who had the claim there is gone, and moving would help nobody.
    Stays {
        /// The node.
        node: String,
    },
    /// On the node of who has the claim.
    Beside(Holder),
    /// Nowhere, until who has the claim, or waits for it, is gone.
    Away(Holder),
}

/// Who has a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The claim.
    pub claim: String,
    /// Who it is, in words: a Notebook by its name, or a pod.
    pub who: String,
    /// Its node; none while it waits for one.
    pub node: Option<String>,
}

impl Place {
    /// The node to which it is bound.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Stays { node } => Some(node),
            Self::Beside(holder) => holder.node.as_deref(),
            Self::Anywhere | Self::Away(_) => None,
        }
    }
}

/// A claim that a companion mounts, and who else does.
#[derive(Clone, Debug)]
pub struct Mounted {
    /// Its name.
    pub name: String,
    /// The claim, if it is there.
    pub claim: Option<Arc<PersistentVolumeClaim>>,
    /// All pods that mount it and are not over.
    pub pods: Vec<Arc<MountingPod>>,
}

/// The companion's own pod, as far as its place depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its node; none while it waits for one.
    pub node: Option<String>,
    /// Whether the scheduler found no node for it.
    pub unschedulable: bool,
    /// When it was made, and its name: of two companions that share a claim, the younger follows.
    pub age: (Timestamp, String),
}

/// How many may have a claim at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    Nodes,
    OneNode,
    OnePod,
}

fn share(claim: &PersistentVolumeClaim) -> Share {
    let asked = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    let has = |mode: &str| asked.iter().any(|one| one == mode);
    if has("ReadWriteMany") {
        Share::Nodes
    } else if has("ReadWriteOncePod") {
        Share::OnePod
    } else if has("ReadWriteOnce") {
        Share::OneNode
    } else {
        Share::Nodes
    }
}

/// Where a companion may stand. `is_own` tells its own pods, `own` is the one that counts, `bound` is the node to which it is
/// bound now.
pub fn place(
    mounted: &[Mounted],
    is_own: impl Fn(&MountingPod) -> bool,
    own: Option<&Own>,
    bound: Option<&str>,
) -> Place {
    let mut place = Place::Anywhere;
    let mut is_bound_by_claim = false;
    for Mounted { name, claim, pods } in mounted {
        let share = claim.as_deref().map_or(Share::Nodes, share);
        let others: Vec<&MountingPod> = pods.iter().map(AsRef::as_ref).filter(|pod| !is_own(pod)).collect();
        is_bound_by_claim |= share != Share::Nodes;
        let found = match share {
            Share::Nodes => None,
            Share::OnePod => first_of(&others, own).map(|pod| Place::Away(holder(name, pod))),
            Share::OneNode => node_of(&others, own).map(|pod| Place::Beside(holder(name, pod))),
        };
        match (&place, found) {
            (_, Some(away @ Place::Away(_))) => return away,
            (Place::Anywhere, Some(found)) => place = found,
            // It can't stand beside both.
            (first, Some(Place::Beside(second))) if first.node() != second.node.as_deref() => {
                return Place::Away(second);
            }
            _ => {}
        }
    }
    let own_node = own.and_then(|own| own.node.as_deref());
    if bound.is_none() && own_node.is_some() && place.node() == own_node {
        // It is there already. To bind it would end its pod for nothing; its next one is bound.
        return Place::Anywhere;
    }
    // A pod that is on its way is bound as the last one was: another template would end it. Only one that the node does not
    // take, full or gone, is set free.
    let is_taken = own.is_none_or(|own| own_node == bound || own.node.is_none() && !own.unschedulable);
    match bound {
        Some(bound) if place == Place::Anywhere && is_bound_by_claim && is_taken => {
            Place::Stays { node: bound.to_owned() }
        }
        _ => place,
    }
}

/// Whether a pod comes before the companion's own: everybody who is no companion, and companions that are older.
fn comes_first(pod: &MountingPod, own: Option<&Own>) -> bool {
    !is_companion(pod) || own.is_none_or(|own| age(pod) < own.age)
}

fn age(pod: &MountingPod) -> (Timestamp, String) {
    let made = pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
    (made, pod.name_any())
}

fn is_companion(pod: &MountingPod) -> bool {
    matches!(server_of(pod.labels(), pod.annotations()), Some(("Tensorboard" | "PVCViewer", _)))
}

/// Who has, or is first to get, a claim that one pod can have.
fn first_of<'a>(others: &[&'a MountingPod], own: Option<&Own>) -> Option<&'a MountingPod> {
    let first = others.iter().filter(|pod| comes_first(pod, own));
    first.min_by_key(|pod| (!pod.runs(), is_companion(pod), age(pod))).copied()
}

/// Who has a claim that one node can have: who stays before who ends, who runs before who only has a node, and of those one on
/// the companion's own node, or else the oldest.
fn node_of<'a>(others: &[&'a MountingPod], own: Option<&Own>) -> Option<&'a MountingPod> {
    let own_node = own.and_then(|own| own.node.as_deref());
    let with_node = others.iter().filter(|pod| pod.spec.node_name.is_some() && comes_first(pod, own));
    with_node
        .min_by_key(|pod| {
            let ends = pod.metadata.deletion_timestamp.is_some();
            let is_elsewhere = pod.spec.node_name.as_deref() != own_node;
            (ends, is_companion(pod), !pod.runs(), is_elsewhere, age(pod))
        })
        .copied()
}

fn holder(claim: &str, pod: &MountingPod) -> Holder {
    let who = match server_of(pod.labels(), pod.annotations()) {
        Some((kind, name)) => format!("the {kind} {name}"),
        None => format!("the pod {}", pod.name_any()),
    };
    Holder { claim: claim.to_owned(), who, node: pod.spec.node_name.clone() }
}

#[cfg(test)]
mod tests;
