//! Everything that should happen to a companion's children, as a value that prints, and the rules that any plan keeps.

use std::collections::BTreeMap;
use std::fmt;

use carrel_api::vocabulary::STOPPED;
use carrel_server::Refusal;
use carrel_server::kind::{Kind, Leave, left_alone, ours};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;

use crate::Companion;
use crate::affinity::bound;
use crate::beside::{Place, place};
use crate::children::{Children, children};
use crate::observe::{Judged, Observed};
use crate::room::start_is_due;
use crate::wanted::Wanted;

/// What should happen. The status is computed after, from what became of this.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Nothing: it is being deleted and its children go with it, or it can't be run.
    Nothing,
    /// Children to apply, those that another object owns left out.
    Apply(Box<Act>),
}

/// Children to apply, and some to remove.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// Where its pod may stand.
    pub place: Place,
    /// What the children should be.
    pub children: Children,
    /// Children to leave alone for now.
    pub leave: Vec<Leave>,
    /// Whether the start waits for room: no pod is made.
    pub held: bool,
    /// The uid of a Deployment that replaces pods one after another, as another controller made it, and must not any more.
    pub disarm: Option<String>,
    /// Children that are ours and no longer wanted: their kinds, names and uids.
    pub remove: Vec<(Kind, String, String)>,
}

impl Act {
    /// Whether a child of this kind is left alone.
    pub fn leaves(&self, kind: Kind) -> bool {
        self.leave.iter().any(|leave| leave.kind == kind)
    }
}

/// What should happen.
pub fn plan<K: Companion>(observed: &Observed<K>, wanted: &Result<Wanted, Refusal>) -> Plan {
    let Ok(wanted) = wanted else { return Plan::Nothing };
    if observed.is_being_deleted() {
        return Plan::Nothing;
    }
    let live = observed.deployment.ours();
    let place = place_of(observed, wanted);
    let mut children = children(wanted, &place, live.and_then(|live| foreign_selector(live, wanted)));
    let mut leave = Vec::new();
    leave.extend(left_alone(Kind::Deployment, &observed.deployment));
    let mut remove = Vec::new();
    if children.service.is_some() {
        leave.extend(left_alone(Kind::Service, &observed.service));
        leave.extend(observed.route.left_alone());
    } else {
        remove.extend(ours(Kind::Service, &observed.service));
        remove.extend(observed.route.ours());
    }
    if !observed.route.can_be_made() {
        children.route = None;
    }
    let held = observed.judged != Judged::Fits && start_is_due(observed, wanted, &place);
    if held {
        children.deployment.spec.replicas = Some(0);
    }
    let disarm = live.and_then(armed);
    Plan::Apply(Box::new(Act { place, children, leave, held, disarm, remove }))
}

/// Where its pod may stand.
pub(crate) fn place_of<K: Companion>(observed: &Observed<K>, wanted: &Wanted) -> Place {
    if !wanted.follows || wanted.stopped {
        return Place::Anywhere;
    }
    let name = observed.object.name_any();
    let live = observed.deployment.ours().and_then(|live| live.spec.template.spec.as_ref());
    let is_own =
        |pod: &carrel_runtime::claims::MountingPod| pod.annotations().get(K::WORDS.mark).is_some_and(|of| *of == name);
    place(&observed.mounted, is_own, observed.own().as_ref(), live.and_then(|live| bound(live, &wanted.pod)))
}

/// The selector of a Deployment that selects by less than ours: Kubeflow's, and no selector can change.
fn foreign_selector<'a>(live: &'a Deployment, wanted: &Wanted) -> Option<&'a BTreeMap<String, String>> {
    let selector = live.spec.selector.match_labels.as_ref()?;
    let ours = |(key, value): (&String, &String)| wanted.labels.get(key) == Some(value);
    (*selector != wanted.selector && selector.iter().all(ours)).then_some(selector)
}

fn armed(live: &Deployment) -> Option<String> {
    live.spec.strategy.as_ref()?.rolling_update.as_ref().and(live.uid())
}

/// A plan that breaks a rule of conduct: a defect of Carrel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A pod would run although its owner stopped it, or end although nothing says so.
    Replicas {
        /// What the plan says.
        replicas: i32,
    },
    /// The old pod would keep a claim that the new one needs.
    RollingUpdate,
    /// A pod would be selected by less than what only these pods have.
    LooseSelector,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replicas { replicas } => write!(f, "replicas are {replicas} against what the owner says"),
            Self::RollingUpdate => write!(f, "the Deployment would replace pods one after another"),
            Self::LooseSelector => write!(f, "the Service would select pods of others"),
        }
    }
}

/// Holds a plan against the rules of conduct; run on every plan before it is carried out.
pub fn lint<K: Companion>(observed: &Observed<K>, plan: &Plan) -> Vec<Flaw> {
    let Plan::Apply(act) = plan else { return Vec::new() };
    let mut flaws = Vec::new();
    let spec = &act.children.deployment.spec;
    let replicas = spec.replicas.unwrap_or(1);
    let stopped = observed.object.annotations().contains_key(STOPPED);
    let away = matches!(act.place, Place::Away(_));
    if replicas != i32::from(!stopped && !act.held && !away) {
        flaws.push(Flaw::Replicas { replicas });
    }
    if spec.strategy.as_ref().and_then(|strategy| strategy.type_.as_deref()) != Some("Recreate") {
        flaws.push(Flaw::RollingUpdate);
    }
    let selector = |service: &k8s_openapi::api::core::v1::Service| service.spec.as_ref()?.selector.clone();
    let strict = |selector: BTreeMap<String, String>| selector.contains_key(K::WORDS.mark);
    if act.children.service.as_ref().is_some_and(|service| !selector(service).is_some_and(strict)) {
        flaws.push(Flaw::LooseSelector);
    }
    flaws
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Apply(act) = self else { return writeln!(f, "nothing") };
        let Act { place, children: Children { deployment, service, route }, leave, held, disarm, remove } =
            act.as_ref();
        match place {
            Place::Anywhere => {}
            Place::Stays { node } => writeln!(f, "stay on {node}")?,
            Place::Beside(holder) => writeln!(f, "stand beside {} for the claim {}", holder.who, holder.claim)?,
            Place::Away(holder) => writeln!(f, "keep away from {} for the claim {}", holder.who, holder.claim)?,
        }
        if *held {
            writeln!(f, "hold the start: it waits for room")?;
        }
        if disarm.is_some() {
            writeln!(f, "disarm Deployment: it would replace pods one after another")?;
        }
        let mut documents = vec![(Kind::Deployment, serde_json::to_value(deployment))];
        documents.extend(service.iter().map(|service| (Kind::Service, serde_json::to_value(service))));
        documents.extend(route.iter().map(|route| (route.kind(), route.to_value())));
        for (kind, document) in documents {
            match leave.iter().find(|leave| leave.kind == kind) {
                Some(Leave { owner: Some(owner), .. }) => writeln!(f, "leave {kind}: belongs to {owner}")?,
                Some(Leave { owner: None, .. }) => writeln!(f, "leave {kind}: is being deleted")?,
                None => {
                    let text = document.ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
                    writeln!(f, "apply {kind} {}", text.unwrap_or_default())?;
                }
            }
        }
        remove.iter().try_for_each(|(kind, name, _)| writeln!(f, "remove {kind} {name}"))
    }
}

#[cfg(test)]
mod tests;
