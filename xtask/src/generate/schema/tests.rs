use serde_json::json;

use super::*;

fn check(schemas: &Value, expected: &Value) {
    let document = json!({ "components": { "schemas": schemas } });
    assert_eq!(&structural(&document, "Root").unwrap(), expected);
}

fn refusal(schemas: &Value) -> String {
    let document = json!({ "components": { "schemas": schemas } });
    format!("{:#}", structural(&document, "Root").unwrap_err())
}

#[test]
fn references_are_resolved_and_prose_is_dropped() {
    check(
        &json!({
            "Root": {
                "description": "Prose.", "type": "object", "required": ["a"],
                "properties": {
                    "a": { "allOf": [{ "$ref": "#/components/schemas/Leaf" }], "description": "More.", "default": {} },
                    "b": { "type": "array", "items": { "$ref": "#/components/schemas/Leaf" },
                           "x-kubernetes-list-type": "atomic", "x-kubernetes-patch-strategy": "merge" },
                    "c": { "type": "object", "additionalProperties": { "type": "string", "default": "" } },
                },
            },
            "Leaf": { "type": "string", "format": "date-time", "enum": ["x", "y"] },
        }),
        &json!({
            "type": "object", "required": ["a"],
            "properties": {
                "a": { "type": "string", "format": "date-time", "enum": ["x", "y"] },
                "b": { "type": "array", "items": { "type": "string", "format": "date-time", "enum": ["x", "y"] },
                       "x-kubernetes-list-type": "atomic" },
                "c": { "type": "object", "additionalProperties": { "type": "string" } },
            },
        }),
    );
}

#[test]
fn a_field_named_as_a_keyword_is_a_field() {
    let fields = json!({ "type": "object", "properties": {
        "default": { "type": "boolean" }, "description": { "type": "string" },
    }});
    check(&json!({ "Root": fields }), &fields);
}

#[test]
fn quantities_and_ports_become_int_or_string() {
    check(
        &json!({
            "Root": { "type": "object", "properties": {
                "memory": { "$ref": "#/components/schemas/Quantity" },
                "port": { "$ref": "#/components/schemas/IntOrString" },
            }},
            "Quantity": { "description": "Prose.", "oneOf": [{ "type": "string" }, { "type": "number" }] },
            "IntOrString": { "format": "int-or-string", "oneOf": [{ "type": "integer" }, { "type": "string" }] },
        }),
        &json!({ "type": "object", "properties": {
            "memory": { "x-kubernetes-int-or-string": true }, "port": { "x-kubernetes-int-or-string": true },
        }}),
    );
}

#[test]
fn a_time_may_be_null() {
    let field = json!({ "$ref": format!("#/components/schemas/{TIME}") });
    check(
        &json!({ "Root": { "properties": { "at": field } }, TIME: { "type": "string", "format": "date-time" } }),
        &json!({ "properties": { "at": { "type": "string", "format": "date-time", "nullable": true } } }),
    );
}

#[test]
fn defaults_that_say_something_or_that_keys_need_are_kept() {
    check(
        &json!({
            "Root": { "type": "object", "properties": { "secrets": {
                "type": "array", "items": { "allOf": [{ "$ref": "#/components/schemas/Named" }] },
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "protocol"],
            }}},
            "Named": { "type": "object", "properties": {
                "name": { "type": "string", "default": "" },
                "other": { "type": "string", "default": "" },
                "protocol": { "type": "string", "default": "TCP" },
            }},
        }),
        &json!({ "type": "object", "properties": { "secrets": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "protocol"],
            "items": { "type": "object", "properties": {
                "name": { "type": "string", "default": "" },
                "other": { "type": "string" },
                "protocol": { "type": "string", "default": "TCP" },
            }},
        }}}),
    );
}

#[test]
fn a_required_key_needs_no_default() {
    let list = json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } },
    });
    check(&json!({ "Root": list }), &list);
}

#[test]
fn what_a_crd_cannot_say_is_refused() {
    let itself = json!({ "Root": { "properties": { "again": { "$ref": "#/components/schemas/Root" } } } });
    assert!(refusal(&itself).contains("definition Root contains itself"));
    assert!(refusal(&json!({ "Root": { "$ref": "#/components/schemas/Gone" } })).contains("no definition Gone"));
    assert!(refusal(&json!({ "Root": { "pattern": "^a$" } })).contains("the keyword pattern is new"));
    assert!(refusal(&json!({ "Root": { "allOf": [{}, {}] } })).contains("an allOf that is not one reference"));
    let keyless = json!({ "Root": {
        "type": "array", "x-kubernetes-list-map-keys": ["name"], "items": { "properties": { "name": {} } },
    }});
    assert!(refusal(&keyless).contains("the list key name is neither required nor has a default"));
}
