//! How the controller starts, reconciles and ends.

use std::sync::Arc;

use carrel_activity::rulebook::{Rulebook, RulebookFeed};
use carrel_api::lab_policy::{LabPolicy, LabPolicyStatus};
use carrel_runtime::Key;
use carrel_runtime::apply::{WriteError, Writer};
use carrel_runtime::backoff::Backoff;
use carrel_runtime::feed::Change;
use carrel_runtime::hush::Hush;
use carrel_runtime::kit::Tools;
use carrel_runtime::lease::whenever_gained;
use carrel_runtime::runner::{Next, Runner};
use carrel_runtime::shelf::Shelf;
use carrel_runtime::statuses::Statuses;
use carrel_runtime::wake::{Wake, queue};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tracing::debug;

use crate::status::status;

/// The controller's name in logs and metrics.
const NAME: &str = "policy";

struct House {
    writer: Writer,
    statuses: Statuses<LabPolicyStatus>,
    hush: Hush,
    rulebook: Rulebook,
    policies: Shelf<LabPolicy>,
    wake: Wake<LabPolicy>,
    backoff: Arc<Backoff>,
}

/// Runs the controller until `end` comes; the future ends when the reconciles that were under way are done. What it must hear
/// of is told to the rulebook's feed before this returns.
pub fn start<E>(tools: Tools, rulebook: &mut RulebookFeed, end: E) -> impl Future<Output = ()> + use<E>
where
    E: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    let (wake, keys) = queue::<LabPolicy>();
    let Tools { client, claim, metrics, .. } = tools;
    let house = Arc::new(House {
        writer: Writer::new(client, claim.clone(), metrics.clone()),
        statuses: Statuses::default(),
        hush: Hush::default(),
        rulebook: rulebook.rulebook(),
        policies: rulebook.policies().store(),
        wake,
        backoff: Arc::default(),
    });
    // A change of one may change where the others decide.
    let all = house.clone();
    rulebook.on_change(move |_| all.wake_all());
    let one = house.clone();
    rulebook.policies().listen(move |change| {
        let key = ObjectRef::new(&change.object().name_any());
        if let Change::Deleted(gone) = change {
            one.forget(&Key::of(*gone));
        }
        one.wake.send(key);
    });
    async move {
        let runner = async {
            tokio::select! {
                () = house.rulebook.wait_until_known() => {}
                () = end.clone() => return,
            }
            let runner = Runner {
                name: NAME,
                shelf: house.policies.clone(),
                wake: house.wake.clone(),
                backoff: house.backoff.clone(),
                metrics,
            };
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
        self.policies.keys().into_iter().for_each(|key| self.wake.send(key));
    }

    fn forget(&self, key: &Key) {
        self.statuses.forget(key);
        self.hush.clear(key);
        self.writer.forget(key);
        self.backoff.clear(key);
    }

    async fn reconcile(&self, policy: Arc<LabPolicy>) -> Result<Next, WriteError> {
        if !self.writer.may_write() {
            return Ok(Next::Wait);
        }
        let key = Key::of(policy.as_ref());
        let stored = policy.status.as_ref().and_then(|status| status.valid()).cloned();
        let newer = self.statuses.newer_than(&key, policy.metadata.resource_version.as_deref().unwrap_or_default());
        let is_said = newer.is_some() || stored.is_some();
        let before = newer.or(stored).unwrap_or_default();
        let (all, namespaces) = (self.rulebook.policies(), self.rulebook.namespaces());
        let after = status(&policy, &before, &all, &namespaces, Timestamp::now());
        if is_said && after == before {
            self.hush.clear(&key);
            return Ok(Next::Wait);
        }
        // Namespaces come and go by the dozen.
        let may_wait = before.observed_generation == after.observed_generation;
        if may_wait && let Some(left) = self.hush.wait(&key, false) {
            return Ok(Next::After(left));
        }
        self.hush.clear(&key);
        match self.writer.status_of_cluster::<LabPolicy, _>(&key, &policy.uid().unwrap_or_default(), &after).await {
            Ok(written) => self.statuses.wrote(&key, &written.resource_version().unwrap_or_default(), after),
            Err(WriteError::Gone(message)) => debug!("no status to write: {message}"),
            Err(error) => return Err(error),
        }
        Ok(Next::Wait)
    }
}
