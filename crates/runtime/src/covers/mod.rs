//! Whether a live object still has each field that we set, and where it does not.
//!
//! What the API server adds (defaults, allocated values) and what others put there (labels, sidecars, volumes) is none
//! of our business; only a field that we set and that differs counts. The difference is a path in words, which becomes
//! the log line, the metric and the condition.

mod canonical;
mod empty;
mod lists;
mod path;

use serde_json::Value;

use crate::quantity::nanos;
pub use canonical::canonical;
use empty::is_empty;
pub use empty::stores_zero;
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
    let absent = |value: &Value| is_empty(value, path.field(), path.parent());
    if absent(wanted) && live.is_none_or(absent) {
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
                // An item that says nothing is one too.
                path.inside(keyed(item, keys), |path| match find(item, live, keys) {
                    Some(other) => compare(item, Some(other), path, found),
                    None => found.push(path.differs(item, None)),
                });
            }
        }
        Identity::Itself => {
            for item in wanted.iter().filter(|item| !live.contains(item)) {
                path.inside(format!("[{}]", plain(item)), |path| found.push(path.differs(item, None)));
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
