//! One reconcile: observe, resolve, plan, apply, status, and nothing else.

use std::sync::Arc;

use carrel_api::server::Said;
use carrel_runtime::Key;
use carrel_runtime::apply::{Applied, WriteError, Writer};
use carrel_runtime::child::Owner;
use carrel_runtime::kit::{Kit, Urgency};
use carrel_runtime::runner::Next;
use carrel_server::Refusal;
use carrel_server::kind::Kind;
use carrel_server::life::{Guard, Lived, Lives, Stored, sooner};
use carrel_server::protection::{self, Kept, Moving, Subject};
use carrel_server::route::{self, HTTPRoute, VirtualService, look};
use carrel_server::work::Work;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use serde_json::json;
use tracing::{error, info};

use crate::asked::asked;
use crate::children::Children;
use crate::judge::judge;
use crate::notices::notices;
use crate::observe::{Observed, Stores};
use crate::plan::{Act, Plan, lint, plan};
use crate::status::{Outcome, may_wait, status};
use crate::wanted::Wanted;
use crate::{Companion, Settings};

/// What a reconcile works with.
pub(crate) struct House<K: Companion> {
    pub(crate) settings: Settings,
    pub(crate) stores: Stores<K>,
    pub(crate) kit: Kit<K, K::Status, Refusal>,
    pub(crate) lives: Lives,
}

/// Who set it made the object.
const SELECTOR: &str = "selector";

/// Brings one companion to where it should be.
pub(crate) async fn reconcile<K: Companion>(object: Arc<K>, house: &House<K>) -> Result<Next, WriteError> {
    if !house.kit.writer.may_write() {
        return Ok(Next::Wait);
    }
    let newer = house.kit.newer(&object);
    let mut observed = house.stores.observe(object, newer, &house.settings);
    let (mut wanted, mut plan, mut work) = pass(&mut observed, house).await;
    let mut looked = Vec::new();
    // A watch can't tell whose the object is that has the name of a child.
    while let Some(kind) = work.taken().filter(|kind| !looked.contains(kind)) {
        looked.push(kind);
        look_at(kind, &mut observed, &house.kit.writer).await?;
        let taken = work.failed.take();
        (wanted, plan, work) = pass(&mut observed, house).await;
        if matches!(&plan, Plan::Apply(act) if act.leaves(kind)) {
            // It is tried again, as nobody tells us when an object goes that no watch selects.
            work.failed = work.failed.or(taken);
        }
    }
    let route = write_route(&mut observed, &wanted, &mut plan, house).await;
    let now = (house.kit.clock)();
    let mut lived = live(&observed, &wanted, house, now);
    if let Some(next) = house.lives.act(observed.object.as_ref(), &lived, &house.kit.writer).await? {
        return Ok(next);
    }
    let kept = Box::pin(keep(&observed, &mut lived, house, now)).await;
    let outcome = Outcome { failed: work.failed.as_ref(), route: route.failed.as_ref(), lived: Some(&lived) };
    let status = status(&observed, &wanted, &plan, outcome, now);
    let urgency = if work.failed.is_some() || route.failed.is_some() {
        Urgency::Now
    } else if may_wait(K::said(&observed.status), K::said(&status)) {
        Urgency::Passing
    } else {
        Urgency::Soon
    };
    let said = |before: &K::Status, after: &K::Status| {
        house.lives.said(observed.object.as_ref(), &lived);
        let (before, after) = (K::said(before), K::said(after));
        if (before.phase, before.reason) != (after.phase, after.reason) {
            info!(phase = ?after.phase, reason = ?after.reason, "the state changed");
        }
        notices(before, after).into_iter().chain(lived.notices.iter().cloned()).collect()
    };
    if let Some(left) = house.kit.say(observed.object.as_ref(), &observed.status, status, urgency, said).await? {
        return Ok(Next::After(left));
    }
    let failed = work.failed.or(route.failed).map(|(_, error)| error);
    if let Some(error) = failed.or(kept.failed) {
        return Err(error);
    }
    let next = [work.next, route.next, kept.next].into_iter().find(|next| *next != Next::Wait);
    Ok(sooner(next.unwrap_or(Next::Wait), &lived, now))
}

/// Keeps the pod from drains for as long as it is busy. It never moves by itself: where a companion stands is decided by who
/// has its volume.
async fn keep<K: Companion>(observed: &Observed<K>, lived: &mut Lived, house: &House<K>, now: Timestamp) -> Kept {
    let nothing = Kept { failed: None, next: Next::Wait, moving: Moving::Stays };
    // Without a pod there is nothing to take away: a budget goes with the pod that it was made for.
    let Some(pod) = observed.pod.as_deref() else { return nothing };
    let Some(mark) = pod.labels().get(K::WORDS.mark) else { return nothing };
    lived.guard = lived.guard.map(|guard| Guard { move_when_idle: false, ..guard });
    let Said { life, conditions, observed_generation, .. } = K::said(&observed.status);
    let stored = Stored { life, conditions, generation: *observed_generation };
    let (namespace, name) = (observed.object.namespace().unwrap_or_default(), observed.object.name_any());
    let subject = Subject {
        namespace: &namespace,
        name: &pod.name_any(),
        pod: Some(pod),
        label: (K::WORDS.mark, mark),
        annotation: (K::WORDS.mark, &name),
    };
    protection::keep(subject, stored, lived, &house.stores.protection, &house.kit.writer, now).await
}

