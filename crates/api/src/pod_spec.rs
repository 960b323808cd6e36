//! The schema of a PodSpec, for kinds whose owners write one.

use serde_json::{Value, json};

/// PodSpec as the API server of the pinned Kubernetes publishes it (list types, keys and defaults included);
/// `cargo xtask generate` makes the file.
const POD_SPEC: &str = include_str!("generated/pod_spec.schema.json");

/// The schema as it is published.
pub(crate) fn published() -> Value {
    serde_json::from_str(POD_SPEC).unwrap_or_default()
}

/// The schema with what the pod of a server needs or can't have (Kubernetes refuses the latter in a StatefulSet or
/// Deployment). `whose` is a word for the pod's owner in messages.
pub(crate) fn of_server(whose: &str) -> Value {
    let mut spec = published();
    let container = "/properties/containers/items";
    set(&mut spec, "/properties/containers", "minItems", json!(1));
    set(&mut spec, container, "required", json!(["image", "name"]));
    set(&mut spec, &format!("{container}/properties/image"), "minLength", json!(1));
    set(&mut spec, &format!("{container}/properties/name"), "minLength", json!(1));
    let rules = json!([
        {"rule": "!has(self.restartPolicy) || self.restartPolicy == 'Always'", "fieldPath": ".restartPolicy",
            "message": format!("a {whose}'s pod always restarts: leave restartPolicy out or set it to Always")},
        {"rule": "!has(self.activeDeadlineSeconds)", "fieldPath": ".activeDeadlineSeconds",
            "message": format!("a {whose}'s pod has no deadline: leave activeDeadlineSeconds out")},
        {"rule": "!has(self.ephemeralContainers) || size(self.ephemeralContainers) == 0",
            "fieldPath": ".ephemeralContainers",
            "message": "ephemeral containers belong to a running pod (kubectl debug): leave them out of the template"},
    ]);
    set(&mut spec, "", "x-kubernetes-validations", rules);
    spec
}

/// Sets a keyword of a part of a schema.
pub(crate) fn set(schema: &mut Value, path: &str, keyword: &str, value: Value) {
    if let Some(schema) = schema.pointer_mut(path).and_then(Value::as_object_mut) {
        schema.insert(keyword.to_owned(), value);
    }
}
