//! The same hash for the same content, in every release and on every machine.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// 16 hexadecimal digits that stand for the content of `value`, whatever the order of its maps.
///
/// They are stored on objects and compared by later releases, so the form of what is hashed must never change.
pub fn of(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    let digest = Sha256::digest(text.as_bytes());
    let start = digest.first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(start))
}

/// JSON without spaces, maps in the order of their keys. serde_json alone would keep another order as soon as some
/// crate turns on its `preserve_order`.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in entries {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stays_what_earlier_releases_stored() {
        assert_eq!(of(&json!({"b": [1, "x", null], "a": {"c": true}})), "a76f3162778abe3f");
    }

    #[test]
    fn tells_near_things_apart() {
        assert_ne!(of(&json!(["a", "b"])), of(&json!(["ab"])));
        assert_ne!(of(&json!({"a": 1})), of(&json!({"a": "1"})));
    }
}
