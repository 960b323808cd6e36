//! Turns a definition of an API server's OpenAPI document into one structural schema, as CRDs want it.
//!
//! The server's own document is the only place that tells list types, map keys and defaults of the core types: what
//! k8s-openapi derives from them has lost all three. Pure: values in, a value out.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// Keywords that go into a CRD as they are.
const KEPT: &[&str] = &[
    "enum",
    "format",
    "required",
    "type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
];

/// Keywords that a CRD has no use for: prose, client-side merge rules, and hints that no server enforces.
const DROPPED: &[&str] =
    &["description", "x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy", "x-kubernetes-unions"];

/// Go programs write a time that is not set as null (`creationTimestamp` in a claim template), and Kubernetes takes it.
const TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";

/// The schema of the definition `name` of an OpenAPI v3 `document`, with every reference resolved.
///
/// A keyword that is neither kept nor known to be droppable is an error: a newer Kubernetes may bring one whose loss
/// would go unnoticed.
pub(super) fn structural(document: &Value, name: &str) -> Result<Value> {
    let definitions = document
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .context("the OpenAPI document has no components.schemas")?;
    let mut reader = Reader { definitions, open: Vec::new() };
    let mut schema = reader.definition(name)?;
    // Whatever map serde_json was built with, the text comes out the same.
    schema.sort_all_objects();
    Ok(schema)
}

struct Reader<'a> {
    definitions: &'a Map<String, Value>,
    /// The definitions being read, outermost first.
    open: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn definition(&mut self, name: &str) -> Result<Value> {
        let (name, definition) =
            self.definitions.get_key_value(name).with_context(|| format!("no definition {name}"))?;
        // A structural schema is a finite tree.
        ensure!(!self.open.contains(&name.as_str()), "definition {name} contains itself: {}", self.open.join(" -> "));
        self.open.push(name);
        let mut schema = self.schema(definition).with_context(|| format!("in {name}"))?;
        self.open.pop();
        if name == TIME {
            set(&mut schema, "nullable", Value::Bool(true));
        }
        Ok(schema)
    }

    fn schema(&mut self, from: &'a Value) -> Result<Value> {
        let from = from.as_object().context("a schema is not an object")?;
        if let Some(target) = reference(from)? {
            let mut schema = self.definition(target)?;
            // Siblings of a reference (the document wraps it in a one-armed allOf for them) speak of this use only.
            for (keyword, value) in from.iter().filter(|(keyword, _)| !matches!(keyword.as_str(), "$ref" | "allOf")) {
                self.keyword(&mut schema, keyword, value)?;
            }
            return Ok(schema);
        }
        let mut schema = Value::Object(Map::new());
        if is_int_or_string(from) {
            set(&mut schema, "x-kubernetes-int-or-string", Value::Bool(true));
            return Ok(schema);
        }
        for (keyword, value) in from {
            self.keyword(&mut schema, keyword, value)?;
        }
        keep_key_defaults(&mut schema, from, self.definitions)?;
        Ok(schema)
    }

    fn keyword(&mut self, schema: &mut Value, keyword: &str, value: &'a Value) -> Result<()> {
        match keyword {
            "properties" => {
                let from = value.as_object().context("properties is not an object")?;
                let mut properties = Map::new();
                for (name, property) in from {
                    let property = self.schema(property).with_context(|| format!("in property {name}"))?;
                    properties.insert(name.clone(), property);
                }
                set(schema, keyword, Value::Object(properties));
            }
            "items" | "additionalProperties" => {
                let inner = self.schema(value)?;
                set(schema, keyword, inner);
            }
            "default" if is_empty(value) => {}
            "default" => set(schema, keyword, value.clone()),
            kept if KEPT.contains(&kept) => set(schema, keyword, value.clone()),
            dropped if DROPPED.contains(&dropped) => {}
            _ => bail!("the keyword {keyword} is new: decide whether CRDs keep it, in xtask/src/generate/schema.rs"),
        }
        Ok(())
    }
}

/// The definition that a schema refers to, plainly or as the only arm of an `allOf`.
fn reference(schema: &Map<String, Value>) -> Result<Option<&str>> {
    let plain = match schema.get("allOf").map(|arms| arms.as_array().map(Vec::as_slice)) {
        None => schema.get("$ref"),
        Some(Some([arm])) => arm.get("$ref"),
        Some(_) => bail!("an allOf that is not one reference"),
    };
    let Some(target) = plain else {
        ensure!(!schema.contains_key("allOf"), "an allOf that is not one reference");
        return Ok(None);
    };
    let target = target.as_str().and_then(|target| target.strip_prefix("#/components/schemas/"));
    target.map(Some).context("a reference that does not lead to a schema of this document")
}

/// Quantity and IntOrString: a choice between a text and a number, without a type of its own.
fn is_int_or_string(schema: &Map<String, Value>) -> bool {
    let Some(arms) = schema.get("oneOf").and_then(Value::as_array) else { return false };
    let mut types: Vec<_> = arms.iter().filter_map(|arm| arm.get("type")?.as_str()).collect();
    types.sort_unstable();
    matches!(types[..], ["integer" | "number", "string"])
}

/// The server writes `default` for every field that Go cannot leave out; most of them say nothing.
fn is_empty(default: &Value) -> bool {
    match default {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// A list that is a map must know each of its keys: one that is not required keeps its default, even an empty one.
fn keep_key_defaults(schema: &mut Value, from: &Map<String, Value>, definitions: &Map<String, Value>) -> Result<()> {
    let Some(keys) = from.get("x-kubernetes-list-map-keys").and_then(Value::as_array) else { return Ok(()) };
    let Some(items) = from.get("items").and_then(Value::as_object) else { return Ok(()) };
    let source = match reference(items)? {
        Some(target) => definitions.get(target).and_then(Value::as_object).context("no such definition")?,
        None => items,
    };
    let required: Vec<_> = source.get("required").and_then(Value::as_array).into_iter().flatten().collect();
    let defaults: BTreeMap<_, _> = keys
        .iter()
        .filter(|key| !required.contains(key))
        .filter_map(Value::as_str)
        .map(|key| {
            let default = source.get("properties").and_then(|properties| properties.get(key)?.get("default"));
            default.map(|default| (key, default)).with_context(|| {
                format!("the list key {key} is neither required nor has a default: no CRD may have such a list")
            })
        })
        .collect::<Result<_>>()?;
    for (key, default) in defaults {
        let property = schema.pointer_mut("/items/properties").and_then(|properties| properties.get_mut(key));
        set(property.context("a list key that is no property")?, "default", default.clone());
    }
    Ok(())
}

fn set(schema: &mut Value, keyword: &str, value: Value) {
    if let Value::Object(fields) = schema {
        fields.insert(keyword.to_owned(), value);
    }
}

#[cfg(test)]
mod tests;
