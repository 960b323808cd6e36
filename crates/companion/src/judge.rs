//! Whether a start fits where a quota or a LimitRange bounds it: what is asked of the API server, and for whom.

use carrel_runtime::Key;
use carrel_runtime::covers::canonical;
use carrel_runtime::hash;
use carrel_runtime::judge::Case;
use carrel_server::Refusal;
use carrel_server::rejection::{is_about_room, rejection};
use k8s_openapi::api::core::v1::Pod;

use crate::Companion;
use crate::children::{children, pod};
use crate::observe::Observed;
use crate::plan::place_of;
use crate::reconcile::House;
use crate::room::{asked_since, refused_on_the_way, start_is_due};
use crate::wanted::Wanted;

/// What came of it.
pub(crate) type Judgement = carrel_runtime::judge::Judgement<Refusal>;

/// Judges a start, if one is due that must be judged; else lets the next in line have its turn.
pub(crate) async fn judge<K: Companion>(
    observed: &Observed<K>,
    wanted: &Result<Wanted, Refusal>,
    house: &House<K>,
) -> Judgement {
    let key = Key::of(observed.object.as_ref());
    let judge = house.kit.judge(&house.stores.bounds);
    let Some(pod) = due(observed, wanted) else { return judge.leave(&key) };
    let what = what(&pod);
    let case = Case { key: &key, since: asked_since(observed), what: &what };
    let refusal = |words: &str| {
        let (reason, message) = rejection(words, &[]);
        is_about_room(reason).then_some(Refusal { reason, message })
    };
    if let Some(words) = refused_on_the_way(observed)
        && let Some(refusal) = refusal(words)
    {
        return judge.lost(&case, words, refusal);
    }
    judge.judge(&case, house.kit.writer.would_create::<Pod>(&pod), refusal).await
}

/// The pod of a start that is to be judged.
fn due<K: Companion>(observed: &Observed<K>, wanted: &Result<Wanted, Refusal>) -> Option<Pod> {
    let wanted = wanted.as_ref().ok()?;
    let place = place_of(observed, wanted);
    start_is_due(observed, wanted, &place).then(|| pod(&children(wanted, &place, None).deployment))
}

/// Stands for all that a judgement depends on but the room.
fn what(pod: &Pod) -> String {
    hash::of(&canonical(&serde_json::to_value(pod).unwrap_or_default()))
}

impl<K: Companion> House<K> {
    /// Puts all that wait for a start in line, before the first of them is judged: a process that begins to work knows
    /// nothing of who asked when.
    pub(crate) fn line_up(&self) {
        let bounded = self.stores.bounds.namespaces();
        for object in bounded.iter().flat_map(|namespace| self.stores.objects.of(namespace)) {
            let observed = self.stores.observe(object, None, &self.settings);
            let wanted = observed.object.wanted(&self.settings);
            if let Some(pod) = due(&observed, &wanted) {
                // Whose turn it is shows when they are woken.
                let _ = self.kit.turns.ask(&Key::of(observed.object.as_ref()), asked_since(&observed), &what(&pod));
            }
        }
    }

    /// Wakes all of them.
    pub(crate) fn wake_all(&self) {
        self.stores.objects.keys().into_iter().for_each(|key| self.kit.wake.send(key));
    }
}
