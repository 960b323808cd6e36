//! The VolumeSnapshot that a VolumeRequest restores, as far as it is looked at, and what of it stands in the way. The kinds
//! are CSI's (`snapshot.storage.k8s.io/v1`), which a cluster may lack.

use std::borrow::Cow;
use std::sync::Arc;

use carrel_api::volume_request::Reason;
use k8s_openapi::ClusterResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};

use crate::claim::is_larger;
use crate::resolve::{Refusal, Resolved};
use crate::slim_class::SlimClass;

/// The group of these kinds.
pub const GROUP: &str = "snapshot.storage.k8s.io";
/// The version that is read.
pub const VERSION: &str = "v1";
/// The CRD of snapshots.
pub const SNAPSHOTS: &str = "volumesnapshots.snapshot.storage.k8s.io";
/// The CRD of their contents.
pub const CONTENTS: &str = "volumesnapshotcontents.snapshot.storage.k8s.io";

/// On a content: its admin lets a volume of another mode be made of it.
const MODE_MAY_CHANGE: &str = "snapshot.storage.kubernetes.io/allow-volume-mode-change";

/// A VolumeSnapshot, with the few fields that are read here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SlimSnapshot {
    /// Its name, and whether it is being deleted.
    pub metadata: ObjectMeta,
    /// What became of it; written by the snapshot controller.
    #[serde(default)]
    pub status: SnapshotStatus,
}

carrel_api::namespaced_kind!(SlimSnapshot, "VolumeSnapshot", GROUP, VERSION, "volumesnapshots");

/// The part of a VolumeSnapshot's status that is read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotStatus {
    /// The content that it says it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_volume_snapshot_content_name: Option<String>,
    /// Whether a volume can be made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_to_use: Option<bool>,
    /// The size that such a volume needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_size: Option<String>,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<SnapshotError>,
}

/// Why a snapshot failed last.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SnapshotError {
    /// The driver's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A VolumeSnapshotContent, with the few fields that are read here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SlimContent {
    /// Its name and annotations.
    pub metadata: ObjectMeta,
    /// Whose it is.
    #[serde(default)]
    pub spec: ContentSpec,
}

/// The part of a VolumeSnapshotContent's spec that is read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentSpec {
    /// The driver that holds the data.
    #[serde(default)]
    pub driver: String,
    /// The mode of the volume that it was taken of; drivers of old did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_volume_mode: Option<String>,
    /// The snapshot that it is the content of.
    #[serde(default)]
    pub volume_snapshot_ref: SnapshotRef,
}

/// The snapshot that a content belongs to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SnapshotRef {
    /// Its namespace.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its uid; absent until the two are bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl Resource for SlimContent {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "VolumeSnapshotContent".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "volumesnapshotcontents".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl SlimContent {
    /// Takes off all that is not read.
    pub fn trim(&mut self) {
        self.metadata.annotations.get_or_insert_default().retain(|key, _| key == MODE_MAY_CHANGE);
        self.metadata.labels = None;
    }

    /// Whether it says that it is the content of this snapshot, which may only say so itself.
    fn is_of(&self, snapshot: &SlimSnapshot) -> bool {
        let SnapshotRef { namespace, name, uid } = &self.spec.volume_snapshot_ref;
        let metadata = &snapshot.metadata;
        metadata.namespace.as_deref() == Some(namespace)
            && metadata.name.as_deref() == Some(name)
            && (uid.is_none() || *uid == metadata.uid)
    }
}

impl SlimSnapshot {
    /// Takes off all that is not read.
    pub fn trim(&mut self) {
        self.metadata.annotations = None;
        self.metadata.labels = None;
    }
}

/// An object of a kind that the cluster may lack.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<K> {
    /// The API server does not serve the kind.
    Unserved,
    /// There is none of this name.
    Missing,
    /// It is there.
    There(Arc<K>),
}

/// A snapshot that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The snapshot.
    pub snapshot: Found<SlimSnapshot>,
    /// The content that the snapshot names.
    pub content: Found<SlimContent>,
}

/// Why no volume of this class can be made of the snapshot.
pub fn obstacle(name: &str, asked: &Snapshot, class: &SlimClass, resolved: &Resolved) -> Option<Refusal> {
    let missing = |message: String| Some(Refusal::new(Reason::SourceMissing, message));
    let snapshot = match &asked.snapshot {
        Found::Unserved => {
            return missing(format!(
                "the cluster has no VolumeSnapshots: the API server does not serve {SNAPSHOTS} in {VERSION}; its admin \
                must install the CSI snapshot controller with its CRDs, and it goes on then"
            ));
        }
        Found::Missing => {
            return missing(format!(
                "there is no VolumeSnapshot {name} in the namespace to restore; it goes on when there is"
            ));
        }
        Found::There(snapshot) if snapshot.metadata.deletion_timestamp.is_some() => {
            return missing(format!("the VolumeSnapshot {name} is being deleted; name another one"));
        }
        Found::There(snapshot) => snapshot,
    };
    not_ready(name, snapshot, &asked.content).or_else(|| unfit(name, snapshot, &asked.content, class, resolved))
}

