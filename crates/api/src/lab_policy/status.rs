//! What Carrel says of a LabPolicy.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;

/// Condition type: the policy can be followed as it is.
pub const ACCEPTED: &str = "Accepted";

/// The status of a LabPolicy. One writer: its controller. Nothing in it moves by itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct LabPolicyStatus {
    /// `Accepted`.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// The generation of the LabPolicy that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How many namespaces it selects.
    #[serde(default)]
    pub namespaces: i32,
    /// In how many of them each of its sections decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub sections: Vec<Section>,
}

/// In how many namespaces a section of a policy decides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// The section, as in the spec.
    pub name: String,
    /// In how many of the namespaces that the policy selects it decides.
    pub decides: i32,
    /// The policies that decide in the others, by name; the first ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overruled_by: Vec<String>,
}
