//! The lines of the plan, computed from what was read.

use carrel_api::activity::{Evidence, Verdict, Vote};
use carrel_api::server::{DISRUPTION_PENDING, NOT_PROTECTED, Reason};
use carrel_api::vocabulary::PROTECTED_UNTIL;
use carrel_runtime::child::ours;
use jiff::Timestamp;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};
use serde::Serialize;

use super::read::{Found, Server};

/// A server on the node.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) namespace: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) pod: String,
    pub(super) state: State,
    /// Until when at most it holds the node, by Carrel's budget alone; absent where others hold it, or nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
    /// Absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<Verdict>,
    /// Since when it is busy or idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Timestamp>,
    /// What decided that.
    pub(super) evidence: Vec<Evidence>,
    /// Whether it moves by itself once it is idle.
    pub(super) moves_when_idle: bool,
    /// Why it is busy and not kept, where it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_protected: Option<String>,
    /// Other budgets that select its pod.
    pub(super) other_budgets: Vec<Other>,
}

/// Whether an eviction of the pod is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) enum State {
    /// No: it is busy, or a budget of somebody else's allows none.
    Held,
    /// Yes.
    Free,
}

/// A budget that is not Carrel's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Other {
    pub(super) name: String,
    pub(super) disruptions_allowed: i32,
}

impl Row {
    pub(super) fn is_held(&self) -> bool {
        self.state == State::Held
    }
}

/// The servers on the node: those that hold it first, by namespace and name.
pub(super) fn rows(found: &Found) -> Vec<Row> {
    let mut rows: Vec<_> = found.servers.iter().map(|server| row(found, server)).collect();
    let key = |row: &Row| (row.state, row.namespace.clone(), row.name.clone(), row.kind.clone());
    rows.sort_by_key(key);
    rows
}

fn row(found: &Found, server: &Server) -> Row {
    let namespace = server.pod.namespace().unwrap_or_default();
    let budgets = found.budgets.get(&namespace).into_iter().flatten().filter(|budget| selects(budget, server));
    let (own, others): (Vec<_>, Vec<_>) = budgets.partition(|budget| is_ours(budget));
    let other_budgets: Vec<_> = others.into_iter().map(other).collect();
    // A budget of Carrel's lets a pod go that is not ready; of others it is not known here.
    let own = own.first().filter(|_| server.pod.is_ready());
    let is_held = own.is_some() || other_budgets.iter().any(|other| other.disruptions_allowed <= 0);
    let until = own.and_then(|own| own.annotations().get(PROTECTED_UNTIL)?.parse().ok());
    let condition = |type_| server.conditions.iter().find(|condition| condition.type_ == type_);
    let reason = condition(DISRUPTION_PENDING).and_then(|condition| condition.reason.as_deref());
    let activity = server.life.activity.as_ref();
    Row {
        kind: server.kind.to_owned(),
        name: server.name.clone(),
        pod: server.pod.name_any(),
        state: if is_held { State::Held } else { State::Free },
        // Whose end nobody knows stands beside it.
        until: until.filter(|_| other_budgets.iter().all(|other| other.disruptions_allowed > 0)),
        verdict: activity.map(|activity| activity.verdict),
        since: activity.map(|activity| activity.since),
        evidence: activity.map(|activity| activity.evidence.clone()).unwrap_or_default(),
        moves_when_idle: reason == Some(Reason::MovesWhenIdle.as_str()),
        not_protected: condition(NOT_PROTECTED).and_then(|condition| condition.message.clone()),
        other_budgets,
        namespace,
    }
}

/// As the API server does it: a budget without a selector selects nothing, and one with an empty selector everything.
fn selects(budget: &PodDisruptionBudget, server: &Server) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone());
    let selector = selector.and_then(|selector| Selector::try_from(selector).ok());
    selector.is_some_and(|selector| selector.matches(server.pod.labels()))
}

fn is_ours(budget: &PodDisruptionBudget) -> bool {
    budget.labels().iter().any(|(key, value)| format!("{key}={value}") == ours())
}

fn other(budget: &PodDisruptionBudget) -> Other {
    let allowed = budget.status.as_ref().and_then(|status| status.disruptions_allowed).unwrap_or_default();
    Other { name: budget.name_any(), disruptions_allowed: allowed }
}

/// What the busy signals said, in words.
pub(super) fn why_busy(row: &Row) -> Vec<&str> {
    row.evidence.iter().filter(|one| one.vote == Vote::Busy).map(|one| one.value.as_str()).collect()
}
