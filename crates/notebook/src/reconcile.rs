//! One reconcile: observe, resolve, plan, apply, status, and nothing else.

use std::sync::Arc;

use carrel_api::notebook::{Notebook, NotebookStatus};
use carrel_api::vocabulary::{NOTEBOOK, ODH_RESTART, RESTART_REQUESTED};
use carrel_runtime::Key;
use carrel_runtime::apply::{Applied, WriteError, Writer};
use carrel_runtime::child::Owner;
use carrel_runtime::kit::{Kit, Urgency};
use carrel_runtime::ledger::IN_FLIGHT;
use carrel_runtime::notice::{Notice, Tone};
use carrel_runtime::runner::Next;
use carrel_server::life::{Lived, Lives, Stored, sooner};
use carrel_server::protection::{self, Kept, Subject};
use carrel_server::route::{self, look};
use carrel_server::work::Work;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;
use tracing::{debug, error, info};

use crate::Settings;
use crate::asked::asked;
use crate::children::{Children, POD_NAME};
use crate::judge::judge;
use crate::names::child_name;
use crate::notices::notices;
use crate::observe::{Observed, Stores, pod_name};
use crate::plan::{Act, Cause, Kind, Plan, Restart, lint, plan};
use crate::resolve::{Refusal, Resolved, resolve};
use crate::status::{Outcome, may_wait, status};

/// What a reconcile works with.
pub(crate) struct House {
    pub(crate) settings: Settings,
    pub(crate) stores: Stores,
    pub(crate) kit: Kit<Notebook, NotebookStatus, Refusal>,
    pub(crate) lives: Lives,
}

/// Brings one Notebook to where it should be.
pub(crate) async fn reconcile(notebook: Arc<Notebook>, house: &House) -> Result<Next, WriteError> {
    if !house.kit.writer.may_write() {
        return Ok(Next::Wait);
    }
    let newer = house.kit.newer(&notebook);
    let mut observed = house.stores.observe(notebook, newer);
    if observed.is_behind() {
        debug!("nothing is done: the cache is behind the Notebook's own StatefulSet or pod");
        return Ok(Next::After(IN_FLIGHT));
    }
    let (mut resolved, mut plan, mut work) = pass(&mut observed, house).await;
    let mut looked = Vec::new();
    // A watch can't tell whose the object is that has the name of a child.
    while let Some(kind) = work.taken().filter(|kind| !looked.contains(kind)) {
        looked.push(kind);
        look_at(kind, &mut observed, &house.kit.writer).await?;
        let taken = work.failed.take();
        (resolved, plan, work) = pass(&mut observed, house).await;
        if matches!(&plan, Plan::Apply(act) if act.leaves(kind)) {
            // It is tried again, as nobody tells us when an object goes that no watch selects.
            work.failed = work.failed.or(taken);
        }
    }
    let route = write_route(&mut observed, &resolved, &mut plan, house).await;
    let now = (house.kit.clock)();
    let mut lived = live(&observed, &resolved, house, now);
    if let Some(next) = house.lives.act(observed.notebook.as_ref(), &lived, &house.kit.writer).await? {
        return Ok(next);
    }
    let kept = Box::pin(keep(&observed, &mut lived, house, now)).await;
    let writer = &house.kit.writer;
    if Box::pin(protection::moves(observed.notebook.as_ref(), &kept.moving, &house.lives, writer)).await? {
        return Ok(Next::After(IN_FLIGHT));
    }
    let outcome = Outcome { failed: work.failed.as_ref(), route: route.failed.as_ref(), lived: Some(&lived) };
    let status = status(&observed, &resolved, &plan, outcome, now);
    let urgency = if work.failed.is_some() || route.failed.is_some() {
        Urgency::Now
    } else if may_wait(&observed.status, &status) {
        Urgency::Passing
    } else {
        Urgency::Soon
    };
    let told = |before: &NotebookStatus, after: &NotebookStatus| {
        house.lives.said(observed.notebook.as_ref(), &lived);
        told(before, after).into_iter().chain(lived.notices.iter().cloned()).collect()
    };
    let said = Box::pin(house.kit.say(observed.notebook.as_ref(), &observed.status, status, urgency, told)).await?;
    if let Some(left) = said {
        return Ok(Next::After(left));
    }
    let failed = work.failed.or(route.failed).map(|(_, error)| error);
    if let Some(error) = failed.or(kept.failed) {
        return Err(error);
    }
    let next = [work.next, route.next, kept.next].into_iter().find(|next| *next != Next::Wait);
    Ok(sooner(next.unwrap_or(Next::Wait), &lived, now))
}

