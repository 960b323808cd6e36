//! One reconcile: observe, resolve, plan, apply, status, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use carrel_api::notebook::{Notebook, NotebookStatus};
use carrel_runtime::Key;
use carrel_runtime::apply::{Applied, WriteError, Writer};
use carrel_runtime::ledger::{IN_FLIGHT, Statuses};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use tracing::{debug, error, info};

use crate::Settings;
use crate::children::Children;
use crate::observe::{Observed, Stores};
use crate::plan::{Act, Plan, lint, plan};
use crate::resolve::resolve;
use crate::status::{Outcome, status};

/// What a reconcile works with.
pub(crate) struct House {
    pub(crate) settings: Settings,
    pub(crate) stores: Stores,
    pub(crate) writer: Writer,
    pub(crate) statuses: Statuses<NotebookStatus>,
}

/// When to look again without being woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Not before something changes.
    Wait,
    /// After this time, lest a write that the cache never showed was lost.
    After(Duration),
}

/// Brings one Notebook to where it should be.
pub(crate) async fn reconcile(notebook: Arc<Notebook>, house: &House) -> Result<Next, WriteError> {
    if !house.writer.may_write() {
        return Ok(Next::Wait);
    }
    let key = Key::of(notebook.as_ref());
    let newer = house.statuses.newer_than(&key, notebook.metadata.resource_version.as_deref().unwrap_or_default());
    let observed = house.stores.observe(notebook, newer);
    let resolved = resolve(&observed, &house.settings);
    let plan = plan(&observed, &resolved);
    check(&observed, &plan);

    let (outcome, next) = carry_out(&plan, &observed, &house.writer).await;
    let status = status(&observed, &resolved, &plan, &outcome, Timestamp::now());
    write_status(&key, &observed, status, house).await?;
    match outcome.failed {
        Some((_, error)) => Err(error),
        None => Ok(next),
    }
}

/// Debug builds, and so every test, stop at a plan that breaks a rule of conduct; in a release it is logged.
fn check(observed: &Observed, plan: &Plan) {
    let flaws = if cfg!(debug_assertions) { lint(observed, plan) } else { Vec::new() };
    for flaw in &flaws {
        error!("the plan breaks a rule: {flaw}");
    }
    debug_assert!(flaws.is_empty(), "{flaws:?}");
}

async fn carry_out(plan: &Plan, observed: &Observed, writer: &Writer) -> (Outcome, Next) {
    let Plan::Apply(act) = plan else { return (Outcome::default(), Next::Wait) };
    match carry_out_act(act, observed, writer).await {
        Ok(next) => (Outcome::default(), next),
        // Nothing to tell: whoever has the lease, or whoever deletes, does the rest.
        Err((_, WriteError::NotLeader | WriteError::Gone(_))) => (Outcome::default(), Next::Wait),
        Err(failed) => (Outcome { failed: Some(failed) }, Next::Wait),
    }
}

/// The Service first, so that the server's name resolves when its pod starts.
async fn carry_out_act(act: &Act, observed: &Observed, writer: &Writer) -> Result<Next, (&'static str, WriteError)> {
    let Children { service, stateful_set } = &act.children;
    let mut in_flight = false;
    if act.leaves("Service").is_none() {
        let applied = writer.apply(service, observed.service.ours()).await;
        in_flight |= applied.map_err(|error| ("Service", error))? == Applied::InFlight;
    }
    if act.leaves("StatefulSet").is_none() {
        let applied = writer.apply(stateful_set, observed.stateful_set.ours()).await;
        in_flight |= applied.map_err(|error| ("StatefulSet", error))? == Applied::InFlight;
    }
    if let Some(restart) = &act.restart {
        info!(pod = restart.pod, "ending the pod: its owner changed the template");
        let key = Key::new(observed.notebook.namespace().unwrap_or_default(), &restart.pod);
        writer.delete::<Pod>(&key, &restart.uid).await.map_err(|error| ("Pod", error))?;
    }
    Ok(if in_flight { Next::After(IN_FLIGHT + Duration::from_secs(1)) } else { Next::Wait })
}

async fn write_status(key: &Key, observed: &Observed, status: NotebookStatus, house: &House) -> Result<(), WriteError> {
    if status == observed.status {
        return Ok(());
    }
    let uid = observed.notebook.uid().unwrap_or_default();
    match house.writer.status::<Notebook, _>(key, &uid, &status).await {
        Ok(written) => {
            let word = |status: &NotebookStatus| status.reason.map_or("Running", carrel_api::notebook::Reason::as_str);
            if word(&observed.status) != word(&status) || observed.status.phase.is_none() {
                info!(reason = word(&status), "the Notebook's state changed");
            }
            house.statuses.wrote(key, &written.resource_version().unwrap_or_default(), status);
            Ok(())
        }
        Err(WriteError::Gone(message)) => {
            debug!("no status to write: {message}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
