//! What is said of a Notebook: Kubeflow's fields with Kubeflow's meaning, and one reason with a sentence.

mod asked;
mod loss;
mod why;

use carrel_api::notebook::{Condition, ContainerState, NotebookStatus, Phase, READY, RESTART_REQUIRED, ROUTED, Reason};
use carrel_api::vocabulary::RESTART_REQUESTED;
use carrel_runtime::apply::WriteError;
use carrel_server::conditions::{Why, ready, stopped, time, truth};
use carrel_server::life::Lived;
use carrel_server::route::{ObservedRoute, Told, said};
use carrel_server::slim_pod::{SlimPod, SlimPodCondition};
use jiff::Timestamp;

use crate::observe::Observed;
use crate::plan::{Kind, Plan};
use crate::resolve::{Refusal, Resolved};
use crate::waiting::Waiting;

/// What became of a plan, as far as a status speaks of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome<'a> {
    /// The first write that failed, and the kind of the child.
    pub failed: Option<&'a (Kind, WriteError)>,
    /// The write of the route, if it failed.
    pub route: Option<&'a (Kind, WriteError)>,
    /// What becomes of the server; as it is stored if `None`.
    pub lived: Option<&'a Lived>,
}

/// The status of a Notebook after its plan was carried out. `now` is used for the time of a transition only, so that
/// the same memory gives the same status.
pub fn status(
    observed: &Observed,
    resolved: &Result<Resolved, Refusal>,
    plan: &Plan,
    outcome: Outcome<'_>,
    now: Timestamp,
) -> NotebookStatus {
    let why = why::why(observed, resolved, plan, outcome);
    let pod = observed.pod.as_deref();
    let server = resolved.as_ref().ok().map(|resolved| resolved.server.as_str());
    let mut conditions = vec![ready(&why), stopped(&why)];
    if let Plan::Apply(act) = plan {
        conditions.extend(restart_required(&act.waiting));
    }
    conditions.extend(routed(observed, resolved, plan, outcome));
    conditions.extend(outcome.lived.into_iter().flat_map(|lived| lived.conditions.clone()));
    time(&mut conditions, |type_| observed.status.condition(type_), now);
    conditions.extend(pod.into_iter().flat_map(mirrored));
    NotebookStatus {
        // What the StatefulSet's count follows, a moment later. A pod that is ending counts while it is ready: Kubeflow's
        // web app shows "stopping" by it.
        ready_replicas: i32::from(pod.is_some_and(SlimPod::has_condition_ready)),
        container_state: pod.map(|pod| container_state(pod, observed, server, &why)).unwrap_or_default(),
        conditions,
        phase: Some(why.phase),
        reason: (why.phase != Phase::Running).then_some(why.reason),
        observed_generation: observed.notebook.metadata.generation,
        node_name: pod.and_then(|pod| pod.spec.node_name.clone()),
        resources: resolved.as_ref().map(asked::resources).unwrap_or_default(),
        volumes: resolved.as_ref().map(asked::claims).unwrap_or_default(),
        last_loss: loss::last_loss(&observed.status, &why, now),
        life: outcome.lived.map_or_else(|| observed.status.life.clone(), |lived| lived.life.clone()),
    }
}

/// Whether a change of status may wait a moment: on the way to Running, where the next change comes at once. What needs
/// a person, and what a person asked for, is told at once.
pub fn may_wait(before: &NotebookStatus, after: &NotebookStatus) -> bool {
    let passing = |status: &NotebookStatus| {
        status.phase == Some(Phase::Starting)
            && matches!(
                status.reason,
                Some(Reason::Pending | Reason::Starting | Reason::ImagePull | Reason::Restarting)
            )
    };
    let restarts = before.phase == Some(Phase::Running) && after.reason == Some(Reason::Restarting);
    let starts = before.phase.is_none() || passing(before) || before.phase == Some(Phase::Stopped);
    passing(after) && (starts || restarts)
}

/// `None` where no routes are made.
fn routed(
    observed: &Observed,
    resolved: &Result<Resolved, Refusal>,
    plan: &Plan,
    outcome: Outcome<'_>,
) -> Option<Condition> {
    if matches!(observed.route, ObservedRoute::Off) {
        return None;
    }
    let (Ok(Resolved { route: Some(asked), .. }), Plan::Apply(act)) = (resolved, plan) else {
        // Nothing is done to the route either.
        return observed.status.condition(ROUTED).cloned();
    };
    let route = act.children.route.as_ref();
    Some(said(Told { asked, route, live: &observed.route, failed: outcome.route, owner: "Notebook" }))
}

/// The most fields that a message names.
const NAMED_FIELDS: usize = 10;

/// Only there while it is true.
fn restart_required(waiting: &Waiting) -> Option<Condition> {
    let mut fields: Vec<_> =
        waiting.iter().take(NAMED_FIELDS).map(|(path, (has, wants))| format!("{path}: {has} -> {wants}")).collect();
    if waiting.len() > NAMED_FIELDS {
        fields.push(format!("and {} more", waiting.len() - NAMED_FIELDS));
    }
    (!fields.is_empty()).then(|| Condition {
        type_: RESTART_REQUIRED.to_owned(),
        status: truth(true),
        reason: Some(Reason::TemplateChanged.as_str().to_owned()),
        message: Some(format!(
            "takes effect at the next start, or at a restart ({RESTART_REQUESTED}): {}",
            fields.join("; ")
        )),
        ..Condition::default()
    })
}

/// The pod's conditions, as Kubeflow mirrors them, with their own times (Kubeflow writes the present, and never rests).
/// `Ready` is left out, since Carrel's own implies it, and a reason without a message, which Kubeflow's web app can't
/// read.
fn mirrored(pod: &SlimPod) -> impl Iterator<Item = Condition> {
    pod.status.conditions.iter().filter(|condition| condition.type_ != READY).map(|condition: &SlimPodCondition| {
        let message = condition.message.clone().filter(|message| !message.is_empty());
        Condition {
            type_: condition.type_.clone(),
            status: condition.status.clone(),
            last_probe_time: condition.last_probe_time.as_ref().map(|time| time.0),
            last_transition_time: condition.last_transition_time.as_ref().map(|time| time.0),
            reason: message.as_ref().and(condition.reason.clone()).filter(|reason| !reason.is_empty()),
            message,
        }
    })
}

/// The state of the container that is named like the Notebook, as in Kubeflow, or else of the first one: names differ
/// with `generateName`, and nobody should see an empty state for it. Kubeflow's web app shows the message of one that
/// waits; where kubelet has none, it is what the Notebook waits for.
fn container_state(pod: &SlimPod, observed: &Observed, server: Option<&str>, why: &Why) -> ContainerState {
    let own = observed.notebook.metadata.name.as_deref();
    let of = |name: &str| pod.status.container_statuses.iter().find(|status| status.name == name);
    let found = own.and_then(of).or_else(|| server.and_then(of));
    let mut state = found.and_then(|status| status.state.clone()).map(ContainerState::from).unwrap_or_default();
    if let Some(waiting) = state.waiting.as_mut().filter(|waiting| waiting.message.is_none()) {
        waiting.message = Some(why.message.clone());
    }
    state
}

#[cfg(test)]
mod tests;
