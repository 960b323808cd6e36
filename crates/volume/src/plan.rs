//! Everything that should happen to a VolumeRequest's claim, as a value that prints, and the rules that any plan keeps.

use std::fmt;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;

use crate::claim::{Claim, asked, belongs_to, is_larger, kept, labels_over, made};
use crate::growth::{Growth, growth};
use crate::observe::Observed;
use crate::obstacle::{mismatch, obstacle};
use crate::resolve::{Refusal, Resolved};
use crate::room::may;

/// What should happen. The status is computed after, from what became of this.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What to do about the finalizer, before the step where it is set and after where it is taken off.
    pub finalizer: Option<Finalizer>,
    /// What to do about the claim.
    pub step: Step,
}

/// What to do about the finalizer that holds a VolumeRequest until its claim is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finalizer {
    /// Set it.
    Set,
    /// Take it off.
    Remove,
}

/// What to do about the claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Make it.
    Create {
        /// What is made.
        made: Box<PersistentVolumeClaim>,
        /// What is kept of it from then on.
        kept: Box<PersistentVolumeClaim>,
    },
    /// Keep it as it should be.
    Keep {
        /// What it should be.
        claim: Box<PersistentVolumeClaim>,
        /// Labels of it that are no longer asked for.
        over: Vec<String>,
    },
    /// Take one that is nobody's.
    Adopt(Box<PersistentVolumeClaim>),
    /// Delete it, with its data.
    Delete {
        /// Its name.
        name: String,
        /// Its uid: never its successor's.
        uid: String,
    },
}

/// What should happen.
pub fn plan(observed: &Observed, resolved: &Result<Resolved, Refusal>) -> Plan {
    let deletes = observed.deletes();
    let marked = observed.is_marked();
    if observed.is_being_deleted() {
        return if deletes && marked { end(observed) } else { Plan { finalizer: off(marked), step: Step::Nothing } };
    }
    let Ok(resolved) = resolved else { return Plan { finalizer: None, step: Step::Nothing } };
    let step = step(observed, resolved);
    // Only what has a claim needs holding, or is about to: one that lost the room for it, when it was marked already, is let
    // go again.
    let has_claim = observed.in_flight || is_ours(observed) || step != Step::Nothing;
    let finalizer = match (deletes && has_claim, marked) {
        (true, false) => Some(Finalizer::Set),
        (false, true) => Some(Finalizer::Remove),
        _ => None,
    };
    Plan { finalizer, step }
}

/// Whether the claim is this VolumeRequest's, though it may be on its way out.
fn is_ours(observed: &Observed) -> bool {
    let uid = observed.request.metadata.uid.as_deref().unwrap_or_default();
    match &observed.claim {
        Claim::Ours(_) => true,
        Claim::Leaving(claim) => belongs_to(claim, uid),
        Claim::Missing | Claim::Orphan(_) | Claim::Foreign { .. } => false,
    }
}

fn off(marked: bool) -> Option<Finalizer> {
    marked.then_some(Finalizer::Remove)
}

/// The end of a VolumeRequest that takes its claim along.
fn end(observed: &Observed) -> Plan {
    let uid = observed.request.metadata.uid.as_deref().unwrap_or_default();
    let wait = Plan { finalizer: None, step: Step::Nothing };
    match &observed.claim {
        Claim::Ours(claim) if observed.users.is_empty() => {
            let step = Step::Delete { name: claim.name_any(), uid: claim.uid().unwrap_or_default() };
            Plan { finalizer: None, step }
        }
        Claim::Ours(_) => wait,
        Claim::Leaving(claim) if belongs_to(claim, uid) => wait,
        Claim::Missing if observed.in_flight => wait,
        Claim::Missing | Claim::Leaving(_) | Claim::Orphan(_) | Claim::Foreign { .. } => {
            Plan { finalizer: Some(Finalizer::Remove), step: Step::Nothing }
        }
    }
}

fn step(observed: &Observed, resolved: &Resolved) -> Step {
    let may = may(&observed.limits, &observed.judged);
    match &observed.claim {
        Claim::Missing if !observed.in_flight && may && obstacle(observed, resolved).is_none() => {
            Step::Create { made: Box::new(made(resolved)), kept: Box::new(kept(resolved, &resolved.size)) }
        }
        Claim::Ours(live) => {
            let grows = may && mismatch(live, resolved).is_none() && growth(observed, resolved, live) == Growth::Due;
            let size =
                if grows || !is_other(live, resolved) { &resolved.size } else { asked(live).unwrap_or_default() };
            Step::Keep { claim: Box::new(kept(resolved, size)), over: labels_over(resolved, live) }
        }
        Claim::Orphan(live) if resolved.adopt && mismatch(live, resolved).is_none() => {
            // As it is: growing comes after, and is judged.
            Step::Adopt(Box::new(kept(resolved, asked(live).unwrap_or_default())))
        }
        Claim::Missing | Claim::Leaving(_) | Claim::Orphan(_) | Claim::Foreign { .. } => Step::Nothing,
    }
}

