//! Everything that should happen to a Notebook's children, as a value that prints, and the rules that any plan keeps.

use std::fmt;

use carrel_api::notebook::{Notebook, Reason};
use carrel_api::vocabulary::{ODH_RESTART, OWNER_TEMPLATE, RESTARTED_FOR, STOPPED};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;

use crate::children::{Children, children};
use crate::observe::{Child, Observed};
use crate::pod::SlimPod;
use crate::resolve::{Refusal, Resolved, Update};
use crate::waiting::{Waiting, remember, waiting};

/// What should happen to a Notebook's children. Its status is computed after, from what became of this.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Nothing: the Notebook is being deleted and its children go with it, or it can't be run.
    Nothing,
    /// Open Data Hub's request for a restart, which has no name, gets this one; the change brings the Notebook back.
    NameRequest(String),
    /// Children to apply, those that another object owns left out.
    Apply(Box<Act>),
}

/// Children to apply, and a pod to end.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// What the children should be.
    pub children: Children,
    /// Children to leave alone for now.
    pub leave: Vec<Leave>,
    /// The uid of a StatefulSet that restarts its pod by itself, as another controller made it, and must not any more.
    pub disarm: Option<String>,
    /// Why the pod must start anew, if it must.
    pub due: Option<Cause>,
    /// The pod to end for it, as soon as the StatefulSet would make another one.
    pub restart: Option<Restart>,
    /// Fields that wait for the next start, with what the pod has and what it would get.
    pub waiting: Waiting,
}

/// A child to leave alone, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// Its kind.
    pub kind: &'static str,
    /// Who owns it, if another does; else it is on its way out, and its delete wakes the Notebook again.
    pub owner: Option<String>,
}

/// Why a pod must start anew. There is no other reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its owner changed the template.
    Edited,
    /// Its owner asked for it.
    Requested,
}

/// A pod to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Its name.
    pub pod: String,
    /// Its uid: never its successor's.
    pub uid: String,
}

impl Act {
    /// Whether a child of this kind is left alone.
    pub fn leaves(&self, kind: &str) -> Option<&Leave> {
        self.leave.iter().find(|leave| leave.kind == kind)
    }
}

/// What should happen.
pub fn plan(observed: &Observed, resolved: &Result<Resolved, Refusal>) -> Plan {
    let Ok(resolved) = resolved else { return Plan::Nothing };
    if is_being_deleted(&observed.notebook) {
        return Plan::Nothing;
    }
    if observed.notebook.annotations().get(ODH_RESTART).is_some_and(|value| value == "true") {
        let version = observed.notebook.resource_version().unwrap_or_default();
        return Plan::NameRequest(format!("{ODH_RESTART}@{version}"));
    }
    let mut leave = Vec::new();
    leave.extend(left_alone("Service", &observed.service));
    leave.extend(left_alone("StatefulSet", &observed.stateful_set));
    let mut children = children(resolved);
    let due = due(observed, resolved);
    let waiting = if due.is_some() { Waiting::new() } else { waiting(observed, &children.stateful_set) };
    remember(&waiting, &mut children.stateful_set);
    let restart = due.and_then(|_| restart(observed, &children.stateful_set));
    let disarm = observed.stateful_set.ours().and_then(armed);
    Plan::Apply(Box::new(Act { children, leave, disarm, due, restart, waiting }))
}

/// Whether the Notebook is on its way out.
pub fn is_being_deleted(notebook: &Notebook) -> bool {
    notebook.metadata.deletion_timestamp.is_some()
}

fn armed(set: &StatefulSet) -> Option<String> {
    set.spec.update_strategy.as_ref()?.rolling_update.as_ref().and(set.uid())
}

fn left_alone<K>(kind: &'static str, child: &Child<K>) -> Option<Leave> {
    match child {
        Child::Missing | Child::Ours(_) => None,
        Child::Leaving => Some(Leave { kind, owner: None }),
        Child::Foreign { owner } => Some(Leave { kind, owner: Some(owner.clone()) }),
    }
}

/// Whether the pod must start anew: it was made from another template of its owner, or before the owner's last request.
fn due(observed: &Observed, resolved: &Resolved) -> Option<Cause> {
    // While the cache does not show the StatefulSet, it can't tell what its pod was made from.
    observed.stateful_set.ours()?;
    let pod = observed.pod.as_ref()?;
    if resolved.stopped || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let (made_from, made_for) = origin(pod, resolved);
    if resolved.restart_request.is_some() && resolved.restart_request.as_deref() != made_for {
        return Some(Cause::Requested);
    }
    let edited = made_from.is_some_and(|hash| hash != resolved.owner_template);
    (edited && resolved.update == Update::AtOnce).then_some(Cause::Edited)
}

