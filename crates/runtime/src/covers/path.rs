//! Where a field stands, and how a difference is told: by a path and by values that give no secret away.

use std::fmt;

use serde_json::Value;

use crate::hash;

/// A field that we set and the live object has otherwise.
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

/// The way to the field at hand: names of fields, and items in brackets.
#[derive(Default)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// The name of the innermost field, without items.
    pub(super) fn field(&self) -> &str {
        self.0.iter().rev().find(|part| !part.starts_with('[')).map_or("", String::as_str)
    }

    /// The name of the field around it.
    pub(super) fn parent(&self) -> &str {
        self.0.iter().rev().filter(|part| !part.starts_with('[')).nth(1).map_or("", String::as_str)
    }

    /// Whether what stands here is a quantity: the API server writes those in its own form.
    pub(super) fn holds_quantity(&self) -> bool {
        matches!(self.field(), "sizeLimit" | "divisor" | "storage")
            || matches!(self.parent(), "limits" | "requests" | "overhead" | "hard" | "capacity" | "allocatable")
    }

    pub(super) fn inside<T>(&mut self, part: String, run: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(part);
        let result = run(self);
        self.0.pop();
        result
    }

    pub(super) fn differs(&self, wanted: &Value, found: Option<&Value>) -> Difference {
        let mut path = String::new();
        for part in &self.0 {
            if !part.starts_with('[') && !path.is_empty() {
                path.push('.');
            }
            path.push_str(part);
        }
        // Variables hold tokens, and differences are logged and shown; they stand inside of larger things too.
        let secret = self.0.iter().any(|part| part == "env");
        let show = |value: &Value| if secret || is_nested(value) { digest(value) } else { short(value) };
        Difference { path, wanted: show(wanted), found: found.map_or_else(|| "nothing".to_owned(), show) }
    }
}

/// A value as it stands between brackets or in a sentence.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_nested(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => items.iter().any(|item| item.is_object() || item.is_array()),
        _ => false,
    }
}

/// Tells values apart without showing them.
fn digest(value: &Value) -> String {
    let digits = hash::of(value);
    let digits = digits.get(..4).unwrap_or_default();
    match value {
        Value::Object(fields) => format!("{{{} fields, {digits}}}", fields.len()),
        Value::Array(items) => format!("[{} items, {digits}]", items.len()),
        _ => format!("(hidden {digits})"),
    }
}

/// The start of a long text, and digits that tell it from others that start so.
fn short(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = plain(value);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => {
            let digits = hash::of(value);
            format!("{}… {}", text.get(..end).unwrap_or_default(), digits.get(..4).unwrap_or_default())
        }
        None => text,
    }
}
