//! What an object's status says, as far as it can be read: anybody may have written into it.

use carrel_api::activity::Life;
use carrel_api::server::Condition;
use kube::api::DynamicObject;
use serde_json::Value;

/// What a server's status says of its life; nothing where that can't be read.
pub(crate) fn life(object: &DynamicObject) -> Life {
    let status = object.data.get("status").cloned().unwrap_or_default();
    serde_json::from_value(status).unwrap_or_default()
}

/// The conditions of an object. One that is none is left out.
pub(crate) fn conditions(object: &DynamicObject) -> Vec<Condition> {
    let all = object.data.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|one| serde_json::from_value(one.clone()).ok()).collect()
}
