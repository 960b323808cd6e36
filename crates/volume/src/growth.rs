//! Whether a claim is to grow, and whether it can.

use carrel_api::volume_request::Reason;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use crate::claim::{asked, class, is_larger, phase};
use crate::observe::Observed;
use crate::resolve::{Refusal, Resolved};
use crate::slim_class::SlimClass;

/// What is to become of the size of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Growth {
    /// It asks for what it should, or for more.
    None,
    /// It should ask for more, and may.
    Due,
    /// It should ask for more, and can't.
    Held(Refusal),
}

/// What is to become of the size of a claim of ours. It never asks for less than it does.
pub fn growth(observed: &Observed, resolved: &Resolved, live: &PersistentVolumeClaim) -> Growth {
    let has = asked(live);
    if !is_larger(Some(&resolved.size), has) {
        return Growth::None;
    }
    let (has, wants) = (has.unwrap_or_default(), &resolved.size);
    if phase(live) != "Bound" {
        let message = format!("grows from {has} to {wants} once the claim is bound to a volume");
        return Growth::Held(Refusal::new(Reason::Resizing, message));
    }
    let name = class(live).unwrap_or_default();
    if observed.class(name).is_some_and(SlimClass::grows) {
        return Growth::Due;
    }
    let why = if name.is_empty() {
        "it has no StorageClass, which alone can let it grow".to_owned()
    } else if observed.class(name).is_none() {
        format!("its StorageClass {name} is no longer there")
    } else {
        format!("its StorageClass {name} does not let volumes grow (allowVolumeExpansion)")
    };
    let message =
        format!("the claim has {has} and can't grow to {wants}: {why}; ask for {has} again, or for another volume");
    Growth::Held(Refusal::new(Reason::ExpansionNotAllowed, message))
}
