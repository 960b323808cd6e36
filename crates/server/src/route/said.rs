//! Whether the route leads to the server as its owner asks. It is told apart from all else: a server runs without one.

use carrel_api::server::{Condition, ROUTED, Reason};
use carrel_runtime::apply::WriteError;

use super::{ObservedRoute, Route, Routed};
use crate::Refusal;
use crate::kind::Kind;

/// What is known of a route after it was written, or was not.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What is asked for.
    pub asked: &'a Result<Routed, Refusal>,
    /// The route, if one can be made.
    pub route: Option<&'a Route>,
    /// As it was seen last.
    pub live: &'a ObservedRoute,
    /// The write of it, if it failed.
    pub failed: Option<&'a (Kind, WriteError)>,
    /// The kind of its owner.
    pub owner: &'a str,
}

/// The condition; without the time of its transition.
pub fn said(told: Told<'_>) -> Condition {
    let Refusal { reason, message } = match told.asked {
        Err(refusal) => refusal.clone(),
        Ok(asked) if matches!(told.live, ObservedRoute::ApiMissing) => {
            let needs = asked.routing.needs();
            let message =
                needs.map_or_else(|| "the kind of the route is not known yet".to_owned(), |needs| needs.missing());
            Refusal { reason: Reason::RouteApiMissing, message }
        }
        Ok(_) => not_in_place(told).unwrap_or_else(|| {
            let words = told.route.map(|route| format!("the {} {} is in place", route.kind(), route.name()));
            Refusal { reason: Reason::Routed, message: words.unwrap_or_default() }
        }),
    };
    Condition {
        type_: ROUTED.to_owned(),
        status: if reason == Reason::Routed { "True" } else { "False" }.to_owned(),
        reason: Some(reason.as_str().to_owned()),
        message: Some(message),
        ..Condition::default()
    }
}

fn not_in_place(told: Told<'_>) -> Option<Refusal> {
    let name = told.route.map(Route::name).unwrap_or_default();
    if let Some(leave) = told.live.left_alone() {
        let kind = leave.kind;
        return Some(match leave.owner {
            Some(owner) => Refusal {
                reason: Reason::NameTaken,
                message: format!("the {kind} {name} belongs to {owner}; it is left alone"),
            },
            None => Refusal {
                reason: Reason::RouteEnding,
                message: format!("the {kind} {name} is being deleted; another is made when it is gone"),
            },
        });
    }
    let (kind, error) = told.failed?;
    Some(match error {
        WriteError::Taken { .. } => {
            let message = format!("the {kind} {name} is not this {}'s; it is left alone", told.owner);
            Refusal { reason: Reason::NameTaken, message }
        }
        WriteError::Refused { message, .. } => {
            let message = format!("the {kind} is refused, and one that is there stays as it is: {message}");
            Refusal { reason: Reason::Refused, message }
        }
        _ => {
            let message = format!("the {kind} could not be written for now; it is tried again. {error}");
            Refusal { reason: Reason::WriteFailed, message }
        }
    })
}
