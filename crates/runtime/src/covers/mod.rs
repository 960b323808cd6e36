//! Whether a live object still has each field that we set, and where it does not.
//!
//! What the API server adds (defaults, allocated values) and what others put there (labels, sidecars, volumes) is none
//! of our business; only a field that we set and that differs counts. The difference is a path in words, which becomes
//! the log line, the metric and the condition.

mod canonical;
mod lists;
mod path;

use serde_json::Value;

use crate::quantity::nanos;
pub use canonical::canonical;
use lists::{Identity, Key, identity};
pub use path::Difference;
use path::{Path, plain};

/// Every field that `wanted` sets and `live` has otherwise, as Kubernetes reads them: `0.5` CPUs are `500m`, an empty value
/// is an absent one, and items of lists that have keys are found by their keys. What is absent whole counts as one.
pub fn differences(wanted: &Value, live: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(wanted, Some(live), &mut Path::default(), &mut found);
    found
}

/// Whether `live` has every field that `wanted` sets; else the first that differs.
pub fn covers(wanted: &Value, live: &Value) -> Result<(), Difference> {
    differences(wanted, live).into_iter().next().map_or(Ok(()), Err)
}

fn compare(wanted: &Value, live: Option<&Value>, path: &mut Path, found: &mut Vec<Difference>) {
    if is_empty(wanted) && live.is_none_or(is_empty) {
        return;
    }
    match (wanted, live) {
        (Value::Object(fields), Some(Value::Object(live))) => {
            for (field, wanted) in fields {
                path.inside(field.clone(), |path| compare(wanted, live.get(field), path, found));
            }
        }
        (Value::Array(items), Some(Value::Array(live))) => list(items, live, path, found),
        (wanted, Some(live)) if wanted == live || path.holds_quantity() && same_amount(wanted, live) => {}
        _ => found.push(path.differs(wanted, live)),
    }
}

fn list(wanted: &[Value], live: &[Value], path: &mut Path, found: &mut Vec<Difference>) {
    match identity(path.field(), wanted) {
        Identity::Keys(keys) => {
            for item in wanted {
                let other = find(item, live, keys);
                path.inside(keyed(item, keys), |path| compare(item, other, path, found));
            }
        }
        Identity::Itself => {
            for item in wanted {
                let other = live.iter().find(|other| *other == item);
                path.inside(format!("[{}]", plain(item)), |path| compare(item, other, path, found));
            }
        }
        Identity::Position if wanted.len() != live.len() => {
            found.push(path.differs(&Value::from(wanted), Some(&Value::from(live))));
        }
        Identity::Position => {
            for (at, (item, other)) in wanted.iter().zip(live).enumerate() {
                path.inside(format!("[{at}]"), |path| compare(item, Some(other), path, found));
            }
        }
    }
}

fn find<'a>(item: &Value, live: &'a [Value], keys: &[Key]) -> Option<&'a Value> {
    live.iter().find(|other| keys.iter().all(|key| key.of(item) == key.of(other)))
}

/// An item of a list with keys, as it stands in a path.
fn keyed(item: &Value, keys: &[Key]) -> String {
    let name: Vec<_> = keys.iter().map(|key| format!("{}={}", key.field, plain(&key.of(item)))).collect();
    format!("[{}]", name.join(","))
}

/// Kubernetes' types drop empty values when they are written, so an empty one and an absent one are the same.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

fn same_amount(a: &Value, b: &Value) -> bool {
    let amount = |value: &Value| match value {
        Value::String(text) => nanos(text),
        Value::Number(number) => nanos(&number.to_string()),
        _ => None,
    };
    amount(a).is_some_and(|a| amount(b) == Some(a))
}

#[cfg(test)]
mod tests;
