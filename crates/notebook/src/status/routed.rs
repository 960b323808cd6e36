//! Whether the route leads to the notebook as its owner asks. It is told apart from all else: a notebook runs without one.

use carrel_api::notebook::{Condition, ROUTED, Reason};
use carrel_runtime::apply::WriteError;

use super::{Outcome, truth};
use crate::observe::{Observed, ObservedRoute};
use crate::plan::{Act, Plan, route::is_route};
use crate::resolve::{Refusal, Resolved};

/// The condition; `None` where no routes are made.
pub(super) fn routed(
    observed: &Observed,
    resolved: &Result<Resolved, Refusal>,
    plan: &Plan,
    outcome: Outcome<'_>,
) -> Option<Condition> {
    if matches!(observed.route, ObservedRoute::Off) {
        return None;
    }
    let (Ok(Resolved { route: Some(asked), .. }), Plan::Apply(act)) = (resolved, plan) else {
        // Nothing is done to the route either.
        return observed.status.condition(ROUTED).cloned();
    };
    let (reason, message) = match asked {
        Err(refusal) => (refusal.reason, refusal.message.clone()),
        Ok(asked) if matches!(observed.route, ObservedRoute::ApiMissing) => {
            let needs = asked.routing.needs();
            let message =
                needs.map_or_else(|| "the kind of the route is not known yet".to_owned(), |needs| needs.missing());
            (Reason::RouteApiMissing, message)
        }
        Ok(_) => not_written(act, outcome).unwrap_or_else(|| {
            let route = act.children.route.as_ref();
            let words = route.map(|route| format!("the {} {} is in place", route.kind(), route.name()));
            (Reason::Routed, words.unwrap_or_default())
        }),
    };
    Some(Condition {
        type_: ROUTED.to_owned(),
        status: truth(reason == Reason::Routed),
        reason: Some(reason.as_str().to_owned()),
        message: Some(message),
        ..Condition::default()
    })
}

fn not_written(act: &Act, outcome: Outcome<'_>) -> Option<(Reason, String)> {
    let name = act.children.route.as_ref().map(crate::children::Route::name).unwrap_or_default();
    if let Some(leave) = act.leave.iter().find(|leave| is_route(leave.kind)) {
        let kind = leave.kind;
        return Some(match &leave.owner {
            Some(owner) => (Reason::NameTaken, format!("the {kind} {name} belongs to {owner}; it is left alone")),
            None => {
                (Reason::RouteEnding, format!("the {kind} {name} is being deleted; another is made when it is gone"))
            }
        });
    }
    let (kind, error) = outcome.route?;
    Some(match error {
        WriteError::Taken { .. } => {
            (Reason::NameTaken, format!("the {kind} {name} is not this Notebook's; it is left alone"))
        }
        WriteError::Refused { message, .. } => {
            (Reason::Refused, format!("the {kind} is refused, and one that is there stays as it is: {message}"))
        }
        WriteError::NotLeader
        | WriteError::Gone(_)
        | WriteError::Timeout(_)
        | WriteError::Encode(_)
        | WriteError::Failed(_) => {
            (Reason::WriteFailed, format!("the {kind} could not be written for now; it is tried again. {error}"))
        }
    })
}
