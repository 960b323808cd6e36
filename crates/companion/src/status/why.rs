//! The one thing to say of a companion: its phase, a reason and a sentence. Decided by a list; the first that speaks wins.

use carrel_api::server::{Phase, READY, Reason};
use carrel_api::vocabulary::STOPPED;
use carrel_server::Refusal;
use carrel_server::kind::{not_written, refused as write_refusal, taken};
use carrel_server::pod::{self, Waiting};
use carrel_server::rejection::{is_about_room, rejection};
use kube::ResourceExt;

use carrel_server::conditions::{self, Why};

use super::Outcome;
use crate::Companion;
use crate::affinity::bound;
use crate::beside::{Holder, Place};
use crate::observe::{Judged, Observed};
use crate::plan::{Act, Plan};
use crate::room;
use crate::wanted::Wanted;

/// Everything that a check may look at.
struct Case<'a, K: Companion> {
    observed: &'a Observed<K>,
    wanted: &'a Result<Wanted, Refusal>,
    act: Option<&'a Act>,
    outcome: Outcome<'a>,
    stopped: bool,
}

/// A check, and what it says if it is the one that speaks.
type Check<K> = fn(&Case<'_, K>) -> Option<Why>;

pub(super) fn why<K: Companion>(
    observed: &Observed<K>,
    wanted: &Result<Wanted, Refusal>,
    plan: &Plan,
    outcome: Outcome<'_>,
) -> Why {
    let stopped = observed.object.annotations().contains_key(STOPPED);
    let act = if let Plan::Apply(act) = plan { Some(act.as_ref()) } else { None };
    let case = Case { observed, wanted, act, outcome, stopped };
    // In this order: what its owner wants, what can't be, where it may be, what is, and what it waits for.
    let checks: [Check<K>; 13] = [
        deleted,
        refused,
        child_taken,
        write_refused,
        stopping,
        away,
        moving,
        running,
        write_failed,
        no_room,
        pod_refused,
        not_beside,
        pod_waits,
    ];
    let otherwise = || match observed.standing() {
        Some(_) => Why::new(Phase::Starting, Reason::Starting, "the pod is on its node and not ready yet"),
        None if observed.pod.is_some() => {
            Why::new(Phase::Starting, Reason::Pending, "the pod ends, and another is made")
        }
        None => Why::new(Phase::Starting, Reason::Pending, "the pod is being made"),
    };
    checks.iter().find_map(|check| check(&case)).unwrap_or_else(otherwise)
}

fn deleted<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    let message = || format!("the {} is being deleted; the volumes are kept", K::WORDS.kind);
    case.observed.is_being_deleted().then(|| Why::new(Phase::Terminating, Reason::Terminating, message()))
}

fn refused<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    Some(Why::of(Phase::Error, case.wanted.as_ref().err()?.clone()))
}

fn child_taken<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    let act = case.act?;
    Some(Why::of(Phase::Error, taken(&act.leave, &act.children.deployment.name_any())?))
}

fn write_refused<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    let (kind, error) = case.outcome.failed?;
    Some(Why::of(Phase::Error, write_refusal(*kind, error, K::WORDS.kind)?))
}

fn stopping<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    case.stopped.then(|| conditions::stopping(case.observed.object.annotations(), case.observed.pod.is_some()))
}

/// It can't stand anywhere for now.
fn away<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    let Place::Away(holder) = &case.act?.place else { return None };
    let Holder { claim, who, node } = holder;
    let has = node.as_ref().map_or_else(|| "waits for it".to_owned(), |node| format!("has it on the node {node}"));
    let ends = if case.observed.pod.is_some() { "gives way" } else { "waits" };
    let message = format!(
        "the claim {claim} can't be shared with it, and {who} {has}; this one {ends}, and starts by itself when that one is \
         gone"
    );
    Some(Why::new(Phase::Starting, Reason::VolumeBusyElsewhere, message))
}

/// Its pod is elsewhere than the one who has the claim.
fn moving<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    let Place::Beside(Holder { claim, who, node: Some(node) }) = &case.act?.place else { return None };
    let pod = case.observed.pod.as_ref()?;
    let elsewhere = pod.spec.node_name.as_ref().filter(|own| *own != node)?;
    let message = format!(
        "{who} needs the claim {claim} on the node {node}; the pod on the node {elsewhere} gives way, and another starts \
         beside it"
    );
    Some(Why::new(Phase::Starting, Reason::GivesWay, message))
}

fn running<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    let ready = case.observed.pod.as_ref().is_some_and(|pod| pod.is_ready());
    ready.then(|| Why::new(Phase::Running, Reason::Running, "the server is ready"))
}

fn write_failed<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    let (kind, error) = case.outcome.failed?;
    Some(Why::of(Phase::Starting, not_written(*kind, error)?))
}

/// A start that is held, and why.
fn no_room<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    if !case.act?.held {
        return None;
    }
    Some(match &case.observed.judged {
        Judged::Refused(refusal) => Why::of(Phase::Starting, refusal.clone()),
        Judged::Not | Judged::Fits | Judged::Waits => {
            // While it is judged again, what was said still holds.
            let before = K::said(&case.observed.status);
            let said = before.reason.filter(|reason| is_about_room(*reason));
            let words = before.condition(READY).and_then(|ready| ready.message.clone());
            if let (Some(reason), Some(message)) = (said, words) {
                return Some(Why::new(Phase::Starting, reason, message));
            }
            let message = "waits for its turn: where a quota bounds the namespace, starts are judged one after another";
            Why::new(Phase::Starting, Reason::Pending, message)
        }
    })
}

/// Without a pod, why none can be made.
fn pod_refused<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    if case.observed.pod.is_some() {
        return None;
    }
    let (reason, message) = rejection(room::refused(case.observed.deployment.ours()?)?, &[]);
    Some(Why::new(Phase::Starting, reason, message))
}

/// It may stand on one node only, and that does not take it.
fn not_beside<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    let pod = case.observed.standing()?;
    let scheduled = pod.condition("PodScheduled").filter(|scheduled| scheduled.status == "False")?;
    let Place::Beside(Holder { claim, who, node: Some(node) }) = &case.act?.place else { return None };
    // Only of a pod that was made to stand there.
    let live = case.observed.deployment.ours()?.spec.template.spec.as_ref()?;
    if bound(live, &case.wanted.as_ref().ok()?.pod) != Some(node) {
        return None;
    }
    let words = scheduled.message.as_deref().unwrap_or("the scheduler gives no cause");
    let (words, _) = words.split_once(" preemption:").unwrap_or((words, ""));
    let message = format!(
        "{who} has the claim {claim} on the node {node}, and that node does not take this one beside it: {words}"
    );
    Some(Why::new(Phase::Starting, Reason::VolumeBusyElsewhere, message))
}

fn pod_waits<K: Companion>(case: &Case<'_, K>) -> Option<Why> {
    let (reason, message) = pod::waits(Waiting {
        pod: case.observed.standing()?,
        around: &case.observed.around,
        spec: case.wanted.as_ref().ok().map(|wanted| &wanted.pod),
    })?;
    Some(Why::new(Phase::Starting, reason, message))
}
