//! One reconcile: observe, resolve, plan, apply, status, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use carrel_api::vocabulary::VOLUME_FINALIZER;
use carrel_api::volume_request::{Reclaim, VolumeRequest, VolumeRequestStatus};
use carrel_runtime::Key;
use carrel_runtime::apply::{Applied, WriteError, Writer};
use carrel_runtime::kit::{Kit, Urgency};
use carrel_runtime::ledger::IN_FLIGHT;
use carrel_runtime::notice::{Notice, Tone};
use carrel_runtime::runner::Next;
use carrel_runtime::statuses::Statuses;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use serde_json::{Map, Value, json};
use tracing::{debug, error, info};

use crate::judge::judge;
use crate::notices::notices;
use crate::observe::{Newer, Observed, Stores};
use crate::plan::{Finalizer, Plan, Step, lint, plan};
use crate::resolve::{Refusal, resolve};
use crate::status::{Outcome, may_wait, status};

/// What a reconcile works with.
pub(crate) struct House {
    pub(crate) stores: Stores,
    pub(crate) finalizers: Statuses<Vec<String>>,
    pub(crate) kit: Kit<VolumeRequest, VolumeRequestStatus, Refusal>,
}

/// The plural of claims, by which the ledger knows them.
const CLAIMS: &str = "persistentvolumeclaims";

/// Brings one VolumeRequest to where it should be.
pub(crate) async fn reconcile(request: Arc<VolumeRequest>, house: &House) -> Result<Next, WriteError> {
    if !house.kit.writer.may_write() {
        return Ok(Next::Wait);
    }
    let key = Key::of(request.as_ref());
    let mut observed = observe(request, &key, house);
    let resolved = resolve(&observed.request);
    let judgement = judge(&observed, &resolved, house).await;
    observed.judged = judgement.judged;
    let plan = plan(&observed, &resolved);
    let flaws = lint(&observed, &plan);
    debug_assert!(flaws.is_empty(), "{flaws:?}");
    if let Some(flaw) = flaws.first() {
        error!("this is a defect of Carrel, and nothing is done: {flaw}");
        return Ok(Next::Wait);
    }
    let done = match judgement.failed {
        Some(error) => Err(error),
        None => carry_out(&observed, &plan, house).await,
    };
    let (failed, mut next) = match done {
        Ok(Applied::InFlight) => (None, Next::After(IN_FLIGHT + Duration::from_secs(1))),
        // Whoever has the lease, or whoever deletes, does the rest.
        Ok(Applied::Settled | Applied::Wrote(_)) | Err(WriteError::NotLeader | WriteError::Gone(_)) => {
            (None, Next::Wait)
        }
        Err(error) => {
            // What was let through is judged anew: the room may be another's by now.
            house.kit.wake.send_key(house.kit.turns.leave(&key));
            (Some(error), Next::Wait)
        }
    };
    if observed.in_flight {
        next = Next::After(IN_FLIGHT + Duration::from_secs(1));
    }
    if let Some(again) = judgement.again {
        next = Next::After(again);
    }
    if observed.is_being_deleted() && failed.is_none() && plan.finalizer == Some(Finalizer::Remove) {
        // It is gone, or held by others for whom this says enough.
        return Ok(next);
    }
    let status = status(&observed, &resolved, &plan, Outcome { failed: failed.as_ref() }, (house.kit.clock)());
    let urgency = match &failed {
        Some(_) => Urgency::Now,
        None if may_wait(&observed.status, &status) => Urgency::Passing,
        None => Urgency::Soon,
    };
    let said = house.kit.say(observed.request.as_ref(), &observed.status, status, urgency, told).await?;
    if let Some(left) = said {
        return Ok(Next::After(left));
    }
    failed.map_or(Ok(next), Err)
}

fn observe(request: Arc<VolumeRequest>, key: &Key, house: &House) -> Observed {
    let version = request.metadata.resource_version.clone().unwrap_or_default();
    let newer = Newer {
        status: house.kit.newer(&request),
        finalizers: house.finalizers.newer_than(key, &version),
        claim: house.kit.writer.ledger().awaits(CLAIMS, key),
    };
    house.stores.observe(request, newer)
}

