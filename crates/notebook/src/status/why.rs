//! The one thing to say of a Notebook: its phase, a reason and a sentence. Decided by a list; the first that speaks wins.

use carrel_api::notebook::{Phase, READY, Reason};
use carrel_api::vocabulary::STOPPED;
use carrel_server::pod::{self, Waiting};
use carrel_server::rejection::{is_about_room, rejection};
use kube::ResourceExt;

use carrel_server::conditions::{self, Why};

use super::Outcome;
use crate::observe::Observed;
use crate::plan::{self, Plan};
use crate::resolve::{Refusal, Resolved};
use crate::room::Judged;

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
    evicted,
    pod_ends,
    no_room,
    pod_rejected,
    pod_waits,
    pending,
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
    let refusal = carrel_server::kind::refused(*kind, error, "Notebook")?;
    Some(Why::new(Phase::Error, refusal.reason, refusal.message))
}

fn stopping(case: &Case<'_>) -> Option<Why> {
    if !case.stopped {
        return None;
    }
    Some(conditions::stopping(case.observed.notebook.annotations(), case.observed.pod.is_some()))
}

fn restarting(case: &Case<'_>) -> Option<Why> {
    let Plan::Apply(act) = case.plan else { return None };
    let message = act.restart.as_ref()?.cause.sentence();
    Some(Why::new(Phase::Starting, Reason::Restarting, message))
}

fn running(case: &Case<'_>) -> Option<Why> {
    let pod = case.observed.pod.as_ref()?;
    pod.is_ready().then(|| Why::new(Phase::Running, Reason::Running, "the server is ready"))
}

fn write_failed(case: &Case<'_>) -> Option<Why> {
    let (kind, error) = case.outcome.failed?;
    let refusal = carrel_server::kind::not_written(*kind, error)?;
    Some(Why::new(Phase::Starting, refusal.reason, refusal.message))
}

/// While it ends; the next pod's own state is told after.
fn evicted(case: &Case<'_>) -> Option<Why> {
    let (reason, message) = pod::evicted(case.observed.pod.as_ref()?)?;
    Some(Why::new(Phase::Starting, reason, message))
}

/// Its containers end with it, which is no crash.
fn pod_ends(case: &Case<'_>) -> Option<Why> {
    case.observed.pod.as_ref()?.metadata.deletion_timestamp.as_ref()?;
    Some(Why::new(Phase::Starting, Reason::Pending, "the pod ends, and another is made"))
}

/// A start that is held, and why.
fn no_room(case: &Case<'_>) -> Option<Why> {
    let Plan::Apply(act) = case.plan else { return None };
    if !act.held {
        return None;
    }
    Some(match &case.observed.judged {
        Judged::Refused(refusal) => Why::new(Phase::Starting, refusal.reason, refusal.message.clone()),
        Judged::Not | Judged::Fits | Judged::Waits => {
            // While it is judged again, what was said still holds.
            let said = case.observed.status.reason.filter(|reason| is_about_room(*reason));
            let words = case.observed.status.condition(READY).and_then(|ready| ready.message.clone());
            if let (Some(reason), Some(message)) = (said, words) {
                return Some(Why::new(Phase::Starting, reason, message));
            }
            let message = "waits for its turn: where a quota bounds the namespace, starts are judged one after another";
            Why::new(Phase::Starting, Reason::Pending, message)
        }
    })
}

/// Without a pod, why none can be made; else what the pod says.
fn pod_rejected(case: &Case<'_>) -> Option<Why> {
    let words = case.observed.rejection.as_deref().filter(|_| case.observed.pod.is_none())?;
    let (reason, message) = rejection(words, &[]);
    Some(Why::new(Phase::Starting, reason, message))
}

fn pod_waits(case: &Case<'_>) -> Option<Why> {
    let (reason, message) = pod::waits(Waiting {
        pod: case.observed.pod.as_ref()?,
        around: &case.observed.around,
        spec: case.resolved.as_ref().ok().map(|resolved| &resolved.pod),
    })?;
    Some(Why::new(Phase::Starting, reason, message))
}

fn pending(case: &Case<'_>) -> Option<Why> {
    case.observed.pod.is_none().then(|| Why::new(Phase::Starting, Reason::Pending, "the pod is being made"))
}
