//! What keeps a pod, written and taken away; and a pod ended that moves.

use std::fmt::Debug;

use carrel_api::server::{Condition, NOT_PROTECTED, Reason};
use carrel_runtime::Key;
use carrel_runtime::apply::{Applied, WriteError, Writer};
use carrel_runtime::ledger::IN_FLIGHT;
use carrel_runtime::notice::{Notice, Tone};
use carrel_runtime::rights::Right;
use carrel_runtime::runner::Next;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tracing::{debug, info};

use super::budget::{Budget, budget};
use super::disruption::{self, Moving};
use super::marks::marks;
use super::{Seen, Shelves, Subject};
use crate::life::said::{condition, notice};
use crate::life::{ANSWER, Lived, Lives, Stored};

/// What protecting and moving take.
pub const RIGHTS: &[Right] = &[
    Right::new(
        "What keeps the pod of a busy server from drains, and is deleted when it is idle.",
        "policy",
        &["poddisruptionbudgets"],
        &["list", "watch", "create", "patch", "delete"],
    ),
    Right::new(
        "Only annotations of a running one are written, that keep autoscalers away while it is busy; one is deleted where it \
         is idle on a node that is to go, and the policy moves it (protectBusy).",
        "",
        &["pods"],
        &["patch", "delete"],
    ),
];

/// What became of keeping a pod.
#[derive(Debug)]
pub struct Kept {
    /// The first write that failed.
    pub failed: Option<WriteError>,
    /// When to look again without being woken.
    pub next: Next,
    /// Whether the pod leaves its node by itself.
    pub moving: Moving,
}

/// Keeps a pod for as long as was decided, or no longer, and adds to what is said of its server. At rest nothing is written.
pub async fn keep(
    subject: Subject<'_>,
    stored: Stored<'_>,
    lived: &mut Lived,
    shelves: &Shelves,
    writer: &Writer,
    now: Timestamp,
) -> Kept {
    let mut kept = Kept { failed: None, next: Next::Wait, moving: Moving::Stays };
    // While nobody knows the policies, all stays as it is, and so do the words on it.
    let Some(guard) = lived.guard else { return kept };
    let seen = shelves.observe(subject);
    let of_budget = write_budget(&seen, lived.protect_until, writer).await;
    let of_marks = write_marks(&seen, lived.protect_until.is_some(), writer).await;
    for written in [of_budget, of_marks] {
        match written {
            Ok(Applied::InFlight) => kept.next = Next::After(IN_FLIGHT),
            Ok(Applied::Settled | Applied::Wrote(_)) | Err(WriteError::NotLeader | WriteError::Gone(_)) => {}
            Err(error) => kept.failed = kept.failed.or(Some(error)),
        }
    }
    let refused = kept.failed.as_ref().and_then(|error| refused(error, subject.name));
    if let Some(refused) = &refused
        && !stored.conditions.iter().any(|before| before.type_ == NOT_PROTECTED)
    {
        lived.notices.push(notice(Tone::Warning, NOT_PROTECTED, refused.message.as_deref().unwrap_or_default()));
    }
    let disruption = disruption::disruption(&seen, stored, lived, guard);
    lived.notices.extend(disruption::told(stored, disruption.as_ref()));
    kept.moving = disruption::moving(&seen, stored, lived, guard, now);
    if kept.moving == Moving::Asks {
        kept.next = Next::After(ANSWER);
    }
    lived.conditions.extend(refused.into_iter().chain(disruption));
    kept
}

/// Ends a pod that moves, or asks whether nobody uses it still. Whether it ended.
pub async fn moves<K>(object: &K, moving: &Moving, lives: &Lives, writer: &Writer) -> Result<bool, WriteError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    match moving {
        Moving::Stays => {}
        Moving::Asks => lives.ask(object),
        Moving::Ends { pod, uid, message } => {
            let key = Key::new(object.namespace().unwrap_or_default(), pod);
            if writer.delete::<Pod>(&key, uid).await? {
                info!(pod = %key, "ending the pod: {message}");
                let notice = Notice { tone: Tone::Normal, reason: "Moved".into(), message: message.clone() };
                writer.notice(object, &notice).await;
                return Ok(true);
            }
        }
    }
    Ok(false)
}

async fn write_budget(seen: &Seen<'_>, until: Option<Timestamp>, writer: &Writer) -> Result<Applied, WriteError> {
    match budget(seen, until) {
        Budget::Leave => Ok(Applied::Settled),
        Budget::Stand(wanted) => match seen.budget.ours() {
            Some(live) => writer.apply(wanted.as_ref(), Some(live)).await,
            // Not applied: an apply would take over a stranger's that happens to agree with it.
            None => writer.create(wanted.as_ref(), wanted.as_ref()).await,
        },
        Budget::Go(uid) => {
            let key = Key::new(seen.subject.namespace, seen.subject.name);
            if writer.delete::<PodDisruptionBudget>(&key, &uid).await? {
                info!(budget = %key, "the pod is no longer kept");
            }
            Ok(Applied::Settled)
        }
    }
}

/// Who has patched a pod waits until the cache shows that: what it holds until then asks for the same patch again.
async fn write_marks(seen: &Seen<'_>, kept: bool, writer: &Writer) -> Result<Applied, WriteError> {
    let Some(pod) = seen.pod() else { return Ok(Applied::Settled) };
    let Some(patch) = marks(pod, kept) else { return Ok(Applied::Settled) };
    let (key, uid) = (Key::of(pod), pod.uid().unwrap_or_default());
    if writer.ledger().is_behind(PODS, &key, &uid, &pod.resource_version().unwrap_or_default()) {
        debug!(pod = %key, "its annotations were written, and the cache will show it");
        return Ok(Applied::InFlight);
    }
    let written = writer.merge::<Pod>(&key, &uid, patch).await?;
    writer.ledger().wrote(PODS, &key, &uid, &written.resource_version().unwrap_or_default(), "");
    Ok(Applied::Settled)
}

/// What the ledger calls pods.
pub const PODS: &str = "pods";

/// What a write that the API server refused means to the owner; one that is tried again soon is no word to say.
fn refused(error: &WriteError, name: &str) -> Option<Condition> {
    let (reason, why) = match error {
        WriteError::Taken { .. } => {
            let why = format!("a PodDisruptionBudget {name} is there that Carrel did not make, and is left alone");
            (Reason::NameTaken, why)
        }
        WriteError::Refused { message, .. } => (Reason::Refused, format!("the API server refuses it: {message}")),
        _ => return None,
    };
    Some(condition(
        NOT_PROTECTED,
        reason.as_str(),
        format!("it is busy and not kept from drains, or not in all ways: {why}"),
    ))
}