async fn carry_out(observed: &Observed, plan: &Plan, house: &House) -> Result<Applied, WriteError> {
    if plan.finalizer == Some(Finalizer::Set) {
        // Before there is a claim: a delete that comes in between must not miss it.
        write_finalizers(observed, true, house).await?;
    }
    let done = match &plan.step {
        Step::Nothing => Applied::Settled,
        Step::Create { made, kept } => {
            let done = house.kit.writer.create(made.as_ref(), kept.as_ref()).await?;
            if matches!(done, Applied::Wrote(_)) {
                let message = format!("the claim {} is made", made.name_any());
                tell(&observed.request, "Created", message, &house.kit.writer).await;
            }
            done
        }
        Step::Keep { claim, over } => {
            if let Some(live) = observed.claim.ours().filter(|_| !over.is_empty()) {
                let labels: Map<String, Value> = over.iter().map(|label| (label.clone(), Value::Null)).collect();
                let patch = json!({"metadata": {"labels": labels}});
                let (key, uid) = (Key::of(claim.as_ref()), live.uid().unwrap_or_default());
                house.kit.writer.merge::<PersistentVolumeClaim>(&key, &uid, patch).await?;
            }
            house.kit.writer.apply(claim.as_ref(), observed.claim.ours()).await?
        }
        Step::Adopt(claim) => adopt(observed, claim, house).await?,
        Step::Delete { name, uid } => delete(observed, name, uid, house).await?,
    };
    if plan.finalizer == Some(Finalizer::Remove) {
        write_finalizers(observed, false, house).await?;
    }
    Ok(done)
}

/// Takes a claim that is nobody's, if it is still the one that was seen.
async fn adopt(observed: &Observed, claim: &PersistentVolumeClaim, house: &House) -> Result<Applied, WriteError> {
    let crate::claim::Claim::Orphan(live) = &observed.claim else { return Ok(Applied::Settled) };
    let mut claim = claim.clone();
    // Not one that was made since under the same name.
    claim.metadata.uid = live.uid();
    let done = house.kit.writer.apply(&claim, Some(live.as_ref())).await?;
    if matches!(done, Applied::Wrote(_)) {
        let message = format!("the claim {}, which was there, is taken with its data", claim.name_any());
        tell(&observed.request, "Adopted", message, &house.kit.writer).await;
    }
    Ok(done)
}

/// Deletes a claim with its data. What the cache says may be older than its owner's last word, so that the VolumeRequest
/// is read.
async fn delete(observed: &Observed, name: &str, uid: &str, house: &House) -> Result<Applied, WriteError> {
    let cached = observed.request.as_ref();
    let now = house.kit.writer.look::<VolumeRequest>(&Key::of(cached)).await?;
    let still = now.is_some_and(|now| {
        let deletes = now.spec.valid().is_some_and(|spec| spec.reclaim == Reclaim::Delete);
        now.uid() == cached.uid() && now.metadata.deletion_timestamp.is_some() && deletes
    });
    if !still {
        debug!("the claim stays: the cache is behind its owner");
        return Ok(Applied::Settled);
    }
    let key = Key::new(cached.namespace().unwrap_or_default(), name);
    info!(claim = %key, "deleting the claim with its data, as its VolumeRequest says");
    house.kit.writer.delete::<PersistentVolumeClaim>(&key, uid).await?;
    Ok(Applied::Settled)
}

/// Sets or takes off our finalizer, and leaves those of others.
async fn write_finalizers(observed: &Observed, set: bool, house: &House) -> Result<(), WriteError> {
    let (request, key) = (observed.request.as_ref(), Key::of(observed.request.as_ref()));
    let mut finalizers = observed.finalizers.clone();
    finalizers.retain(|finalizer| finalizer != VOLUME_FINALIZER);
    if set {
        finalizers.push(VOLUME_FINALIZER.to_owned());
    }
    // Of this very version: a finalizer that somebody sets in between must not be lost.
    let metadata = json!({"finalizers": finalizers, "resourceVersion": request.resource_version()});
    let uid = request.uid().unwrap_or_default();
    let written = house.kit.writer.merge::<VolumeRequest>(&key, &uid, json!({"metadata": metadata})).await?;
    house.finalizers.wrote(&key, &written.resource_version().unwrap_or_default(), finalizers);
    Ok(())
}

/// Tells what was done, in an Event.
async fn tell(request: &VolumeRequest, reason: &'static str, message: String, writer: &Writer) {
    writer.notice(request, &Notice { tone: Tone::Normal, reason: reason.into(), message }).await;
}

/// What a change of status is worth.
fn told(before: &VolumeRequestStatus, after: &VolumeRequestStatus) -> Vec<Notice> {
    if before.reason != after.reason {
        info!(reason = ?after.reason, "the VolumeRequest's state changed");
    }
    notices(before, after)
}

#[cfg(test)]
mod faults;
