//! Asks the API server whether a claim fits where a quota or a LimitRange bounds the namespace, one VolumeRequest at a time.

use std::time::Duration;

use carrel_runtime::Key;
use carrel_runtime::apply::WriteError;
use carrel_runtime::hash;
use carrel_runtime::quota::is_contradicted;
use carrel_runtime::turns::Turn;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tracing::{debug, info, warn};

use crate::observe::{Newer, Observed};
use crate::reconcile::House;
use crate::rejection::{is_about_room, rejection};
use crate::resolve::{Refusal, Resolved, resolve};
use crate::room::{Due, Judged, asked_since, due};

/// How long to wait where the API server judged by numbers that are older than those known here, or newer.
const CATCH_UP: Duration = Duration::from_secs(1);

/// What came of it.
pub(crate) struct Judgement {
    pub(crate) judged: Judged,
    /// When to ask again without being woken.
    pub(crate) again: Option<Duration>,
    /// Why it could not be judged.
    pub(crate) failed: Option<WriteError>,
}

impl Judgement {
    fn new(judged: Judged) -> Self {
        Self { judged, again: None, failed: None }
    }

    fn waits(again: Duration) -> Self {
        Self { judged: Judged::Waits, again: Some(again), failed: None }
    }
}

/// What is due and must be judged.
fn judged_due(observed: &Observed, resolved: &Result<Resolved, Refusal>) -> Option<Due> {
    let resolved = resolved.as_ref().ok().filter(|_| !observed.limits.are_none())?;
    due(observed, resolved)
}

/// What stands for all that a judgement depends on but the room.
fn what(due: &Due) -> String {
    let (Due::Made(claim) | Due::Grown(claim)) = due;
    hash::of(&serde_json::to_value(claim).unwrap_or_default())
}

/// Judges what is due, if it must be judged; else lets the next in line have its turn.
pub(crate) async fn judge(observed: &Observed, resolved: &Result<Resolved, Refusal>, house: &House) -> Judgement {
    let key = Key::of(observed.request.as_ref());
    let Some(due) = judged_due(observed, resolved) else {
        house.wake(house.turns.leave(&key));
        return Judgement::new(Judged::Not);
    };
    let (since, what) = (asked_since(observed, &due), what(&due));
    let asked = match house.turns.ask(&key, since, &what) {
        Turn::Yours(asked) => asked,
        Turn::Passed => return Judgement::new(Judged::Fits),
        Turn::Later(left) => return Judgement::waits(left),
        Turn::Refused(refusal) => return Judgement::new(Judged::Refused(refusal)),
    };
    let answer = match &due {
        Due::Made(claim) => house.writer.would_create(claim.as_ref()).await,
        Due::Grown(claim) => house.writer.would_apply(claim.as_ref()).await,
    };
    match answer {
        Ok(()) => {
            info!("the claim fits");
            house.turns.passed(&key);
            Judgement::new(Judged::Fits)
        }
        Err(WriteError::Refused { message, .. }) if is_about_room(rejection(&message).reason) => {
            // By what is known now, not when the judgement was asked for.
            if is_contradicted(&message, &house.stores.limits(&key.namespace).quotas) {
                debug!("judged by other numbers than those known here: {message}");
                return Judgement::waits(CATCH_UP);
            }
            let refusal = rejection(&message);
            house.wake(house.turns.refused(&key, since, &what, Some(asked), refusal.clone()));
            Judgement::new(Judged::Refused(refusal))
        }
        Err(WriteError::Refused { message, .. }) => {
            // Not for want of room: the write itself is refused for the same, and is tried again.
            warn!("a claim could not be judged, and is tried unjudged: {message}");
            house.turns.passed(&key);
            Judgement::new(Judged::Fits)
        }
        Err(error) => {
            // The others need not wait until this one is tried again.
            house.wake(house.turns.leave(&key));
            Judgement { judged: Judged::Waits, again: None, failed: Some(error) }
        }
    }
}

impl House {
    /// Puts all that wait for room in line, before the first of them is judged: a process that begins to work knows nothing
    /// of who asked when.
    pub(crate) fn line_up(&self) {
        for request in self.stores.requests.state() {
            let observed = self.stores.observe(request, Newer::default());
            let resolved = resolve(&observed.request);
            if let Some(due) = judged_due(&observed, &resolved) {
                let key = Key::of(observed.request.as_ref());
                // Whose turn it is shows when they are woken.
                let _ = self.turns.ask(&key, asked_since(&observed, &due), &what(&due));
            }
        }
    }

    /// There may be more room in the namespace of this object.
    pub(crate) fn reopen(&self, object: &impl ResourceExt) {
        self.wake(self.turns.reopen(&object.namespace().unwrap_or_default()));
    }

    /// Wakes every VolumeRequest.
    pub(crate) fn wake_all(&self) {
        self.stores.requests.keys().into_iter().for_each(|key| self.wake.send(key));
    }

    /// Wakes a VolumeRequest, if there is one to wake.
    pub(crate) fn wake(&self, key: Option<Key>) {
        if let Some(key) = key {
            self.wake.send(ObjectRef::new(&key.name).within(&key.namespace));
        }
    }
}
