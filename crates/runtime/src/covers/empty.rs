//! What is the same as nothing: the API server stores no empty text, list or map, and no zero of some fields.

use serde_json::Value;

/// Fields whose `false` or 0 is never stored: Go's types have them as plain values that are left out when they are zero. All
/// others are pointers, and their zero says something: `hostUsers: false` is another pod than one without.
const NO_ZERO: &[&str] = &[
    "chapAuthDiscovery",
    "chapAuthSession",
    "failureThreshold",
    "healthCheckNodePort",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPort",
    "initialDelaySeconds",
    "minReadySeconds",
    "nodePort",
    "number",
    "partition",
    "periodSeconds",
    "publishNotReadyAddresses",
    "readOnly",
    "sslEnabled",
    "stdin",
    "stdinOnce",
    "successThreshold",
    "timeoutSeconds",
    "tty",
];

/// Selectors that select nothing where they are absent, and all where they are empty.
const SELECTORS: &[&str] = &["labelSelector", "namespaceSelector"];

/// Whether the API server stores a `false` or 0 of this field of a pod, StatefulSet or Service.
pub fn stores_zero(field: &str) -> bool {
    !NO_ZERO.contains(&field)
}

/// Whether a value of this field, which stands in `parent`, is the same as none.
pub(super) fn is_empty(value: &Value, field: &str, parent: &str) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set && !stores_zero(field),
        Value::Number(number) => number.as_f64() == Some(0.0) && !stores_zero(field),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => {
            // A volume is of the kind that its field names, however little that says.
            let names_all = SELECTORS.contains(&field) || parent == "volumes";
            !names_all && fields.iter().all(|(name, value)| is_empty(value, name, field))
        }
    }
}