/// Keeps the pod from drains for as long as it is busy.
async fn keep(observed: &Observed, lived: &mut Lived, house: &House, now: Timestamp) -> Kept {
    let NotebookStatus { life, conditions, observed_generation, .. } = &observed.status;
    let stored = Stored { life, conditions, generation: *observed_generation };
    let notebook = observed.notebook.as_ref();
    let (namespace, name) = (notebook.namespace().unwrap_or_default(), notebook.name_any());
    let pod_name = pod_name(&child_name(&name));
    let subject = Subject {
        namespace: &namespace,
        name: &pod_name,
        pod: observed.pod.as_deref(),
        label: (POD_NAME, &pod_name),
        annotation: (NOTEBOOK, &name),
    };
    protection::keep(subject, stored, lived, &house.stores.protection, &house.kit.writer, now).await
}

/// Has the server asked whether it is used, and decides what becomes of it.
fn live(observed: &Observed, resolved: &Result<Resolved, Refusal>, house: &House, now: Timestamp) -> Lived {
    let NotebookStatus { life, conditions, observed_generation, .. } = &observed.status;
    let stored = Stored { life, conditions, generation: *observed_generation };
    house.lives.live(observed.notebook.as_ref(), stored, asked(observed, resolved).as_ref(), now)
}

/// What should happen by what was observed, and what became of it.
async fn pass(observed: &mut Observed, house: &House) -> (Result<Resolved, Refusal>, Plan, Work) {
    let resolved = resolve(observed, &house.settings);
    let judgement = Box::pin(judge(observed, &resolved, house)).await;
    observed.judged = judgement.judged;
    let plan = plan(observed, &resolved);
    let mut work = carry_out(observed, &plan, house).await;
    if let Some(error) = judgement.failed {
        work.note(Kind::Pod, Err(error));
    }
    if let Some(again) = judgement.again {
        work.next = Next::After(again);
    }
    (resolved, plan, work)
}

/// Writes the route, if the plan has one.
async fn write_route(
    observed: &mut Observed,
    resolved: &Result<Resolved, Refusal>,
    planned: &mut Plan,
    house: &House,
) -> route::Done {
    let nothing = route::Done { failed: None, next: Next::Wait };
    let Plan::Apply(act) = &*planned else { return nothing };
    let Some(route) = act.children.route.clone() else { return nothing };
    if !lint(observed, planned).is_empty() {
        return nothing;
    }
    let owner = observed.notebook.clone();
    let namespace = owner.namespace().unwrap_or_default();
    let live = &mut observed.route;
    let done = route::carry_out(&route, live, Owner::of(owner.as_ref()), &namespace, &house.kit.writer).await;
    // What was found in its place may be another's.
    *planned = plan(observed, resolved);
    done
}

/// Puts the object that has the name of a child into what was observed. One that another controller made for this
/// Notebook is taken over.
async fn look_at(kind: Kind, observed: &mut Observed, writer: &Writer) -> Result<(), WriteError> {
    let key = Key::new(observed.notebook.namespace().unwrap_or_default(), child_name(&observed.notebook.name_any()));
    let notebook = observed.notebook.clone();
    let owner = Owner::of(notebook.as_ref());
    match kind {
        Kind::Service => observed.service = look(&key, SELECTOR, owner, writer).await?,
        Kind::StatefulSet => observed.stateful_set = look(&key, SELECTOR, owner, writer).await?,
        // Routes are looked at where they are written.
        Kind::VirtualService | Kind::HTTPRoute | Kind::Ingress | Kind::Deployment | Kind::Pod | Kind::Notebook => {}
    }
    Ok(())
}

/// Who set it made the object.
const SELECTOR: &str = "selector";

