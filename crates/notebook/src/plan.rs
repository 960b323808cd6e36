//! Everything that should happen to a Notebook's children, as a value that prints, and the rules that any plan keeps.

use std::fmt;

use carrel_api::notebook::{Notebook, Reason};
use carrel_api::vocabulary::{OWNER_TEMPLATE, STOPPED};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;

use crate::children::{Children, children};
use crate::observe::{Child, Observed};
use crate::resolve::{Refusal, Resolved};

/// What should happen to a Notebook's children. Its status is computed after, from what became of this.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Nothing: the Notebook is being deleted and its children go with it, or it can't be run.
    Nothing,
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
    /// A pod to end, so that the StatefulSet makes it anew.
    pub restart: Option<Restart>,
}

/// A child to leave alone, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// Its kind.
    pub kind: &'static str,
    /// Who owns it, if another does; else it is on its way out, and its delete wakes the Notebook again.
    pub owner: Option<String>,
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
    let mut leave = Vec::new();
    leave.extend(left_alone("Service", &observed.service));
    leave.extend(left_alone("StatefulSet", &observed.stateful_set));
    Plan::Apply(Box::new(Act { children: children(resolved), leave, restart: restart(observed, resolved) }))
}

/// Whether the Notebook is on its way out.
pub fn is_being_deleted(notebook: &Notebook) -> bool {
    notebook.metadata.deletion_timestamp.is_some()
}

fn left_alone<K>(kind: &'static str, child: &Child<K>) -> Option<Leave> {
    match child {
        Child::Missing | Child::Ours(_) => None,
        Child::Leaving => Some(Leave { kind, owner: None }),
        Child::Foreign { owner } => Some(Leave { kind, owner: Some(owner.clone()) }),
    }
}

/// A pod is ended when its owner changed the template since it was made, once the StatefulSet's controller has seen the
/// change: it would make the same pod again before.
fn restart(observed: &Observed, resolved: &Resolved) -> Option<Restart> {
    let (pod, set) = (observed.pod.as_ref()?, observed.stateful_set.ours()?);
    let applied = owner_template(set) == Some(resolved.owner_template.as_str());
    let seen = set.status.as_ref().and_then(|status| status.observed_generation) == set.metadata.generation;
    let older = pod.owner_template().is_some_and(|made_from| made_from != resolved.owner_template);
    let ends_already = resolved.stopped || pod.metadata.deletion_timestamp.is_some();
    (applied && seen && older && !ends_already)
        .then(|| Restart { pod: pod.name_any(), uid: pod.uid().unwrap_or_default() })
}

/// The hash of the owner's template that a StatefulSet makes its pods from.
fn owner_template(set: &StatefulSet) -> Option<&str> {
    set.spec.template.metadata.as_ref()?.annotations.as_ref()?.get(OWNER_TEMPLATE).map(String::as_str)
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
    if let (Some(restart), Some(pod)) = (&act.restart, &observed.pod)
        && pod.owner_template() == owner_template(&act.children.stateful_set)
    {
        flaws.push(Flaw::UnaskedRestart(restart.pod.clone()));
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
pub fn taken(act: &Act) -> Option<Refusal> {
    let (kind, owner) = act.leave.iter().find_map(|leave| Some((leave.kind, leave.owner.as_ref()?)))?;
    let message = format!("the {kind} of this name belongs to {owner}; it is left alone");
    Some(Refusal { reason: Reason::NameTaken, message })
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Apply(act) = self else { return writeln!(f, "nothing") };
        let Act { children: Children { service, stateful_set }, leave, restart } = act.as_ref();
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
        match restart {
            Some(restart) => writeln!(f, "end pod {}", restart.pod),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
