//! The spec, turned once into a value that can't be wrong, or a refusal. What comes after reads only that.

use std::collections::BTreeMap;

use carrel_api::Checked;
use carrel_api::volume_request::{AccessMode, Reason, Source, VolumeMode, VolumeRequest};
use carrel_runtime::quantity::nanos;
use kube::ResourceExt;

/// A VolumeRequest that can be followed.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The VolumeRequest's namespace, its claim's too.
    pub namespace: String,
    /// The VolumeRequest's name, its claim's too.
    pub name: String,
    /// The VolumeRequest's uid.
    pub uid: String,
    /// The size, as its owner wrote it.
    pub size: String,
    /// The size in billionths of a byte.
    pub amount: i128,
    /// The class, if one is named.
    pub class: Option<String>,
    /// The access modes.
    pub modes: Vec<AccessMode>,
    /// What pods get of it.
    pub volume_mode: VolumeMode,
    /// What it begins with.
    pub source: Option<From>,
    /// Whether a claim that is there may be taken.
    pub adopt: bool,
    /// Labels that its owner wants on the claim.
    pub labels: BTreeMap<String, String>,
}

/// What a volume begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A copy of this claim.
    Claim(String),
    /// What this VolumeSnapshot holds.
    Snapshot(String),
}

/// Why something can't be, for the person who can help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// A sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal for this reason.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Turns what its owner wrote into what can be followed. The CRD refuses most of what is refused here; an object may be
/// older than its rules.
pub fn resolve(request: &VolumeRequest) -> Result<Resolved, Refusal> {
    let invalid = |message: String| Refusal::new(Reason::InvalidSpec, message);
    let spec = match &request.spec {
        Checked::Valid(spec) => spec.clone(),
        Checked::Invalid { problem, .. } => return Err(invalid(format!("spec: {problem}"))),
    };
    let amount = nanos(&spec.size).filter(|amount| *amount > 0).ok_or_else(|| {
        invalid(format!("spec.size is {:?}; it must be an amount above zero, such as 10Gi", spec.size))
    })?;
    if spec.access_modes.is_empty() {
        return Err(invalid("spec.accessModes is empty; leave it out for ReadWriteOnce".to_owned()));
    }
    let source = match spec.source {
        None | Some(Source { claim: None, snapshot: None }) => None,
        Some(Source { claim: Some(claim), snapshot: None }) => Some(From::Claim(claim)),
        Some(Source { claim: None, snapshot: Some(snapshot) }) => Some(From::Snapshot(snapshot)),
        Some(Source { claim: Some(_), snapshot: Some(_) }) => {
            return Err(invalid("spec.source names a claim and a snapshot; name one of them".to_owned()));
        }
    };
    Ok(Resolved {
        namespace: request.namespace().unwrap_or_default(),
        name: request.name_any(),
        uid: request.uid().unwrap_or_default(),
        size: spec.size,
        amount,
        class: spec.storage_class_name.filter(|class| !class.is_empty()),
        modes: spec.access_modes,
        volume_mode: spec.volume_mode,
        source,
        adopt: spec.adopt,
        labels: spec.labels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(spec: &str) -> String {
        let request: VolumeRequest =
            serde_saphyr::from_str(&format!("{{metadata: {{name: a}}, spec: {spec}}}")).unwrap();
        resolve(&request).unwrap_err().message
    }

    #[test]
    fn what_an_older_crd_may_have_let_through_is_told_in_a_sentence() {
        for (spec, expected) in [
            ("{size: 10Gi, accessModes: [Sometimes]}", "spec: accessModes[0]: unknown variant"),
            ("{size: plenty}", "spec.size is \"plenty\""),
            ("{size: '-1'}", "spec.size is \"-1\""),
            ("{size: 1Gi, accessModes: []}", "leave it out"),
            ("{size: 1Gi, source: {claim: a, snapshot: b}}", "name one of them"),
        ] {
            let said = refused(spec);
            assert!(said.contains(expected), "{spec}: {said}");
        }
    }
}