/// Debug builds, and so every test, stop at a plan that breaks a rule of conduct; in a release it is not carried out.
async fn carry_out(observed: &Observed, plan: &Plan, house: &House) -> Work {
    let flaws = lint(observed, plan);
    debug_assert!(flaws.is_empty(), "{flaws:?}");
    let mut work = Work::default();
    if let Some(flaw) = flaws.first() {
        error!("this is a defect of Carrel, and nothing is done: {flaw}");
        return work;
    }
    match plan {
        Plan::Nothing => {}
        Plan::NameRequest(name) => {
            let patch = json!({"metadata": {"annotations": {ODH_RESTART: null, RESTART_REQUESTED: name}}});
            let key = Key::of(observed.notebook.as_ref());
            let uid = observed.notebook.uid().unwrap_or_default();
            let written = house.kit.writer.merge::<Notebook>(&key, &uid, patch).await;
            work.note(Kind::Notebook, written.map(|_| Applied::Settled));
        }
        Plan::Apply(act) => carry_out_act(act, observed, house, &mut work).await,
    }
    work
}

/// The Service first, so that the server's name resolves when its pod starts. One that fails does not keep the other.
async fn carry_out_act(act: &Act, observed: &Observed, house: &House, work: &mut Work) {
    let writer = &house.kit.writer;
    // The route is written after, and apart.
    let Children { service, stateful_set, route: _ } = &act.children;
    if !act.leaves(Kind::Service) {
        work.note(Kind::Service, writer.apply(service, observed.service.ours()).await);
    }
    if let Some(uid) = &act.disarm {
        // Apply can't remove a field that another manager set, and `OnDelete` is refused beside it.
        let patch = json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}});
        let disarmed = writer.merge::<StatefulSet>(&Key::of(stateful_set), uid, patch).await;
        work.note(Kind::StatefulSet, disarmed.map(|_| Applied::Settled));
    }
    if !act.leaves(Kind::StatefulSet) {
        let live = observed.stateful_set.ours();
        let applied = writer.apply(stateful_set, live).await;
        if live.is_none() && !matches!(applied, Ok(Applied::Settled | Applied::InFlight) | Err(WriteError::NotLeader)) {
            house.lives.counts.created(&observed.notebook.namespace().unwrap_or_default(), applied.is_ok());
        }
        work.note(Kind::StatefulSet, applied);
    }
    if let Some(restart) = act.restart.as_ref().filter(|restart| restart.now) {
        let ended = end_pod(restart, observed, writer).await;
        work.note(Kind::Pod, ended.map(|()| Applied::Settled));
    }
}

/// Ends a pod. That the template is not older than the pod was seen before (`is_behind`); which of two requests is the newer
/// one can't be told, so that the Notebook is read.
async fn end_pod(restart: &Restart, observed: &Observed, writer: &Writer) -> Result<(), WriteError> {
    let cached = observed.notebook.as_ref();
    if restart.cause == Cause::Requested {
        let now = writer.look::<Notebook>(&Key::of(cached)).await?;
        let asks = |notebook: &Notebook| notebook.annotations().get(RESTART_REQUESTED).cloned();
        if now.is_none_or(|now| now.uid() != cached.uid() || asks(&now) != asks(cached)) {
            debug!(pod = restart.pod, "the pod stays: the cache is behind its owner");
            return Ok(());
        }
    }
    info!(pod = restart.pod, cause = ?restart.cause, "ending the pod, which starts anew");
    let key = Key::new(cached.namespace().unwrap_or_default(), &restart.pod);
    if writer.delete::<Pod>(&key, &restart.uid).await? {
        let message = restart.cause.sentence().to_owned();
        writer.notice(cached, &Notice { tone: Tone::Normal, reason: "Restarted".into(), message }).await;
    }
    Ok(())
}

/// What a change of status is worth.
fn told(before: &NotebookStatus, after: &NotebookStatus) -> Vec<Notice> {
    let word = |status: &NotebookStatus| status.reason.map_or("Running", carrel_api::notebook::Reason::as_str);
    if word(before) != word(after) || before.phase.is_none() {
        info!(reason = word(after), "the Notebook's state changed");
    }
    notices(before, after)
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
