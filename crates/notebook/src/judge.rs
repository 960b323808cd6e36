//! Asks the API server whether a start fits where a quota or a LimitRange bounds it, one Notebook at a time.

use std::time::Duration;

use carrel_runtime::Key;
use carrel_runtime::apply::WriteError;
use carrel_runtime::quota::is_contradicted;
use carrel_runtime::turns::{Asked, Turn};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tracing::{debug, info, warn};

use crate::children::{children, pod};
use crate::observe::Observed;
use crate::plan::template_hash;
use crate::reconcile::House;
use crate::rejection::{is_about_room, rejection};
use crate::resolve::{Refusal, Resolved, resolve};
use crate::room::{Judged, asked_since, refused_on_the_way, start_is_due};

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

/// Judges a start, if one is due that must be judged; else lets the next in line have its turn.
pub(crate) async fn judge(observed: &Observed, resolved: &Result<Resolved, Refusal>, house: &House) -> Judgement {
    let key = Key::of(observed.notebook.as_ref());
    let due = resolved.as_ref().ok().filter(|resolved| start_is_due(observed, resolved));
    let Some(resolved) = due else {
        house.wake(house.turns.leave(&key));
        return Judgement::new(Judged::Not);
    };
    let set = children(resolved).stateful_set;
    let since = asked_since(observed);
    let what = template_hash(&set).unwrap_or_default();
    let refuse = |words: &str, asked: Option<Asked>| {
        let holders = house.stores.holders(&key.namespace);
        let (reason, message) = rejection(words, &holders);
        let refusal = Refusal { reason, message };
        house.wake(house.turns.refused(&key, since, what, asked, refusal.clone()));
        Judgement::new(Judged::Refused(refusal))
    };
    if let Some(words) = refused_on_the_way(observed) {
        let refused = refuse(words, None);
        if is_contradicted(words, &house.stores.limits(&key.namespace).quotas) {
            // The room that was lost is there again, and whoever told us found nobody waiting.
            house.wake(house.turns.reopen(&key.namespace));
        }
        return refused;
    }
    let asked = match house.turns.ask(&key, since, what) {
        Turn::Yours(asked) => asked,
        Turn::Passed => return Judgement::new(Judged::Fits),
        Turn::Later(left) => return Judgement::waits(left),
        Turn::Refused(refusal) => return Judgement::new(Judged::Refused(refusal)),
    };
    match house.writer.would_create::<Pod>(&pod(&set)).await {
        Ok(()) => {
            info!("the pod fits, and starts");
            house.turns.passed(&key);
            Judgement::new(Judged::Fits)
        }
        Err(WriteError::Refused { message, .. }) if is_about_room(rejection(&message, &[]).0) => {
            // By what is known now, not when the judgement was asked for.
            if is_contradicted(&message, &house.stores.limits(&key.namespace).quotas) {
                debug!("judged by other numbers than those known here: {message}");
                return Judgement::waits(CATCH_UP);
            }
            refuse(&message, Some(asked))
        }
        Err(WriteError::Refused { message, .. }) => {
            // Not for want of room: who says so may change without a word to us, and the StatefulSet's controller tries again.
            warn!("a start could not be judged, and happens unjudged: {message}");
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
    /// Puts all that wait for a start in line, before the first of them is judged: a process that begins to work knows
    /// nothing of who asked when.
    pub(crate) fn line_up(&self) {
        for notebook in self.stores.notebooks.state() {
            let observed = self.stores.observe(notebook, None);
            if let Ok(resolved) = resolve(&observed, &self.settings)
                && start_is_due(&observed, &resolved)
            {
                let set = children(&resolved).stateful_set;
                let key = Key::of(observed.notebook.as_ref());
                // Whose turn it is shows when they are woken.
                let _ = self.turns.ask(&key, asked_since(&observed), template_hash(&set).unwrap_or_default());
            }
        }
    }

    /// There may be more room in the namespace of this object.
    pub(crate) fn reopen(&self, object: &impl ResourceExt) {
        self.wake(self.turns.reopen(&object.namespace().unwrap_or_default()));
    }

    /// Wakes every Notebook.
    pub(crate) fn wake_all(&self) {
        self.stores.notebooks.keys().into_iter().for_each(|key| self.wake.send(key));
    }

    /// Wakes a Notebook, if there is one to wake.
    pub(crate) fn wake(&self, key: Option<Key>) {
        if let Some(key) = key {
            self.wake.send(ObjectRef::new(&key.name).within(&key.namespace));
        }
    }
}
