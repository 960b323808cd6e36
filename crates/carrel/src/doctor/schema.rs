//! In what two schemas of a kind differ, as far as it matters to objects.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

/// Where the schema of a cluster differs from ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Fields of ours that it lacks.
    pub(super) lacks: Vec<String>,
    /// Fields that ours lacks.
    pub(super) has: Vec<String>,
    /// Fields of both with other rules.
    pub(super) differs: Vec<String>,
}

/// Compares two schemas.
pub(super) fn differences(ours: &Value, theirs: &Value) -> Differences {
    let (ours, theirs) = (fields(ours), fields(theirs));
    let without = |one: &BTreeMap<String, Value>, other: &BTreeMap<String, Value>| {
        let mut all: Vec<_> = one.keys().filter(|path| !other.contains_key(*path)).cloned().collect();
        // What is below a field that is told says no more.
        all.dedup_by(|next, before| {
            next.strip_prefix(before.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
        });
        all
    };
    let is_other = |(path, rules): &(&String, &Value)| theirs.get(*path).is_some_and(|other| other != *rules);
    Differences {
        lacks: without(&ours, &theirs),
        has: without(&theirs, &ours),
        differs: ours.iter().filter(is_other).map(|(path, _)| path.clone()).collect(),
    }
}

/// Each field by its path, with its own rules.
fn fields(schema: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    walk(schema, "", &mut found);
    found
}

fn walk(schema: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    let Value::Object(schema) = schema else { return };
    let mut rules = Map::new();
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("description", _) => {}
            ("properties", Value::Object(properties)) => {
                for (name, field) in properties {
                    walk(field, &format!("{path}.{name}"), found);
                }
            }
            ("items", Value::Object(_)) => walk(value, &format!("{path}[]"), found),
            ("additionalProperties", Value::Object(_)) => walk(value, &format!("{path}.*"), found),
            _ => {
                if let Some(value) = plain(value) {
                    rules.insert(key.clone(), value);
                }
            }
        }
    }
    found.insert(path.to_owned(), Value::Object(rules));
}

/// A value as the API server gives it back: it leaves out what says nothing, and writes whole numbers without a point.
fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(fields) if fields.is_empty() => None,
        Value::Array(items) => Some(items.iter().map(|item| plain(item).unwrap_or_default()).collect()),
        Value::Object(fields) => {
            Some(fields.iter().filter_map(|(key, value)| Some((key.clone(), plain(value)?))).collect())
        }
        Value::Number(number) => number.as_f64().and_then(Number::from_f64).map(Value::Number),
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_and_rules_are_told_by_their_paths() {
        let ours = json!({"type": "object", "required": [], "description": "one", "properties": {
            "size": {"type": "string", "maxLength": 64.0},
            "old": {"type": "string"},
            "new": {"type": "array", "items": {"type": "object", "properties": {"deep": {"type": "string"}}}},
            "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 1}},
        }});
        let mut theirs = ours.clone();
        theirs["description"] = json!("two");
        theirs.as_object_mut().unwrap().remove("required");
        theirs["properties"]["size"]["maxLength"] = json!(64);
        assert_eq!(differences(&ours, &theirs), Differences::default(), "the API server's way to write the same");

        theirs["properties"].as_object_mut().unwrap().remove("new");
        theirs["properties"]["more"] = json!({"type": "string"});
        theirs["properties"]["labels"]["additionalProperties"]["maxLength"] = json!(2);
        let expected = Differences {
            lacks: vec![".new".to_owned()],
            has: vec![".more".to_owned()],
            differs: vec![".labels.*".to_owned()],
        };
        assert_eq!(differences(&ours, &theirs), expected);
    }
}
