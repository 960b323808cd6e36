//! Everything that should happen to a Notebook's children, as a value that prints, and the rules that any plan keeps.

use std::fmt;

use carrel_api::notebook::Notebook;
use carrel_api::vocabulary::{
    ODH_RESTART, ON_STOP, OWNER_TEMPLATE, RESTARTED_FOR, STOPPED, TAKEN_OVER, TEMPLATE, UPDATE_POLICY,
};
use carrel_server::kind::left_alone;
pub use carrel_server::kind::{Kind, Leave};
use carrel_server::slim_pod::SlimPod;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;

use crate::children::{Children, children};
use crate::observe::Observed;
use crate::resolve::{Refusal, Resolved, TakenOver, Update};
use crate::room::{Judged, start_is_due};
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
    /// Whether the start waits for room: no pod is made.
    pub held: bool,
    /// The uid of a StatefulSet that restarts its pod by itself, as another controller made it, and must not any more.
    pub disarm: Option<String>,
    /// The pod that must start anew, if it must.
    pub restart: Option<Restart>,
    /// Fields that wait for the next start, with what the pod has and what it would get.
    pub waiting: Waiting,
}

/// Why a pod must start anew. There is no other reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its owner changed the template.
    Edited,
    /// Its owner asked for it.
    Requested,
}

impl Cause {
    /// What is said of it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Edited => "its owner changed the pod template; the pod starts again with it",
            Self::Requested => "its owner asked for a restart; the pod starts again",
        }
    }
}

/// A pod that must start anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Why.
    pub cause: Cause,
    /// Whether to end it now: only once the StatefulSet would make another one.
    pub now: bool,
    /// Its name.
    pub pod: String,
    /// Its uid: never its successor's.
    pub uid: String,
}