/// The owner's template and the request that a pod was made from.
fn origin<'a>(pod: &'a SlimPod, resolved: &'a Resolved) -> (Option<&'a str>, Option<&'a str>) {
    match &resolved.taken_over {
        Some(taken) => (Some(&taken.owner_template), taken.restart_request.as_deref()),
        None => (pod.owner_template(), pod.restarted_for()),
    }
}

/// A pod is ended once the StatefulSet's controller has seen what the next one should be: it would make the same again
/// before.
fn restart(observed: &Observed, wanted: &StatefulSet) -> Option<Restart> {
    let (pod, live) = (observed.pod.as_ref()?, observed.stateful_set.ours()?);
    let same = |key| template_annotation(live, key) == template_annotation(wanted, key);
    let applied = same(OWNER_TEMPLATE) && same(RESTARTED_FOR);
    let seen = live.status.as_ref().and_then(|status| status.observed_generation) == live.metadata.generation;
    (applied && seen).then(|| Restart { pod: pod.name_any(), uid: pod.uid().unwrap_or_default() })
}

fn template_annotation<'a>(set: &'a StatefulSet, key: &str) -> Option<&'a str> {
    set.spec.template.metadata.as_ref()?.annotations.as_ref()?.get(key).map(String::as_str)
}

/// A plan that breaks a rule of conduct: a defect of Carrel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A running pod would end although its owner neither changed the template nor asked.
    #[error("pod {0} would restart though its owner changed nothing")]
    UnaskedRestart(String),
    /// A pod would run although its owner stopped it, or end although not.
    #[error("replicas are {replicas} though the stop annotation is {}", if *.stopped { "there" } else { "absent" })]
    AgainstStop {
        /// What the plan says.
        replicas: i32,
        /// What the owner says.
        stopped: bool,
    },
    /// A StatefulSet would restart pods by itself.
    #[error("the StatefulSet would restart pods by itself")]
    RollingUpdate,
    /// A claim would be owned, and so be deleted, with a Notebook.
    #[error("the StatefulSet would own claims")]
    OwnsClaims,
}

/// Holds a plan against the rules of conduct; run in debug builds and on every random input.
pub fn lint(observed: &Observed, plan: &Plan) -> Vec<Flaw> {
    let Plan::Apply(act) = plan else { return Vec::new() };
    let mut flaws = Vec::new();
    if let (Some(restart), Some(pod)) = (&act.restart, &observed.pod) {
        let wanted = |key| template_annotation(&act.children.stateful_set, key);
        let edited = pod.owner_template() != wanted(OWNER_TEMPLATE);
        let requested = wanted(RESTARTED_FOR).is_some() && pod.restarted_for() != wanted(RESTARTED_FOR);
        if act.due.is_none() || !(edited || requested) {
            flaws.push(Flaw::UnaskedRestart(restart.pod.clone()));
        }
    }
    let spec = &act.children.stateful_set.spec;
    let stopped = observed.notebook.annotations().contains_key(STOPPED);
    let replicas = spec.replicas.unwrap_or(1);
    if replicas != i32::from(!stopped) {
        flaws.push(Flaw::AgainstStop { replicas, stopped });
    }
    if spec.update_strategy.as_ref().and_then(|strategy| strategy.type_.as_deref()) != Some("OnDelete") {
        flaws.push(Flaw::RollingUpdate);
    }
    if spec.volume_claim_templates.as_ref().is_some_and(|claims| !claims.is_empty()) {
        flaws.push(Flaw::OwnsClaims);
    }
    flaws
}

/// The reason for a child that another object owns.
pub fn taken(plan: &Plan) -> Option<Refusal> {
    let Plan::Apply(act) = plan else { return None };
    let (kind, owner) = act.leave.iter().find_map(|leave| Some((leave.kind, leave.owner.as_ref()?)))?;
    let name = act.children.service.name_any();
    let message = format!("the {kind} {name} belongs to {owner}; it is left alone");
    Some(Refusal { reason: Reason::NameTaken, message })
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = match self {
            Self::Nothing => return writeln!(f, "nothing"),
            Self::NameRequest(name) => return writeln!(f, "name the request for a restart {name}"),
            Self::Apply(act) => act,
        };
        let Act { children: Children { service, stateful_set }, leave, disarm, due, restart, waiting } = act.as_ref();
        if disarm.is_some() {
            writeln!(f, "disarm StatefulSet: it would restart its pod by itself")?;
        }
        let documents =
            [("Service", serde_json::to_value(service)), ("StatefulSet", serde_json::to_value(stateful_set))];
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
        for (path, (has, wants)) in waiting {
            writeln!(f, "waits {path}: {has} -> {wants}")?;
        }
        match (due, restart) {
            (Some(cause), Some(restart)) => writeln!(f, "end pod {} ({cause:?})", restart.pod),
            (Some(cause), None) => writeln!(f, "end the pod later ({cause:?})"),
            (None, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
