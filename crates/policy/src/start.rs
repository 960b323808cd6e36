//! How the controller starts, reconciles and ends.

use std::convert::Infallible;
use std::sync::Arc;

use carrel_activity::rulebook::{Rulebook, RulebookFeed};
use carrel_api::lab_policy::{LabPolicy, LabPolicyStatus};
use carrel_runtime::Key;
use carrel_runtime::apply::WriteError;
use carrel_runtime::feed::Change;
use carrel_runtime::kit::{Kit, Tools};
use carrel_runtime::lease::whenever_gained;
use carrel_runtime::runner::Next;
use carrel_runtime::shelf::Shelf;
use carrel_runtime::wake::queue;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tracing::debug;

use crate::status::status;

/// The controller's name in logs and metrics.
const NAME: &str = "policy";

struct House {
    kit: Kit<LabPolicy, LabPolicyStatus, Infallible>,
    rulebook: Rulebook,
    policies: Shelf<LabPolicy>,
}

/// Runs the controller until `end` comes; the future ends when the reconciles that were under way are done. What it must hear
/// of is told to the rulebook's feed before this returns.
pub fn start<E>(tools: Tools, rulebook: &mut RulebookFeed, end: E) -> impl Future<Output = ()> + use<E>
where
    E: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    let (wake, keys) = queue::<LabPolicy>();
    let (kit, policies) = (tools.kit(&wake), rulebook.policies().store());
    let house = Arc::new(House { kit, rulebook: rulebook.rulebook(), policies });
    let Tools { claim, metrics, .. } = tools;
    // A change of one may change where the others decide.
    let all = house.clone();
    rulebook.on_change(move |_| all.wake_all());
    let one = house.clone();
    rulebook.policies().listen(move |change| {
        let key = ObjectRef::new(&change.object().name_any());
        if let Change::Deleted(gone) = change {
            one.kit.forget(&Key::of(*gone));
        }
        wake.send(key);
    });
    async move {
        let runner = async {
            tokio::select! {
                () = house.rulebook.wait_until_known() => {}
                () = end.clone() => return,
            }
            let runner = house.kit.runner(NAME, house.policies.clone(), &metrics);
            let at_work = house.clone();
            let one = move |policy| {
                let house = at_work.clone();
                async move { house.reconcile(policy).await }
            };
            runner.run(keys, end, one).await;
        };
        tokio::select! {
            () = runner => {}
            () = whenever_gained(claim, || house.wake_all()) => {}
        }
    }
}

impl House {
    fn wake_all(&self) {
        self.policies.keys().into_iter().for_each(|key| self.kit.wake.send(key));
    }

    async fn reconcile(&self, policy: Arc<LabPolicy>) -> Result<Next, WriteError> {
        let kit = &self.kit;
        if !kit.writer.may_write() {
            return Ok(Next::Wait);
        }
        let key = Key::of(policy.as_ref());
        let stored = policy.status.as_ref().and_then(|status| status.valid()).cloned();
        let newer = kit.newer(&policy);
        let is_said = newer.is_some() || stored.is_some();
        let before = newer.or(stored).unwrap_or_default();
        let (all, namespaces) = (self.rulebook.policies(), self.rulebook.namespaces());
        let after = status(&policy, &before, &all, &namespaces, (kit.clock)());
        if is_said && after == before {
            kit.hush.clear(&key);
            return Ok(Next::Wait);
        }
        // Namespaces come and go by the dozen.
        let may_wait = before.observed_generation == after.observed_generation;
        if may_wait && let Some(left) = kit.hush.wait(&key, false) {
            return Ok(Next::After(left));
        }
        kit.hush.clear(&key);
        match kit.writer.status_of_cluster::<LabPolicy, _>(&key, &policy.uid().unwrap_or_default(), &after).await {
            Ok(written) => kit.statuses.wrote(&key, &written.resource_version().unwrap_or_default(), after),
            Err(WriteError::Gone(message)) => debug!("no status to write: {message}"),
            Err(error) => return Err(error),
        }
        Ok(Next::Wait)
    }
}
