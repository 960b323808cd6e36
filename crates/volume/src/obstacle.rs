//! What stands in the way of a claim that is to be made, as far as it is known beforehand: its class and its source.

use carrel_api::volume_request::{AccessMode, Reason, VolumeMode};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;

use crate::claim::{asked, capacity, is_larger};
use crate::observe::Observed;
use crate::resolve::{From, Refusal, Resolved};
use crate::slim_class::{SlimClass, default_class};
use crate::snapshot;

/// Why the claim can't be made.
pub fn obstacle(observed: &Observed, resolved: &Resolved) -> Option<Refusal> {
    let class = match class(observed, resolved) {
        Ok(class) => class,
        Err(refusal) => return Some(refusal),
    };
    mode(class, resolved).or_else(|| source(observed, class, resolved))
}

fn class<'a>(observed: &'a Observed, resolved: &Resolved) -> Result<&'a SlimClass, Refusal> {
    let missing = |start: String| {
        let word = |class: &std::sync::Arc<SlimClass>| {
            let mark = if class.is_default() { " (the default)" } else { "" };
            format!("{}{mark}", class.name_any())
        };
        let mut names: Vec<_> = observed.classes.iter().map(word).collect();
        names.sort();
        let rest = if names.is_empty() {
            "the cluster has none at all; its admin must make one".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        Refusal::new(Reason::ClassMissing, format!("{start}; {rest}"))
    };
    match &resolved.class {
        Some(name) => observed.class(name).ok_or_else(|| missing(format!("there is no StorageClass {name}"))),
        None => default_class(&observed.classes)
            .ok_or_else(|| missing("no StorageClass is named, and the cluster has no default".to_owned())),
    }
}

fn mode(class: &SlimClass, resolved: &Resolved) -> Option<Refusal> {
    let many = resolved.modes.contains(&AccessMode::ReadWriteMany) && resolved.volume_mode == VolumeMode::Filesystem;
    (many && class.has_one_writer()).then(|| {
        let message = format!(
            "the driver {} of the StorageClass {} has no file systems that many nodes can write (ReadWriteMany); name \
            another class, or ask for ReadWriteOnce",
            class.provisioner,
            class.name_any()
        );
        Refusal::new(Reason::AccessModeUnsupported, message)
    })
}

fn source(observed: &Observed, class: &SlimClass, resolved: &Resolved) -> Option<Refusal> {
    let from = resolved.source.as_ref()?;
    let unsupported = |message: String| Some(Refusal::new(Reason::SourceUnsupported, message));
    if class.copies_nothing() {
        let (name, driver) = (class.name_any(), &class.provisioner);
        return unsupported(format!(
            "the driver {driver} of the StorageClass {name} can't copy volumes; name another class, or leave source out"
        ));
    }
    let name = match from {
        From::Claim(name) => name,
        From::Snapshot(name) => return snapshot::obstacle(name, observed.snapshot.as_ref()?, class, resolved),
    };
    let missing = |message: String| Some(Refusal::new(Reason::SourceMissing, message));
    let Some(source) = &observed.source else {
        return missing(format!("there is no claim {name} in the namespace to clone; it goes on when there is"));
    };
    if source.metadata.deletion_timestamp.is_some() {
        return missing(format!("the claim {name} is being deleted, and can't be cloned; name another one"));
    }
    let mode = volume_mode(source);
    if mode != resolved.volume_mode.as_str() {
        let asked = resolved.volume_mode.as_str();
        return unsupported(format!("the claim {name} has volumeMode {mode}, and its copy can't be {asked}"));
    }
    let size = capacity(source).or(asked(source));
    if is_larger(size, Some(&resolved.size)) {
        let size = size.unwrap_or_default();
        return unsupported(format!(
            "the claim {name} has {size}, and its copy can't be smaller: ask for {size} or more"
        ));
    }
    None
}

fn volume_mode(claim: &PersistentVolumeClaim) -> &str {
    claim.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref()).unwrap_or("Filesystem")
}

/// What a claim that is there has otherwise than asked, and can't change.
pub fn mismatch(live: &PersistentVolumeClaim, resolved: &Resolved) -> Option<Refusal> {
    let name = live.name_any();
    let told = |what: &str, has: &str, asks: &str| {
        let message = format!(
            "the claim {name} has {what} {has}, and {asks} is asked for, which a claim can't change; ask for what it \
            has, or choose another name"
        );
        Some(Refusal::new(Reason::Mismatch, message))
    };
    let spec = live.spec.as_ref()?;
    let class = spec.storage_class_name.as_deref().unwrap_or_default();
    if let Some(asks) = resolved.class.as_deref().filter(|asks| *asks != class) {
        return told("the StorageClass", if class.is_empty() { "\"\"" } else { class }, asks);
    }
    if volume_mode(live) != resolved.volume_mode.as_str() {
        return told("volumeMode", volume_mode(live), resolved.volume_mode.as_str());
    }
    let mut has: Vec<&str> = spec.access_modes.iter().flatten().map(String::as_str).collect();
    let mut asks: Vec<_> = resolved.modes.iter().map(|mode| mode.as_str()).collect();
    has.sort_unstable();
    asks.sort_unstable();
    if has != asks {
        return told("the access modes", &has.join(", "), &asks.join(", "));
    }
    None
}