fn not_ready(name: &str, snapshot: &SlimSnapshot, content: &Found<SlimContent>) -> Option<Refusal> {
    let told = |message: String| Some(Refusal::new(Reason::SourceNotReady, message));
    let status = &snapshot.status;
    if status.ready_to_use != Some(true) {
        let words = status.error.as_ref().and_then(|error| error.message.as_deref());
        return told(match words {
            Some(words) => {
                format!("the VolumeSnapshot {name} can't be used, and it goes on when it can; its driver says: {words}")
            }
            None => format!("the VolumeSnapshot {name} is not ready to use; it goes on when it is"),
        });
    }
    let bound = status.bound_volume_snapshot_content_name.as_deref().unwrap_or("\"\"");
    match content {
        Found::Missing => told(format!(
            "the VolumeSnapshot {name} names the content {bound}, which is not there; it goes on when it is"
        )),
        // Else whoever may write a status could reach the snapshots of other namespaces.
        Found::There(content) if !content.is_of(snapshot) => told(format!(
            "the VolumeSnapshot {name} names the content {bound}, which belongs to another snapshot; take a new one"
        )),
        Found::There(_) | Found::Unserved => None,
    }
}

fn unfit(
    name: &str,
    snapshot: &SlimSnapshot,
    content: &Found<SlimContent>,
    class: &SlimClass,
    resolved: &Resolved,
) -> Option<Refusal> {
    let unsupported = |message: String| Some(Refusal::new(Reason::SourceUnsupported, message));
    if let Found::There(content) = content {
        let (driver, own) = (&content.spec.driver, &class.provisioner);
        if driver != own {
            return unsupported(format!(
                "the driver {driver} holds the VolumeSnapshot {name}, and the StorageClass {} makes volumes by {own}; \
                name a class of {driver}",
                class.name_any()
            ));
        }
        let asked = resolved.volume_mode.as_str();
        let may_change = content.annotations().get(MODE_MAY_CHANGE).is_some_and(|value| value == "true");
        if let Some(mode) = content.spec.source_volume_mode.as_deref().filter(|mode| *mode != asked && !may_change) {
            return unsupported(format!(
                "the VolumeSnapshot {name} was taken of a volume with volumeMode {mode}, and can't become {asked}"
            ));
        }
    }
    let size = snapshot.status.restore_size.as_deref();
    if is_larger(size, Some(&resolved.size)) {
        let size = size.unwrap_or_default();
        return unsupported(format!(
            "the VolumeSnapshot {name} needs {size}, and the volume can't be smaller: ask for {size} or more"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::obstacle::obstacle;
    use crate::resolve::resolve;
    use crate::testing::story;

    const STORY: &str = "
request: {metadata: {name: v, namespace: a, uid: u}, spec: {size: 10Gi, source: {snapshot: s}}}
classes: [{metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}, provisioner: p}]
snapshot: {metadata: {name: s, namespace: a, uid: s-1}, status: {readyToUse: true, restoreSize: 10Gi, boundVolumeSnapshotContentName: c}}
content: {metadata: {name: c}, spec: {driver: p, sourceVolumeMode: Filesystem, volumeSnapshotRef: {namespace: a, name: s, uid: s-1}}}
";

    #[test]
    fn each_thing_that_keeps_a_snapshot_from_being_restored_is_told() {
        let said = |text: &str| {
            let observed = story(text);
            let resolved = resolve(&observed.request).unwrap();
            obstacle(&observed, &resolved).map(|refusal| format!("{}: {}", refusal.reason.as_str(), refusal.message))
        };
        assert_eq!(said(STORY), None);
        for (from, to, expected) in [
            ("snapshot: {metadata", "noSnapshots: true\nsnapshot: {metadata", "SourceMissing: the cluster has no"),
            (
                "uid: s-1}, status",
                "uid: s-1, deletionTimestamp: '2026-01-01T00:00:00Z'}, status",
                "SourceMissing: the VolumeSnapshot s is being deleted",
            ),
            ("readyToUse: true", "readyToUse: false", "SourceNotReady: the VolumeSnapshot s is not ready to use"),
            ("readyToUse: true, ", "", "SourceNotReady: the VolumeSnapshot s is not ready to use"),
            ("readyToUse: true", "error: {message: no disk left}", "its driver says: no disk left"),
            ("restoreSize: 10Gi", "restoreSize: 10241Mi", "SourceUnsupported: the VolumeSnapshot s needs 10241Mi"),
            (
                "driver: p",
                "driver: q",
                "SourceUnsupported: the driver q holds the VolumeSnapshot s, and the StorageClass fast makes volumes by p",
            ),
            (
                "sourceVolumeMode: Filesystem",
                "sourceVolumeMode: Block",
                "SourceUnsupported: the VolumeSnapshot s was taken of a volume with volumeMode Block",
            ),
            (
                "Ref: {namespace: a",
                "Ref: {namespace: b",
                "SourceNotReady: the VolumeSnapshot s names the content c, which belongs to another",
            ),
            (
                "name: s, uid: s-1}}}",
                "name: s, uid: s-0}}}",
                "SourceNotReady: the VolumeSnapshot s names the content c, which belongs to another",
            ),
        ] {
            assert!(STORY.contains(from), "{from}");
            let words = said(&STORY.replace(from, to)).unwrap_or_default();
            assert!(words.contains(expected), "{to}: {words}");
        }
        for (from, to) in [
            ("sourceVolumeMode: Filesystem, ", ""),
            (
                "{name: c}, spec: {driver: p, sourceVolumeMode: Filesystem",
                "{name: c, annotations: {snapshot.storage.kubernetes.io/allow-volume-mode-change: 'true'}}, spec: {driver: p, sourceVolumeMode: Block",
            ),
            ("restoreSize: 10Gi, ", ""),
        ] {
            assert!(STORY.contains(from), "{from}");
            assert_eq!(said(&STORY.replace(from, to)), None, "{to}");
        }
        let gone = STORY.lines().filter(|line| !line.starts_with("content")).collect::<Vec<_>>().join("\n");
        assert!(said(&gone).unwrap_or_default().contains("the content c, which is not there"));
    }
}
