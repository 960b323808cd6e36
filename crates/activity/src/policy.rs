//! What holds for one server: of all policies that speak of its namespace, section by section, and within them what its
//! owner asked for.

mod defaults;
mod problems;
mod wishes;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use carrel_api::TimeSpan;
use carrel_api::lab_policy::{AfterStop, Idle, KeepAlive, LabPolicySpec, Lifetime, ProtectBusy, Schedule, Signals};
use carrel_api::vocabulary::{IDLE_AFTER, KEEP_ALIVE};
use jiff::Timestamp;

pub use defaults::{CARREL, Defaults, KUBEFLOW, Kubeflow};
pub use problems::problems;
pub use wishes::{KeepUntil, Wishes};

/// A policy with what decides between two of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// When it was made; one that does not say counts as the youngest.
    pub created: Option<Timestamp>,
    /// What its admin wants.
    pub spec: LabPolicySpec,
}

/// A section with who decided it.
#[derive(Clone, Debug, PartialEq)]
pub struct By<T> {
    /// The name of the policy, [`KUBEFLOW`] or [`CARREL`].
    pub name: String,
    /// What it says.
    pub section: T,
}

impl<T> By<T> {
    fn new(name: &str, section: T) -> Self {
        Self { name: name.to_owned(), section }
    }
}

/// What holds for one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// When it is stopped for being idle; never without it.
    pub idle: Option<By<Idle>>,
    /// For how long it may be idle: the policy's value or the owner's; for ever if absent or exempt.
    pub idle_after: Option<TimeSpan>,
    /// How long it may run.
    pub lifetime: Option<By<Lifetime>>,
    /// At which hours it may run.
    pub schedule: Option<By<Schedule>>,
    /// For how long its owner may ask to keep it.
    pub keep_alive: By<KeepAlive>,
    /// What becomes of it when it stays stopped.
    pub after_stop: Option<By<AfterStop>>,
    /// How it is kept from drains while it is busy.
    pub protect_busy: By<ProtectBusy>,
    /// What counts as use, beside what the server says.
    pub signals: Option<By<Signals>>,
    /// What its owner asks for, beside an own limit.
    pub wishes: Wishes,
    /// What its owner asked for and does not get, in sentences for the owner.
    pub refused: Vec<String>,
}

/// What holds for a server with these `labels` and `annotations` in a namespace with `namespace_labels`. A policy with
/// [`problems`] is not followed at all: half of what an admin meant may be worse than nothing of it.
pub fn effective(
    policies: &[Named],
    namespace_labels: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
    defaults: &Defaults,
) -> Effective {
    let ranked = ranked(policies, namespace_labels);
    let idle = first(&ranked, |spec| spec.idle.as_ref()).or_else(|| defaults.idle());
    let keep_alive = first(&ranked, |spec| spec.keep_alive.as_ref());
    let keep_alive = keep_alive.unwrap_or_else(|| By::new(CARREL, KeepAlive::default()));
    let protect_busy = first(&ranked, |spec| spec.protect_busy.as_ref());

    let (wishes, mut refused) = Wishes::read(annotations);
    if wishes.keep_alive.is_some() && keep_alive.section.max.is_zero() {
        refused.push(format!("{KEEP_ALIVE} is refused: {} lets nobody keep a server", keep_alive.name));
    }
    let idle_after = idle_after(idle.as_ref(), labels, annotations, &mut refused);
    Effective {
        idle_after,
        idle,
        lifetime: first(&ranked, |spec| spec.lifetime.as_ref()),
        schedule: first(&ranked, |spec| spec.schedule.as_ref()),
        keep_alive,
        after_stop: first(&ranked, |spec| spec.after_stop.as_ref()),
        protect_busy: protect_busy.unwrap_or_else(|| By::new(CARREL, ProtectBusy::default())),
        signals: first(&ranked, |spec| spec.signals.as_ref()),
        wishes,
        refused,
    }
}

/// The policies that speak of a namespace and can be followed, the one that decides first.
pub fn ranked<'a>(policies: &'a [Named], namespace_labels: &BTreeMap<String, String>) -> Vec<&'a Named> {
    let speaks = |policy: &&Named| policy.spec.namespace_selector.matches(namespace_labels);
    let mut ranked: Vec<_> =
        policies.iter().filter(speaks).filter(|policy| problems(&policy.spec).is_empty()).collect();
    ranked.sort_by_key(|policy| {
        (Reverse(policy.spec.priority), policy.created.unwrap_or(Timestamp::MAX), policy.name.as_str())
    });
    ranked
}

fn first<T: Clone>(ranked: &[&Named], section: impl Fn(&LabPolicySpec) -> Option<&T>) -> Option<By<T>> {
    ranked.iter().find_map(|policy| section(&policy.spec).map(|found| By::new(&policy.name, found.clone())))
}

fn idle_after(
    idle: Option<&By<Idle>>,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
    refused: &mut Vec<String>,
) -> Option<TimeSpan> {
    let own = annotations.get(IDLE_AFTER);
    let Some(By { name, section }) = idle else {
        if own.is_some() {
            refused.push(format!("{IDLE_AFTER} is refused: no policy stops idle servers here"));
        }
        return None;
    };
    if section.exempt_label.as_ref().is_some_and(|label| labels.contains_key(label)) {
        return None;
    }
    let Some(own) = own else { return section.idle_after };
    let Some(band) = section.user_limits else {
        refused.push(format!("{IDLE_AFTER} is refused: {name} lets nobody set an own limit"));
        return section.idle_after;
    };
    match own.parse::<TimeSpan>() {
        Ok(span) if (band.min..=band.max).contains(&span) && !span.is_zero() => Some(span),
        Ok(span) => {
            refused.push(format!(
                "{IDLE_AFTER} is refused: {span} is not from {} to {}, which is what {name} allows",
                band.min, band.max
            ));
            section.idle_after
        }
        Err(error) => {
            let (min, max) = (band.min, band.max);
            refused
                .push(format!("{IDLE_AFTER} is refused: it {error}, from {min} to {max}, which is what {name} allows"));
            section.idle_after
        }
    }
}

#[cfg(test)]
mod tests;