/// Whether a claim asks for another amount, however it is written.
fn is_other(live: &PersistentVolumeClaim, resolved: &Resolved) -> bool {
    let (has, wants) = (asked(live), Some(resolved.size.as_str()));
    is_larger(has, wants) || is_larger(wants, has)
}

/// A plan that breaks a rule of conduct: a defect of Carrel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Data would be deleted that nobody said to delete, or that pods have.
    #[error("the claim {0} would be deleted though its owner did not say so, or pods mount it")]
    UnaskedDelete(String),
    /// A VolumeRequest would go that is to take its claim along, without it.
    #[error("the VolumeRequest would go without its claim, which it is to take along")]
    Forgets,
    /// A claim would be deleted with another object.
    #[error("the claim would have an owner")]
    Owned,
    /// A claim would reach for a certain volume, which may hold another's data.
    #[error("the claim would choose its volume")]
    Reaches,
    /// A claim would be taken that is another's, or that nobody said to take.
    #[error("the claim would be taken though it is another's, or nobody said so")]
    Takes,
    /// A claim would ask for less than it does.
    #[error("the claim would shrink")]
    Shrinks,
}

/// Holds a plan against the rules of conduct; run on every plan before it is carried out.
pub fn lint(observed: &Observed, plan: &Plan) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let spec = observed.request.spec.valid();
    let deletes = observed.deletes() && observed.is_being_deleted();
    let uid = observed.request.metadata.uid.as_deref().unwrap_or_default();
    // By what the caches hold, not by what the plan was made of.
    let live = match &observed.claim {
        Claim::Ours(claim) | Claim::Leaving(claim) | Claim::Orphan(claim) => Some(claim.as_ref()),
        Claim::Missing | Claim::Foreign { .. } => None,
    };
    let is_ours = live.is_some_and(|live| belongs_to(live, uid));
    if let Step::Delete { name, .. } = &plan.step
        && !(deletes && is_ours && observed.users.is_empty())
    {
        flaws.push(Flaw::UnaskedDelete(name.clone()));
    }
    if plan.finalizer == Some(Finalizer::Remove) && observed.deletes() && (is_ours || observed.in_flight) {
        flaws.push(Flaw::Forgets);
    }
    let adopts = matches!(plan.step, Step::Adopt(_));
    if adopts && (!spec.is_some_and(|spec| spec.adopt) || live.is_none_or(|live| !live.owner_references().is_empty())) {
        flaws.push(Flaw::Takes);
    }
    let written = match &plan.step {
        Step::Create { made, .. } => Some(made),
        Step::Keep { claim, .. } | Step::Adopt(claim) => Some(claim),
        Step::Nothing | Step::Delete { .. } => None,
    };
    let Some(written) = written else { return flaws };
    if !written.owner_references().is_empty() {
        flaws.push(Flaw::Owned);
    }
    let chooses = |claim: &PersistentVolumeClaim| {
        let spec = claim.spec.as_ref();
        spec.is_some_and(|spec| spec.volume_name.is_some() || spec.selector.is_some() || spec.data_source_ref.is_some())
    };
    if chooses(written) {
        flaws.push(Flaw::Reaches);
    }
    if let Some(live) = live
        && is_larger(asked(live), asked(written))
    {
        flaws.push(Flaw::Shrinks);
    }
    flaws
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |claim: &PersistentVolumeClaim| serde_json::to_string_pretty(claim).unwrap_or_default();
        if self.finalizer == Some(Finalizer::Set) {
            writeln!(f, "set the finalizer")?;
        }
        match &self.step {
            Step::Nothing => writeln!(f, "leave the claim")?,
            Step::Create { made, .. } => writeln!(f, "create {}", text(made))?,
            Step::Keep { claim, over } => {
                for label in over {
                    writeln!(f, "take off the label {label}")?;
                }
                writeln!(f, "apply {}", text(claim))?;
            }
            Step::Adopt(claim) => writeln!(f, "adopt {}", text(claim))?,
            Step::Delete { name, uid } => writeln!(f, "delete the claim {name} ({uid}) with its data")?,
        }
        if self.finalizer == Some(Finalizer::Remove) { writeln!(f, "take off the finalizer") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
