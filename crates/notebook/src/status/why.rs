//! The one thing to say of a Notebook: its phase, a reason and a sentence. Decided by a list; the first that speaks wins.

use carrel_api::notebook::{Phase, Reason};
use carrel_api::vocabulary::STOPPED;
use carrel_runtime::apply::WriteError;
use kube::ResourceExt;

use super::Outcome;
use crate::observe::Observed;
use crate::plan::{self, Cause, Plan};
use crate::pod::{SlimContainerStatus, SlimPod};
use crate::resolve::{Refusal, Resolved};

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) phase: Phase,
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Why {
    fn new(phase: Phase, reason: Reason, message: impl Into<String>) -> Self {
        Self { phase, reason, message: message.into() }
    }
}

/// Everything that a check may look at.
struct Case<'a> {
    observed: &'a Observed,
    resolved: &'a Result<Resolved, Refusal>,
    plan: &'a Plan,
    outcome: Outcome<'a>,
    stopped: bool,
}

/// In this order: what its owner wants, what can't be, what is, and what it waits for.
const CHECKS: &[fn(&Case<'_>) -> Option<Why>] = &[
    deleted,
    refused,
    child_taken,
    write_refused,
    stopping,
    restarting,
    running,
    write_failed,
    unschedulable,
    container_waits,
    creating,
];

pub(super) fn why(observed: &Observed, resolved: &Result<Resolved, Refusal>, plan: &Plan, outcome: Outcome<'_>) -> Why {
    let stopped = observed.notebook.annotations().contains_key(STOPPED);
    let case = Case { observed, resolved, plan, outcome, stopped };
    let otherwise = || Why::new(Phase::Starting, Reason::Starting, "the pod is on its node and not ready yet");
    CHECKS.iter().find_map(|check| check(&case)).unwrap_or_else(otherwise)
}

fn deleted(case: &Case<'_>) -> Option<Why> {
    plan::is_being_deleted(&case.observed.notebook).then(|| {
        Why::new(Phase::Terminating, Reason::Terminating, "the Notebook is being deleted; its volumes are kept")
    })
}

fn refused(case: &Case<'_>) -> Option<Why> {
    let refusal = case.resolved.as_ref().err()?;
    Some(Why::new(Phase::Error, refusal.reason, refusal.message.clone()))
}

fn child_taken(case: &Case<'_>) -> Option<Why> {
    let refusal = plan::taken(case.plan)?;
    Some(Why::new(Phase::Error, refusal.reason, refusal.message))
}

fn write_refused(case: &Case<'_>) -> Option<Why> {
    let (kind, error) = case.outcome.failed?;
    match error {
        WriteError::Taken { name, .. } => {
            let message = format!("the {kind} {name} is not this Notebook's; it is left alone");
            Some(Why::new(Phase::Error, Reason::NameTaken, message))
        }
        WriteError::Refused { message, .. } => {
            Some(Why::new(Phase::Error, Reason::Refused, format!("the {kind} is refused: {message}")))
        }
        _ => None,
    }
}

fn stopping(case: &Case<'_>) -> Option<Why> {
    if !case.stopped {
        return None;
    }
    Some(match &case.observed.pod {
        Some(_) => Why::new(Phase::Stopping, Reason::StoppedByOwner, "stopped by its owner; the pod is ending"),
        None => Why::new(
            Phase::Stopped,
            Reason::StoppedByOwner,
            format!("stopped by its owner; remove the annotation {STOPPED} to start it; its volumes are kept"),
        ),
    })
}

fn restarting(case: &Case<'_>) -> Option<Why> {
    let Plan::Apply(act) = case.plan else { return None };
    let message = match act.due? {
        Cause::Edited => "its owner changed the pod template; the pod starts again with it",
        Cause::Requested => "its owner asked for a restart; the pod starts again",
    };
    Some(Why::new(Phase::Starting, Reason::Restarting, message))
}

fn running(case: &Case<'_>) -> Option<Why> {
    let pod = case.observed.pod.as_ref()?;
    pod.is_ready().then(|| Why::new(Phase::Running, Reason::Running, "the server is ready"))
}

fn write_failed(case: &Case<'_>) -> Option<Why> {
    let (kind, error) = case.outcome.failed?;
    match error {
        WriteError::Timeout(_) | WriteError::Failed(_) | WriteError::Encode(_) => {
            let message = format!("the {kind} could not be written for now; it is tried again. {error}");
            Some(Why::new(Phase::Starting, Reason::WriteFailed, message))
        }
        WriteError::NotLeader | WriteError::Gone(_) | WriteError::Taken { .. } | WriteError::Refused { .. } => None,
    }
}

fn unschedulable(case: &Case<'_>) -> Option<Why> {
    let scheduled = case.observed.pod.as_ref()?.condition("PodScheduled")?;
    let message = scheduled.message.clone().filter(|message| !message.is_empty());
    (scheduled.status == "False").then(|| {
        Why::new(
            Phase::Starting,
            Reason::Unschedulable,
            message.unwrap_or_else(|| "no node takes the pod yet".to_owned()),
        )
    })
}

/// The first container, init containers before others, that waits or ended.
fn container_waits(case: &Case<'_>) -> Option<Why> {
    let status = &case.observed.pod.as_ref()?.status;
    let mut containers = status.init_container_statuses.iter().chain(&status.container_statuses);
    containers.find_map(|container| waiting(container).or_else(|| ended(container)))
}

fn waiting(container: &SlimContainerStatus) -> Option<Why> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let (name, word) = (&container.name, waiting.reason.as_deref().unwrap_or("Waiting"));
    Some(match word {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            let message = format!("the image of container {name} can't be pulled ({word})");
            Why::new(Phase::Starting, Reason::ImagePull, message)
        }
        // Kubelet's own message counts the seconds of its back-off, which would move by itself.
        "CrashLoopBackOff" => {
            let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
            let exit = last.map(|ended| format!(", last with exit code {}", ended.exit_code)).unwrap_or_default();
            let message = format!("container {name} ends again and again{exit}; see kubectl logs --previous");
            Why::new(Phase::Starting, Reason::Crashing, message)
        }
        "ContainerCreating" | "PodInitializing" => {
            Why::new(Phase::Starting, Reason::Starting, format!("container {name} is being made"))
        }
        _ => {
            let detail = waiting.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            Why::new(Phase::Starting, Reason::Starting, format!("container {name} waits ({word}{detail})"))
        }
    })
}

fn ended(container: &SlimContainerStatus) -> Option<Why> {
    let ended = container.state.as_ref()?.terminated.as_ref()?;
    (ended.exit_code != 0).then(|| {
        let message = format!("container {} ended with exit code {}", container.name, ended.exit_code);
        Why::new(Phase::Starting, Reason::Crashing, message)
    })
}

fn creating(case: &Case<'_>) -> Option<Why> {
    let gone = |pod: &SlimPod| pod.metadata.deletion_timestamp.is_some();
    case.observed
        .pod
        .as_deref()
        .is_none_or(gone)
        .then(|| Why::new(Phase::Starting, Reason::Creating, "the pod is being made"))
}