impl Act {
    /// Whether a child of this kind is left alone.
    pub fn leaves(&self, kind: Kind) -> bool {
        self.leave.iter().any(|leave| leave.kind == kind)
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
    leave.extend(left_alone(Kind::Service, &observed.service));
    leave.extend(left_alone(Kind::StatefulSet, &observed.stateful_set));
    let mut children = children(resolved);
    leave.extend(observed.route.left_alone());
    if !observed.route.can_be_made() {
        children.route = None;
    }
    let restart = restart(observed, resolved, &children.stateful_set);
    let waiting = if restart.is_some() { Waiting::new() } else { waiting(observed, &children.stateful_set) };
    remember(&waiting, &mut children.stateful_set);
    let disarm = observed.stateful_set.ours().and_then(armed);
    let held = observed.judged != Judged::Fits && start_is_due(observed, resolved);
    if held {
        children.stateful_set.spec.replicas = Some(0);
    }
    Plan::Apply(Box::new(Act { children, leave, held, disarm, restart, waiting }))
}

/// Whether the Notebook is on its way out.
pub fn is_being_deleted(notebook: &Notebook) -> bool {
    notebook.metadata.deletion_timestamp.is_some()
}

fn armed(set: &StatefulSet) -> Option<String> {
    set.spec.update_strategy.as_ref()?.rolling_update.as_ref().and(set.uid())
}

/// A pod must start anew if it was made from another template of its owner, or before the owner's last request. It is
/// ended once the StatefulSet's controller has seen what the next one should be: it would make the same again before.
fn restart(observed: &Observed, resolved: &Resolved, wanted: &StatefulSet) -> Option<Restart> {
    // While the cache does not show the StatefulSet, it can't tell what its pod was made from.
    let (live, pod) = (observed.stateful_set.ours()?, observed.pod.as_ref()?);
    if resolved.stopped || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let asked = asked(pod, resolved.taken_over.as_ref(), &resolved.owner_template, resolved.restart_request.as_deref());
    let cause = asked.filter(|cause| *cause == Cause::Requested || resolved.update == Update::AtOnce)?;
    let same = |key| template_annotation(live, key) == template_annotation(wanted, key);
    let seen = live.status.as_ref().and_then(|status| status.observed_generation) == live.metadata.generation;
    let now = seen && same(OWNER_TEMPLATE) && same(RESTARTED_FOR);
    Some(Restart { cause, now, pod: pod.name_any(), uid: pod.uid().unwrap_or_default() })
}

/// What the owner did since the pod was made that asks for another: a request before an edit.
fn asked(pod: &SlimPod, taken: Option<&TakenOver>, owner_template: &str, request: Option<&str>) -> Option<Cause> {
    let (made_from, made_for) = match taken {
        Some(taken) => (Some(taken.owner_template.as_str()), taken.restart_request.as_deref()),
        None => (pod.annotation(OWNER_TEMPLATE), pod.annotation(RESTARTED_FOR)),
    };
    if request.is_some() && request != made_for {
        return Some(Cause::Requested);
    }
    made_from.is_some_and(|hash| hash != owner_template).then_some(Cause::Edited)
}

/// The hash of the whole template.
pub(crate) fn template_hash(set: &StatefulSet) -> Option<&str> {
    template_annotation(set, TEMPLATE)
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
    /// A pod would end for want of room.
    #[error("pod {0} would end though it runs and nobody asked")]
    HeldWhileRunning(String),
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

/// Holds a plan against the rules of conduct; run on every plan before it is carried out.
pub fn lint(observed: &Observed, plan: &Plan) -> Vec<Flaw> {
    let Plan::Apply(act) = plan else { return Vec::new() };
    let mut flaws = Vec::new();
    if let (Some(restart), Some(pod)) = (&act.restart, &observed.pod) {
        // By what the children carry, not by what the plan was made of.
        let set = &act.children.stateful_set;
        let taken = set.annotations().get(TAKEN_OVER).and_then(|text| serde_json::from_str(text).ok());
        let hash = template_annotation(set, OWNER_TEMPLATE).unwrap_or_default();
        let asked = asked(pod, taken.as_ref(), hash, template_annotation(set, RESTARTED_FOR));
        let waits = observed.notebook.annotations().get(UPDATE_POLICY).is_some_and(|policy| policy == ON_STOP);
        if asked != Some(restart.cause) || waits && restart.cause == Cause::Edited {
            flaws.push(Flaw::UnaskedRestart(restart.pod.clone()));
        }
    }
    let spec = &act.children.stateful_set.spec;
    let stopped = observed.notebook.annotations().contains_key(STOPPED);
    let replicas = spec.replicas.unwrap_or(1);
    if let Some(pod) = observed.pod.as_ref().filter(|_| act.held) {
        flaws.push(Flaw::HeldWhileRunning(pod.name_any()));
    }
    if replicas != i32::from(!stopped && !act.held) {
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
    carrel_server::kind::taken(&act.leave, &act.children.service.name_any())
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = match self {
            Self::Nothing => return writeln!(f, "nothing"),
            Self::NameRequest(name) => return writeln!(f, "name the request for a restart {name}"),
            Self::Apply(act) => act,
        };
        let Act { children: Children { service, stateful_set, route }, leave, held, disarm, restart, waiting } =
            act.as_ref();
        if *held {
            writeln!(f, "hold the start: it waits for room")?;
        }
        if disarm.is_some() {
            writeln!(f, "disarm StatefulSet: it would restart its pod by itself")?;
        }
        let mut documents = vec![
            (Kind::Service, serde_json::to_value(service)),
            (Kind::StatefulSet, serde_json::to_value(stateful_set)),
        ];
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
        for (path, (has, wants)) in waiting {
            writeln!(f, "waits {path}: {has} -> {wants}")?;
        }
        match restart {
            Some(Restart { cause, pod, now: true, .. }) => writeln!(f, "end pod {pod} ({cause:?})"),
            Some(Restart { cause, now: false, .. }) => writeln!(f, "end the pod later ({cause:?})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod released;
#[cfg(test)]
mod tests;
