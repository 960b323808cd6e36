//! How the API server stores what it is given, by its rules.

use carrel_runtime::covers::stores_zero;
use carrel_runtime::quantity::nanos;
use serde_json::{Map, Value, json};

/// Fields that hold amounts, and those whose fields do.
const AMOUNTS: &[&str] = &["sizeLimit", "divisor", "storage"];
const OF_AMOUNTS: &[&str] = &["limits", "requests", "overhead", "hard", "capacity", "allocatable"];

/// Maps, and the structs that Go can't leave out: empty, they are gone, or there, and mean nothing.
const MAPS: &[&str] = &["labels", "annotations", "matchLabels", "nodeSelector", "limits", "requests", "resources"];

/// The object as it is stored: amounts in one spelling, and nothing that says nothing.
pub(super) fn stored(value: &Value) -> Value {
    inside(value, "", "").unwrap_or_default()
}

fn inside(value: &Value, field: &str, parent: &str) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Bool(false) if !stores_zero(field) => None,
        Value::Number(number) if number.as_i64() == Some(0) && !stores_zero(field) => None,
        // A port is a name or a number, and always there.
        Value::String(text) if text.is_empty() && field != "port" => None,
        Value::String(text) if AMOUNTS.contains(&field) || OF_AMOUNTS.contains(&parent) => {
            Some(nanos(text).map_or_else(|| text.clone(), |amount| format!("{amount}n")).into())
        }
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            // Items of a list are kept, whatever they say.
            Some(items.iter().map(|item| inside(item, field, parent).unwrap_or_else(|| item.clone())).collect())
        }
        Value::Object(fields) => {
            let kept: Map<_, _> = fields
                .iter()
                // Whose keys are anybody's, holds texts, and an empty one is one.
                .filter_map(|(name, value)| {
                    let anybodys = MAPS.contains(&field) && value.is_string();
                    let kept = inside(value, name, field);
                    Some((name.clone(), if anybodys { kept.unwrap_or_else(|| value.clone()) } else { kept? }))
                })
                .collect();
            (!(kept.is_empty() && MAPS.contains(&field))).then_some(kept.into())
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
    }
}

/// Lists whose items are told apart by their names.
const BY_NAME: &[&str] = &["containers", "initContainers", "env", "volumes"];

/// The same with what the API server and others add: defaults, labels, sidecars, their volumes and variables.
pub(super) fn with_more(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut more: Map<_, _> = fields
                .iter()
                .map(|(name, field)| {
                    let mut field = with_more(field);
                    if let Some(items) = field.as_array_mut().filter(|_| BY_NAME.contains(&name.as_str())) {
                        items.insert(0, json!({"name": "a name that nobody else has", "image": "proxy", "value": "x"}));
                    }
                    (name.clone(), field)
                })
                .collect();
            more.insert("added".to_owned(), "by somebody".into());
            more.into()
        }
        Value::Array(items) => items.iter().map(with_more).collect(),
        _ => value.clone(),
    }
}
