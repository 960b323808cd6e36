//! What tells the items of a list apart, as the API server's schemas (`x-kubernetes-list-type`) have it.

use serde_json::Value;

/// How an item of a list is found again.
pub(super) enum Identity {
    /// By these fields of it (list type `map`).
    Keys(&'static [Key]),
    /// It is its own key (list type `set`).
    Itself,
    /// By its position; the list is one value (list type `atomic`).
    Position,
}

/// A field that is part of an item's key.
pub(super) struct Key {
    /// Its name.
    pub(super) field: &'static str,
    /// What the API server takes it for where it is absent.
    default: Option<&'static str>,
}

impl Key {
    const fn new(field: &'static str) -> Self {
        Self { field, default: None }
    }

    /// The key of an item; null where it has none, or an empty one.
    pub(super) fn of(&self, item: &Value) -> Value {
        match (item.get(self.field).filter(|value| *value != ""), self.default) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => default.into(),
            (None, None) => Value::Null,
        }
    }
}

const NAME: &[Key] = &[Key::new("name")];
const TCP: Key = Key { field: "protocol", default: Some("TCP") };
const CONTAINER_PORTS: &[Key] = &[Key::new("containerPort"), TCP];
const SERVICE_PORTS: &[Key] = &[Key::new("port"), TCP];
const MOUNT_PATH: &[Key] = &[Key::new("mountPath")];
const DEVICE_PATH: &[Key] = &[Key::new("devicePath")];
const UID: &[Key] = &[Key::new("uid")];
const IP: &[Key] = &[Key::new("ip")];
const SPREAD: &[Key] = &[Key::new("topologyKey"), Key::new("whenUnsatisfiable")];

/// By the name of the list's field, which tells the lists of pods, StatefulSets and Services apart; ports are those of
/// containers or of a Service, which their items tell.
pub(super) fn identity(field: &str, items: &[Value]) -> Identity {
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "resourceClaims"
        | "schedulingGates"
        | "evictionResponders"
        | "claims" => Identity::Keys(NAME),
        "ports" if items.iter().any(|item| item.get("containerPort").is_some()) => Identity::Keys(CONTAINER_PORTS),
        "ports" => Identity::Keys(SERVICE_PORTS),
        "volumeMounts" => Identity::Keys(MOUNT_PATH),
        "volumeDevices" => Identity::Keys(DEVICE_PATH),
        "ownerReferences" => Identity::Keys(UID),
        "hostAliases" => Identity::Keys(IP),
        "topologySpreadConstraints" => Identity::Keys(SPREAD),
        "finalizers" | "bindMountOptions" => Identity::Itself,
        // Of exit codes; those of selectors are texts, and one value.
        "values" if items.iter().all(Value::is_number) => Identity::Itself,
        _ => Identity::Position,
    }
}
