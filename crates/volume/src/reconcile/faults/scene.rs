//! A VolumeRequest, its claim and who mounts it, what may happen to them, and the driver that makes volumes.

use carrel_faults::{NAMESPACE, Objects};
use carrel_runtime::quantity::nanos;
use serde_json::{Value, json};

pub(super) const REQUESTS: &str = "volumerequests";
pub(super) const CLAIMS: &str = "persistentvolumeclaims";
pub(super) const PODS: &str = "pods";
pub(super) const CLASSES: &str = "storageclasses";
pub(super) const QUOTAS: &str = "resourcequotas";

/// The VolumeRequest, and its claim.
pub(super) const DATA: &str = "data";
const POD: &str = "iris-0";

#[derive(Clone, Copy)]
pub(super) enum Step {
    /// The owner says so from the start on, as a patch of the spec.
    AtFirst(&'static str),
    /// The owner changes the spec by a patch.
    Asks(&'static str),
    /// There is no room from the start on.
    Full,
    /// A quota says so much for all claims together.
    Quota(&'static str),
    NoClass,
    Class,
    /// A claim of the name is there, which nobody owns.
    Orphan,
    /// A claim of the name is there, which another owns.
    Stranger,
    /// Whoever has the claim deletes it.
    ClaimGoes,
    /// The claim to clone comes.
    Source,
    Mounted,
    Unmounted,
    Deleted,
    /// The VolumeRequest is deleted, and its owner says at once that the data stay.
    DeletedAndKept,
    /// A pod mounts the claim, and the VolumeRequest is deleted at once.
    MountedAndDeleted,
    /// Somebody changes what we set on the claim.
    Drift,
}

impl Step {
    pub(super) fn is_before(self) -> bool {
        matches!(self, Self::AtFirst(_) | Self::Full | Self::NoClass | Self::Orphan | Self::Stranger)
    }

    pub(super) fn happens(self, objects: &mut Objects) {
        match self {
            Self::AtFirst(patch) | Self::Asks(patch) => {
                let patch: Value = serde_json::from_str(patch).unwrap();
                objects.change(REQUESTS, DATA, &json!({"spec": patch}));
            }
            Self::Full => quota(objects, "5Gi"),
            Self::Quota(hard) => quota(objects, hard),
            Self::NoClass => drop(objects.remove(CLASSES, "standard")),
            Self::Class => class(objects),
            Self::Orphan => drop(objects.put(CLAIMS, claim(DATA))),
            Self::Stranger => {
                let owner = json!([{"apiVersion": "v1", "kind": "Database", "name": "theirs", "uid": "theirs"}]);
                objects.put(CLAIMS, claim(DATA));
                objects.change(CLAIMS, DATA, &json!({"metadata": {"ownerReferences": owner}}));
            }
            Self::ClaimGoes => drop(objects.delete(CLAIMS, DATA)),
            Self::Source => drop(objects.put(CLAIMS, claim("origin"))),
            Self::Mounted => {
                let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": DATA}}]);
                let meta = json!({"name": POD, "namespace": NAMESPACE, "labels": {"notebook-name": "iris"}});
                let spec = json!({"nodeName": "a", "volumes": volumes});
                objects.put(PODS, json!({"metadata": meta, "spec": spec, "status": {"phase": "Running"}}));
            }
            Self::Unmounted => drop(objects.delete(PODS, POD)),
            Self::Deleted => drop(objects.delete(REQUESTS, DATA)),
            Self::DeletedAndKept => {
                Self::Deleted.happens(objects);
                Self::Asks(r#"{"reclaim": "Retain"}"#).happens(objects);
            }
            Self::MountedAndDeleted => {
                Self::Mounted.happens(objects);
                Self::Deleted.happens(objects);
            }
            Self::Drift => {
                let labels = json!({"team": "blue", "app.kubernetes.io/managed-by": null, "theirs": "stays"});
                objects.change(CLAIMS, DATA, &json!({"metadata": {"labels": labels}}));
            }
        }
    }
}

pub(super) fn begin(objects: &mut Objects) {
    class(objects);
    objects.put(
        REQUESTS,
        json!({"metadata": {"name": DATA, "namespace": NAMESPACE, "uid": "r-1"}, "spec": {"size": "10Gi"}}),
    );
}

fn class(objects: &mut Objects) {
    let annotations = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    objects.put(
        CLASSES,
        json!({"metadata": {"name": "standard", "annotations": annotations}, "provisioner": "csi.example.com",
            "allowVolumeExpansion": true, "volumeBindingMode": "Immediate"}),
    );
}

/// A claim that somebody made by hand.
fn claim(name: &str) -> Value {
    let spec = json!({"accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": "10Gi"}}});
    json!({"metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("by-hand-{name}")}, "spec": spec})
}

fn quota(objects: &mut Objects, hard: &str) {
    let status = json!({"hard": {"requests.storage": hard}, "used": {"requests.storage": "0"}});
    objects.put(QUOTAS, json!({"metadata": {"name": "team", "namespace": NAMESPACE}, "status": status}));
}

fn asked(claim: &Value) -> &Value {
    &claim["spec"]["resources"]["requests"]["storage"]
}

/// Why there is no room for a claim.
pub(super) fn no_room(objects: &Objects, kind: &str, object: &Value) -> Option<String> {
    let hard =
        objects.get(QUOTAS, "team").filter(|_| kind == CLAIMS)?["status"]["hard"]["requests.storage"].as_str()?;
    let asked = asked(object).as_str()?;
    let words = format!(
        "persistentvolumeclaims \"data\" is forbidden: exceeded quota: team, requested: requests.storage={asked}, \
         used: requests.storage=0, limited: requests.storage={hard}"
    );
    (nanos(asked) > nanos(hard)).then_some(words)
}

/// Each claim gets its class and what protects it while it is mounted, then its volume; and that grows as it should.
pub(super) fn driver(objects: &mut Objects) {
    let mounted = |objects: &Objects, name: &str| {
        let mounts = |pod: &Value| pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == name;
        objects.of(PODS).iter().any(mounts)
    };
    let claims = objects.of(CLAIMS);
    let others = claims.len().saturating_sub(1);
    for mut claim in claims {
        let name = claim["metadata"]["name"].as_str().unwrap().to_owned();
        if !claim["metadata"]["deletionTimestamp"].is_null() {
            if !mounted(objects, &name) {
                claim["metadata"]["finalizers"] = json!([]);
            }
        } else if claim["status"].is_null() {
            claim["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
            claim["status"] = json!({"phase": "Pending"});
        } else if objects.get(CLASSES, "standard").is_some() {
            claim["spec"]["storageClassName"] = "standard".into();
            if claim["spec"]["volumeName"].is_null() {
                // So that the picture tells a claim that was made once too often.
                claim["spec"]["volumeName"] = format!("volume-{}", objects.made(CLAIMS) - others).into();
            }
            claim["status"] = json!({"phase": "Bound", "capacity": {"storage": asked(&claim)}});
        }
        objects.put(CLAIMS, claim);
    }
}
