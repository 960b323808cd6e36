//! One spelling for what Kubernetes reads as the same.

use serde_json::{Map, Value};

use super::path::Path;
use crate::quantity::nanos;

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
