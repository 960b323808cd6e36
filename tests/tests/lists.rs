//! What tells the items of a list apart is written down twice: in the schema that the API server publishes, and in
//! `carrel_runtime::covers`, which no file of ours feeds. The two must agree.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use carrel_runtime::covers::covers;
use serde_json::{Map, Value, json};

/// Every list of the schema: the name of its field, and its schema.
fn lists<'a>(field: &str, schema: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    if schema["type"] == "array" {
        found.push((field.to_owned(), schema));
        lists(field, &schema["items"], found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        lists(name, property, found);
    }
}

/// An item of a list, as different from others as `salt`.
fn item(schema: &Value, salt: i64) -> Value {
    let items = &schema["items"];
    match items["type"].as_str() {
        Some("object") => {}
        Some("integer") => return salt.into(),
        _ => return format!("v{salt}").into(),
    }
    let keys = schema["x-kubernetes-list-map-keys"].as_array().cloned().unwrap_or_default();
    let fields: Map<_, _> = keys
        .iter()
        .map(|key| {
            let key = key.as_str().unwrap();
            let number = items["properties"][key]["type"] == "integer";
            (key.to_owned(), if number { salt.into() } else { format!("v{salt}").into() })
        })
        .collect();
    if fields.is_empty() { json!({"any": salt}) } else { fields.into() }
}

#[test]
fn lists_are_compared_as_the_api_server_merges_them() {
    let file = xtask::home::repository().join("crates/api/src/generated/pod_spec.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut all = Vec::new();
    lists("", &schema, &mut all);
    assert!(all.len() > 50, "only {} lists", all.len());
    let mut wrong = Vec::new();
    for (field, schema) in all {
        // Somebody else's item stands before ours.
        let wanted = json!({&field: [item(schema, 1)]});
        let live = json!({&field: [item(schema, 2), item(schema, 1)]});
        let merges = matches!(schema["x-kubernetes-list-type"].as_str(), Some("map" | "set"));
        if covers(&wanted, &live).is_ok() != merges {
            wrong.push(format!(
                "{field}: {} {}",
                schema["x-kubernetes-list-type"], schema["x-kubernetes-list-map-keys"]
            ));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "crates/runtime/src/covers/lists.rs has these otherwise: {wrong:#?}");
}
