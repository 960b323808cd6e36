//! The CustomResourceDefinition of VolumeRequest: a schema derived from its types, rules on what may change, and columns
//! for kubectl.

use serde_json::{Value, json};

use super::{VolumeRequestSpec, VolumeRequestStatus};
use crate::crd::{Names, Scope, age, column, typed_object};

/// The API group, Carrel's own.
pub const GROUP: &str = "carrel.dev";
/// The plural in URLs.
pub const PLURAL: &str = "volumerequests";
/// The version that is served and stored.
pub const VERSION: &str = "v1alpha1";

/// The CustomResourceDefinition, to be applied as it is.
pub fn definition() -> Value {
    let names =
        Names { group: GROUP, kind: "VolumeRequest", plural: PLURAL, singular: "volumerequest", short: &["vr"] };
    crate::crd::definition(&names, Scope::Namespaced, VERSION, &schema(), &columns())
}

fn columns() -> Value {
    json!([
        column("Ready", ".status.conditions[?(@.type==\"Ready\")].status", "Whether pods can mount it.", false),
        column("Why", ".status.reason", "What it waits for; docs/reasons.md explains each word.", false),
        column("Claim", ".status.claim", "The claim, which pods mount by this name.", false),
        column("Size", ".spec.size", "The size asked for.", false),
        column("Capacity", ".status.capacity", "The size that it has.", false),
        column("Class", ".status.storageClassName", "The StorageClass of the claim.", false),
        column("Modes", ".status.accessModes", "The access modes of the claim.", false),
        age(),
        column("Used by", ".status.usedBy[*].name", "The first of those that mount it; status.usedBy has all.", true),
        {"name": "Unused", "type": "date", "jsonPath": ".status.unusedSince", "priority": 1,
            "description": "For how long no pod mounts it."},
        column("Node", ".status.node", "The node that it is on.", true),
        column("Reclaim", ".spec.reclaim", "What becomes of the data when the VolumeRequest is deleted.", true),
    ])
}

fn schema() -> Value {
    typed_object::<VolumeRequestSpec, VolumeRequestStatus>(&rules())
}

/// What may not change, once there is a claim: before, nothing stands in the way of asking for something else, and a
/// request that was refused is mended so.
fn rules() -> Value {
    let fixed = |field: &str, help: &str| {
        json!({
            "rule": format!(
                "!has(self.status) || !has(self.status.claim) || (has(self.spec.{field}) == has(oldSelf.spec.{field}) \
                && (!has(self.spec.{field}) || self.spec.{field} == oldSelf.spec.{field}))"
            ),
            "fieldPath": format!(".spec.{field}"),
            "message": format!("{field} can't change once the claim is made: {help}"),
        })
    };
    let another = "make another VolumeRequest, with this one's claim as its source if the data should come along";
    json!([
        {
            "rule": "quantity(self.spec.size).compareTo(quantity(oldSelf.spec.size)) >= 0 \
                || !has(self.status) || !has(self.status.size) \
                || quantity(self.spec.size).compareTo(quantity(self.status.size)) >= 0",
            "fieldPath": ".spec.size",
            "message": "a volume can't shrink: ask for no less than the claim has (status.size), or make a smaller \
                VolumeRequest and copy the files",
        },
        fixed("storageClassName", another),
        fixed("accessModes", another),
        fixed("volumeMode", another),
        fixed("source", "a volume begins once; make another VolumeRequest"),
        {
            "rule": "!has(self.spec.source) || !has(self.spec.source.claim) \
                || self.spec.source.claim != self.metadata.name",
            "fieldPath": ".spec.source.claim",
            "message": "a claim can't be cloned into itself: the claim gets the VolumeRequest's own name",
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let spec = &schema()["properties"]["spec"];
        assert_eq!(spec["properties"]["accessModes"]["default"], json!(["ReadWriteOnce"]));
        assert_eq!(spec["properties"]["reclaim"]["default"], "Retain");
        assert_eq!(spec["properties"]["volumeMode"]["default"], "Filesystem");
        assert_eq!(spec["required"], json!(["size"]));
    }

    #[test]
    fn each_list_of_conditions_is_merged_by_type() {
        let conditions = &schema()["properties"]["status"]["properties"]["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map");
        assert_eq!(conditions["x-kubernetes-list-map-keys"], json!(["type"]));
    }
}
