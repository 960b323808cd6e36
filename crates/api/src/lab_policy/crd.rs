//! The CustomResourceDefinition of LabPolicy: a schema derived from its types, and columns for kubectl.

use serde_json::{Value, json};

use super::{LabPolicySpec, LabPolicyStatus};
use crate::crd::{Names, Scope, age, column, typed_object};

/// The API group, Carrel's own.
pub const GROUP: &str = "carrel.dev";
/// The plural in URLs.
pub const PLURAL: &str = "labpolicies";
/// The version that is served and stored.
pub const VERSION: &str = "v1alpha1";

/// The CustomResourceDefinition, to be applied as it is.
pub fn definition() -> Value {
    let names = Names { group: GROUP, kind: "LabPolicy", plural: PLURAL, singular: "labpolicy", short: &["lp"] };
    crate::crd::definition(&names, Scope::Cluster, VERSION, &schema(), &columns())
}

fn columns() -> Value {
    let number = |name: &str, path: &str, description: &str| json!({"name": name, "type": "integer", "jsonPath": path, "description": description});
    json!([
        column("Accepted", ".status.conditions[?(@.type==\"Accepted\")].status", "Whether it can be followed.", false),
        number("Priority", ".spec.priority", "Of two policies the higher one decides."),
        number("Namespaces", ".status.namespaces", "How many namespaces it selects."),
        column("Idle after", ".spec.idle.idleAfter", "When a server that nobody uses is stopped.", false),
        column("Max running", ".spec.lifetime.maxRunning", "How long a server may run.", false),
        column("Time zone", ".spec.schedule.timeZone", "The time zone of the schedule.", true),
        age(),
    ])
}

fn schema() -> Value {
    typed_object::<LabPolicySpec, LabPolicyStatus>(&json!([]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::lab_policy::SECTIONS;

    #[test]
    fn each_field_of_the_spec_is_a_section_or_says_where_and_before_whom_it_holds() {
        let spec = schema()["properties"]["spec"]["properties"].as_object().unwrap().clone();
        let sections = SECTIONS.iter().map(|(name, _)| *name).chain(["namespaceSelector", "priority"]);
        assert_eq!(spec.keys().map(String::as_str).collect::<BTreeSet<_>>(), sections.collect());
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let spec = &schema()["properties"]["spec"]["properties"];
        assert_eq!(spec["idle"]["properties"]["warnBefore"]["default"], "10m");
        assert_eq!(spec["idle"]["properties"]["unknown"]["default"], "Keep");
        assert_eq!(spec["protectBusy"]["properties"]["enabled"]["default"], true);
        assert_eq!(spec["priority"]["default"], 0);
    }
}
