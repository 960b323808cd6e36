//! What is said of a companion: one reason with a sentence, and whether it is reached.

mod why;

use carrel_api::server::{Condition, Phase, ROUTED, Reason, Said};
use carrel_runtime::apply::WriteError;
use carrel_server::Refusal;
use carrel_server::conditions::{ready, stopped, time};
use carrel_server::kind::Kind;
use carrel_server::life::Lived;
use carrel_server::route::{ObservedRoute, Told, said};
use carrel_server::slim_pod::SlimPod;
use jiff::Timestamp;

use crate::Companion;
use crate::observe::Observed;
use crate::plan::Plan;
use crate::wanted::Wanted;

/// What became of a plan, as far as a status speaks of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome<'a> {
    /// The first write that failed, and the kind of the child.
    pub failed: Option<&'a (Kind, WriteError)>,
    /// The write of the route, if it failed.
    pub route: Option<&'a (Kind, WriteError)>,
    /// What becomes of the server; as it is stored if `None`.
    pub lived: Option<&'a Lived>,
}

/// The status after a plan was carried out. `now` is used for the time of a transition only, so that the same memory gives
/// the same status.
pub fn status<K: Companion>(
    observed: &Observed<K>,
    wanted: &Result<Wanted, Refusal>,
    plan: &Plan,
    outcome: Outcome<'_>,
    now: Timestamp,
) -> K::Status {
    let why = why::why(observed, wanted, plan, outcome);
    let before = K::said(&observed.status);
    let mut conditions = vec![ready(&why), stopped(&why)];
    conditions.extend(routed(observed, wanted, plan, outcome));
    conditions.extend(outcome.lived.into_iter().flat_map(|lived| lived.conditions.clone()));
    time(&mut conditions, |type_| before.condition(type_), now);
    let pod = observed.pod.as_deref();
    let said = Said {
        conditions,
        phase: Some(why.phase),
        reason: (why.phase != Phase::Running).then_some(why.reason),
        observed_generation: observed.object.meta().generation,
        node_name: pod.and_then(|pod| pod.spec.node_name.clone()),
        life: outcome.lived.map_or_else(|| before.life.clone(), |lived| lived.life.clone()),
    };
    // Kubeflow's web apps lead to one that is ready; under a name that another has they would lead to that one.
    let is_reached = why.reason != Reason::NameTaken;
    observed.object.status(said, is_reached && pod.is_some_and(SlimPod::is_ready))
}

/// Whether a change of status may wait a moment: on the way to Running, where the next change comes at once. What needs a
/// person, and what a person asked for, is told at once.
pub fn may_wait(before: &Said, after: &Said) -> bool {
    let passing = |said: &Said| {
        said.phase == Some(Phase::Starting)
            && matches!(said.reason, Some(Reason::Pending | Reason::Starting | Reason::ImagePull))
    };
    passing(after) && (before.phase.is_none() || passing(before) || before.phase == Some(Phase::Stopped))
}

/// `None` where no routes are made, or its owner wants none.
fn routed<K: Companion>(
    observed: &Observed<K>,
    wanted: &Result<Wanted, Refusal>,
    plan: &Plan,
    outcome: Outcome<'_>,
) -> Option<Condition> {
    if matches!(observed.route, ObservedRoute::Off) {
        return None;
    }
    let (Ok(wanted), Plan::Apply(act)) = (wanted, plan) else {
        // Nothing is done to the route either.
        return K::said(&observed.status).condition(ROUTED).cloned();
    };
    let asked = wanted.front.as_ref()?.routed.as_ref()?;
    let route = act.children.route.as_ref();
    Some(said(Told { asked, route, live: &observed.route, failed: outcome.route, owner: K::WORDS.kind }))
}
