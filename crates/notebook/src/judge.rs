//! Whether a start fits where a quota or a LimitRange bounds it: what is asked of the API server, and for whom.

use carrel_runtime::Key;
use carrel_runtime::judge::Case;
use carrel_server::rejection::{is_about_room, rejection};
use k8s_openapi::api::core::v1::Pod;

use crate::children::{children, pod};
use crate::observe::Observed;
use crate::plan::template_hash;
use crate::reconcile::House;
use crate::resolve::{Refusal, Resolved, resolve};
use crate::room::{asked_since, refused_on_the_way, start_is_due};

/// What came of it.
pub(crate) type Judgement = carrel_runtime::judge::Judgement<Refusal>;

/// Judges a start, if one is due that must be judged; else lets the next in line have its turn.
pub(crate) async fn judge(observed: &Observed, resolved: &Result<Resolved, Refusal>, house: &House) -> Judgement {
    let key = Key::of(observed.notebook.as_ref());
    let judge = house.kit.judge(&house.stores.bounds);
    let due = resolved.as_ref().ok().filter(|resolved| start_is_due(observed, resolved));
    let Some(resolved) = due else { return judge.leave(&key) };
    let set = children(resolved).stateful_set;
    let case = Case { key: &key, since: asked_since(observed), what: template_hash(&set).unwrap_or_default() };
    let refusal = |words: &str| {
        let (reason, message) = rejection(words, &house.stores.holders(&key.namespace));
        is_about_room(reason).then_some(Refusal { reason, message })
    };
    if let Some(words) = refused_on_the_way(observed)
        && let Some(refusal) = refusal(words)
    {
        return judge.lost(&case, words, refusal);
    }
    let pod = pod(&set);
    judge.judge(&case, house.kit.writer.would_create::<Pod>(&pod), refusal).await
}

impl House {
    /// Puts all that wait for a start in line, before the first of them is judged: a process that begins to work knows
    /// nothing of who asked when.
    pub(crate) fn line_up(&self) {
        let bounded = self.stores.bounds.namespaces();
        for notebook in bounded.iter().flat_map(|namespace| self.stores.notebooks.of(namespace)) {
            let observed = self.stores.observe(notebook, None);
            if let Ok(resolved) = resolve(&observed, &self.settings)
                && start_is_due(&observed, &resolved)
            {
                let set = children(&resolved).stateful_set;
                let key = Key::of(observed.notebook.as_ref());
                // Whose turn it is shows when they are woken.
                let _ = self.kit.turns.ask(&key, asked_since(&observed), template_hash(&set).unwrap_or_default());
            }
        }
    }

    /// Wakes all of them.
    pub(crate) fn wake_all(&self) {
        self.stores.notebooks.keys().into_iter().for_each(|key| self.kit.wake.send(key));
    }
}