/// Has the server asked whether it is used, and decides what becomes of it.
fn live<K: Companion>(
    observed: &Observed<K>,
    wanted: &Result<Wanted, Refusal>,
    house: &House<K>,
    now: Timestamp,
) -> Lived {
    let Said { life, conditions, observed_generation, .. } = K::said(&observed.status);
    let stored = Stored { life, conditions, generation: *observed_generation };
    house.lives.live(observed.object.as_ref(), stored, asked(observed, wanted).as_ref(), now)
}

/// What should happen by what was observed, and what became of it.
async fn pass<K: Companion>(observed: &mut Observed<K>, house: &House<K>) -> (Result<Wanted, Refusal>, Plan, Work) {
    let wanted = observed.object.wanted(&house.settings);
    let judgement = Box::pin(judge(observed, &wanted, house)).await;
    observed.judged = judgement.judged;
    let plan = plan(observed, &wanted);
    let mut work = carry_out(observed, &plan, &house.kit.writer).await;
    if let Some(error) = judgement.failed {
        work.note(Kind::Pod, Err(error));
    }
    if let Some(again) = judgement.again {
        work.next = Next::After(again);
    }
    (wanted, plan, work)
}

/// Writes the route, if the plan has one.
async fn write_route<K: Companion>(
    observed: &mut Observed<K>,
    wanted: &Result<Wanted, Refusal>,
    planned: &mut Plan,
    house: &House<K>,
) -> route::Done {
    let nothing = route::Done { failed: None, next: Next::Wait };
    let Plan::Apply(act) = &*planned else { return nothing };
    let Some(route) = act.children.route.clone() else { return nothing };
    if !lint(observed, planned).is_empty() {
        return nothing;
    }
    let object = observed.object.clone();
    let namespace = object.namespace().unwrap_or_default();
    let live = &mut observed.route;
    let done = route::carry_out(&route, live, Owner::of(object.as_ref()), &namespace, &house.kit.writer).await;
    // What was found in its place may be another's.
    *planned = plan(observed, wanted);
    done
}

/// Puts the object that has the name of a child into what was observed. One that another controller made for this companion
/// is taken over.
async fn look_at<K: Companion>(kind: Kind, observed: &mut Observed<K>, writer: &Writer) -> Result<(), WriteError> {
    let object = observed.object.clone();
    let owner = Owner::of(object.as_ref());
    let key = Key::new(object.namespace().unwrap_or_default(), K::child_name(&object.name_any()));
    match kind {
        Kind::Service => observed.service = look(&key, SELECTOR, owner, writer).await?,
        Kind::Deployment => observed.deployment = look(&key, SELECTOR, owner, writer).await?,
        // Routes are looked at where they are written; the others are never made here.
        Kind::VirtualService | Kind::HTTPRoute | Kind::Ingress | Kind::StatefulSet | Kind::Pod | Kind::Notebook => {}
    }
    Ok(())
}

/// Debug builds, and so every test, stop at a plan that breaks a rule of conduct; in a release it is not carried out.
async fn carry_out<K: Companion>(observed: &Observed<K>, plan: &Plan, writer: &Writer) -> Work {
    let flaws = lint(observed, plan);
    debug_assert!(flaws.is_empty(), "{flaws:?}");
    let mut work = Work::default();
    if let Some(flaw) = flaws.first() {
        error!("this is a defect of Carrel, and nothing is done: {flaw}");
        return work;
    }
    if let Plan::Apply(act) = plan {
        carry_out_act(act, observed, writer, &mut work).await;
    }
    work
}

async fn carry_out_act<K: Companion>(act: &Act, observed: &Observed<K>, writer: &Writer, work: &mut Work) {
    // The route is written after, and apart.
    let Children { deployment, service, route: _ } = &act.children;
    for (kind, name, uid) in &act.remove {
        let key = Key::new(deployment.namespace().unwrap_or_default(), name);
        info!(%kind, child = %key, "removing a child that is no longer wanted");
        let removed = match kind {
            Kind::Service => writer.delete::<Service>(&key, uid).await,
            Kind::VirtualService => writer.delete::<VirtualService>(&key, uid).await,
            Kind::HTTPRoute => writer.delete::<HTTPRoute>(&key, uid).await,
            Kind::Ingress => writer.delete::<Ingress>(&key, uid).await,
            Kind::Deployment | Kind::StatefulSet | Kind::Pod | Kind::Notebook => Ok(false),
        };
        work.note(*kind, removed.map(|_| Applied::Settled));
    }
    if let Some(service) = service.as_ref().filter(|_| !act.leaves(Kind::Service)) {
        work.note(Kind::Service, writer.apply(service, observed.service.ours()).await);
    }
    if let Some(uid) = &act.disarm {
        // Apply can't remove a field that another manager set, and `Recreate` is refused beside it.
        let patch = json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
        let disarmed = writer.merge::<Deployment>(&Key::of(deployment), uid, patch).await;
        work.note(Kind::Deployment, disarmed.map(|_| Applied::Settled));
    }
    if !act.leaves(Kind::Deployment) {
        work.note(Kind::Deployment, writer.apply(deployment, observed.deployment.ours()).await);
    }
}

#[cfg(test)]
mod faults;
