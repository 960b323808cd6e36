//! Whether a claim fits where a quota or a LimitRange bounds its namespace: what is asked of the API server, and for whom.

use carrel_runtime::Key;
use carrel_runtime::hash;
use carrel_runtime::judge::Case;

use crate::observe::{Newer, Observed};
use crate::reconcile::House;
use crate::rejection::{is_about_room, rejection};
use crate::resolve::{Refusal, Resolved, resolve};
use crate::room::{Due, asked_since, due};

/// What came of it.
pub(crate) type Judgement = carrel_runtime::judge::Judgement<Refusal>;

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
    let judge = house.kit.judge(&house.stores.bounds);
    let Some(due) = judged_due(observed, resolved) else { return judge.leave(&key) };
    let case = Case { key: &key, since: asked_since(observed, &due), what: &what(&due) };
    let dry_run = async {
        match &due {
            Due::Made(claim) => house.kit.writer.would_create(claim.as_ref()).await,
            Due::Grown(claim) => house.kit.writer.would_apply(claim.as_ref()).await,
        }
    };
    judge.judge(&case, dry_run, |words| Some(rejection(words)).filter(|refusal| is_about_room(refusal.reason))).await
}

impl House {
    /// Puts all that wait for room in line, before the first of them is judged: a process that begins to work knows nothing
    /// of who asked when.
    pub(crate) fn line_up(&self) {
        let bounded = self.stores.bounds.namespaces();
        for request in bounded.iter().flat_map(|namespace| self.stores.requests.of(namespace)) {
            let observed = self.stores.observe(request, Newer::default());
            let resolved = resolve(&observed.request);
            if let Some(due) = judged_due(&observed, &resolved) {
                let key = Key::of(observed.request.as_ref());
                // Whose turn it is shows when they are woken.
                let _ = self.kit.turns.ask(&key, asked_since(&observed, &due), &what(&due));
            }
        }
    }

    /// Wakes all of them.
    pub(crate) fn wake_all(&self) {
        self.stores.requests.keys().into_iter().for_each(|key| self.kit.wake.send(key));
    }
}
