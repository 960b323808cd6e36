//! Whether a live object still has each field that we set, and where it does not.
//!
//! What the API server adds (defaults, allocated values) and what others put there (labels, sidecars, volumes) is none
//! of our business; only a field that we set and that differs counts. The difference is a path in words, which becomes
//! the log line, the metric and the condition.

mod lists;

use std::fmt;

use serde_json::{Map, Value};

use crate::hash;
use crate::quantity::nanos;
use lists::{Identity, Key, identity};

/// The first field that we set and the live object has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where, e.g. `spec.template.spec.containers[name=main].image`.
    pub path: String,
    /// What we set, shortened.
    pub wanted: String,
    /// What stands there, shortened; `nothing` where the field is absent.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} instead of {}", self.path, self.found, self.wanted)
    }
}

/// Whether `live` has every field that `wanted` sets, as Kubernetes reads them: `0.5` CPUs are `500m`, an empty value
/// is an absent one, and items of lists that have keys are found by their keys.
pub fn covers(wanted: &Value, live: &Value) -> Result<(), Difference> {
    value(wanted, Some(live), &mut Path::default())
}

/// Every field that `wanted` sets and `live` has otherwise, in the order of the paths; a list or map that is absent counts
/// as one.
pub fn differences(wanted: &Value, live: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    collect(wanted, Some(live), &mut Path::default(), &mut found);
    found
}

fn collect(wanted: &Value, live: Option<&Value>, path: &mut Path, found: &mut Vec<Difference>) {
    match (wanted, live) {
        (Value::Object(fields), Some(Value::Object(live))) => {
            for (field, wanted) in fields {
                path.inside(field.clone(), |path| collect(wanted, live.get(field), path, found));
            }
        }
        (Value::Array(items), Some(Value::Array(live))) => {
            let Identity::Keys(keys) = identity(path.field(), items) else {
                found.extend(value(wanted, Some(&Value::from(live.clone())), path).err());
                return;
            };
            for item in items {
                let other = find(item, live, keys);
                path.inside(keyed(item, keys), |path| collect(item, other, path, found));
            }
        }
        _ => found.extend(value(wanted, live, path).err()),
    }
}

/// The same value for what Kubernetes reads as the same, so that another spelling is no change: nulls, empty texts and
/// lists and what clients write for an empty struct are left out, as is a port's default protocol; quantities are amounts.
/// Zeros and `false` stay: where a default is another, they say something.
pub fn canonical(value: &Value) -> Value {
    plainer(value, &mut Path::default()).unwrap_or_default()
}

fn plainer(value: &Value, path: &mut Path) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(fields) => {
            let fields: Map<_, _> = fields
                .iter()
                .filter(|(field, value)| !(*field == "protocol" && *value == "TCP"))
                .filter_map(|(field, value)| {
                    Some((field.clone(), path.inside(field.clone(), |path| plainer(value, path))?))
                })
                .collect();
            let is_struct = matches!(path.field(), "resources" | "metadata" | "limits" | "requests");
            (!(is_struct && fields.is_empty())).then_some(Value::Object(fields))
        }
        Value::Array(items) => Some(items.iter().filter_map(|item| plainer(item, path)).collect()),
        scalar if path.holds_quantity() => {
            let text = scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned);
            Some(nanos(&text).map_or_else(|| scalar.clone(), |amount| amount.to_string().into()))
        }
        scalar => Some(scalar.clone()),
    }
}

/// The way to the field at hand: names of fields, and items in brackets.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    /// The name of the innermost field, without items.
    fn field(&self) -> &str {
        self.0.iter().rev().find(|part| !part.starts_with('[')).map_or("", String::as_str)
    }

    /// Whether what stands here is a quantity: the API server writes those in its own form.
    fn holds_quantity(&self) -> bool {
        let mut fields = self.0.iter().rev().filter(|part| !part.starts_with('['));
        let (last, parent) = (fields.next().map(String::as_str), fields.next().map(String::as_str));
        matches!(last, Some("sizeLimit" | "divisor" | "storage"))
            || matches!(parent, Some("limits" | "requests" | "overhead" | "hard" | "capacity" | "allocatable"))
    }

    fn inside<T>(&mut self, part: String, run: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(part);
        let result = run(self);
        self.0.pop();
        result
    }

    fn differs(&self, wanted: &Value, found: Option<&Value>) -> Difference {
        let mut path = String::new();
        for part in &self.0 {
            if !part.starts_with('[') && !path.is_empty() {
                path.push('.');
            }
            path.push_str(part);
        }
        // Variables hold tokens, and differences are logged and shown.
        let secret = self.0.iter().any(|part| part == "env");
        let show = |value: &Value| if secret { hidden(value) } else { short(value) };
        Difference { path, wanted: show(wanted), found: found.map_or_else(|| "nothing".to_owned(), show) }
    }
}

fn value(wanted: &Value, live: Option<&Value>, path: &mut Path) -> Result<(), Difference> {
    if is_empty(wanted) && live.is_none_or(is_empty) {
        return Ok(());
    }
    match (wanted, live) {
        (Value::Object(wanted), Some(Value::Object(live))) => object(wanted, live, path),
        (Value::Array(items), Some(Value::Array(live_items))) => list(wanted, items, live_items, path),
        (wanted, Some(live)) if wanted == live || path.holds_quantity() && same_amount(wanted, live) => Ok(()),
        _ => Err(path.differs(wanted, live)),
    }
}

fn object(wanted: &Map<String, Value>, live: &Map<String, Value>, path: &mut Path) -> Result<(), Difference> {
    wanted
        .iter()
        .try_for_each(|(field, wanted)| path.inside(field.clone(), |path| value(wanted, live.get(field), path)))
}

fn list(whole: &Value, wanted: &[Value], live: &[Value], path: &mut Path) -> Result<(), Difference> {
    match identity(path.field(), wanted) {
        Identity::Keys(keys) => wanted.iter().try_for_each(|item| {
            let found = find(item, live, keys);
            path.inside(keyed(item, keys), |path| value(item, found, path))
        }),
        Identity::Itself => wanted.iter().try_for_each(|item| {
            let found = live.iter().find(|other| *other == item);
            path.inside(format!("[{}]", plain(item)), |path| value(item, found, path))
        }),
        Identity::Position if wanted.len() != live.len() => Err(path.differs(whole, Some(&Value::from(live)))),
        Identity::Position => wanted
            .iter()
            .zip(live)
            .enumerate()
            .try_for_each(|(at, (item, live))| path.inside(format!("[{at}]"), |path| value(item, Some(live), path))),
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

/// A value as it stands between brackets or in a sentence.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Tells values apart without showing them.
fn hidden(value: &Value) -> String {
    format!("(hidden {})", hash::of(value).get(..4).unwrap_or_default())
}

fn short(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = plain(value);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests;
