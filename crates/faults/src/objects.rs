//! What an API server stores, and all that happened to it.

use std::collections::BTreeMap;

use carrel_runtime::ledger::APPLIED;
use serde_json::{Value, json};

/// The one namespace of every story.
pub const NAMESPACE: &str = "team-a";

/// What watches tell of.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Applied(Value),
    Deleted(Value),
}

impl Event {
    pub(crate) fn object(&self) -> &Value {
        let (Self::Applied(object) | Self::Deleted(object)) = self;
        object
    }
}

/// The objects of a cluster, by kind (its plural) and name.
#[derive(Default)]
pub struct Objects {
    all: BTreeMap<(String, String), Value>,
    /// What was last applied of each.
    applied: BTreeMap<(String, String), Value>,
    /// All that happened, by the kind that it happened to.
    pub(crate) log: Vec<(String, Event)>,
    version: u64,
    made: BTreeMap<String, usize>,
    gone: BTreeMap<String, usize>,
}

fn key(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

impl Objects {
    /// An object.
    pub fn get(&self, kind: &str, name: &str) -> Option<&Value> {
        self.all.get(&key(kind, name))
    }

    /// All objects of a kind, in the order of their names.
    pub fn of(&self, kind: &str) -> Vec<Value> {
        self.all.iter().filter(|((of, _), _)| of == kind).map(|(_, object)| object.clone()).collect()
    }

    /// How many objects of a kind there were until now.
    pub fn made(&self, kind: &str) -> usize {
        self.made.get(kind).copied().unwrap_or_default()
    }

    /// How many objects of a kind are no more.
    pub fn gone(&self, kind: &str) -> usize {
        self.gone.get(kind).copied().unwrap_or_default()
    }

    /// Somebody changes an object, if it is there.
    pub fn change(&mut self, kind: &str, name: &str, patch: &Value) {
        let Some(mut object) = self.get(kind, name).cloned() else { return };
        json_patch::merge(&mut object, patch);
        self.put(kind, object);
    }

    /// Deletes an object, as the API server does: one with finalizers stays until they are taken off.
    pub fn delete(&mut self, kind: &str, name: &str) -> Option<Value> {
        let mut object = self.get(kind, name)?.clone();
        if is_held(&object) {
            if object["metadata"]["deletionTimestamp"].is_null() {
                object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            }
            return Some(self.put(kind, object));
        }
        self.remove(kind, name)
    }

    /// An object is gone, whatever holds it.
    pub fn remove(&mut self, kind: &str, name: &str) -> Option<Value> {
        let mut object = self.all.remove(&key(kind, name))?;
        self.applied.remove(&key(kind, name));
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        *self.gone.entry(kind.to_owned()).or_default() += 1;
        self.log.push((kind.to_owned(), Event::Deleted(object.clone())));
        Some(object)
    }

    /// Somebody deletes an object and makes it again at once, as `kubectl replace --force` does.
    pub fn replace(&mut self, kind: &str, name: &str) {
        let mut object = self.remove(kind, name).unwrap();
        object["metadata"]["uid"] = format!("{kind}-again").into();
        self.put(kind, object);
    }

    /// Stores an object, if it differs from what stands there.
    pub fn put(&mut self, kind: &str, mut object: Value) -> Value {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let before = self.get(kind, &name).cloned();
        let old = before.clone().unwrap_or_default();
        if object["metadata"]["uid"].is_null() {
            let uid = old["metadata"]["uid"].as_str().map_or_else(|| format!("{kind}-{}", self.version), str::to_owned);
            object["metadata"]["uid"] = uid.into();
        }
        for kept in ["resourceVersion", "generation"] {
            object["metadata"][kept] = old["metadata"][kept].clone();
        }
        if object == old {
            return object;
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if object["spec"] != old["spec"] {
            object["metadata"]["generation"] = self.version.into();
        }
        if before.is_none() {
            *self.made.entry(kind.to_owned()).or_default() += 1;
        }
        self.all.insert(key(kind, &name), object.clone());
        if !object["metadata"]["deletionTimestamp"].is_null() && !is_held(&object) {
            return self.remove(kind, &name).unwrap();
        }
        self.log.push((kind.to_owned(), Event::Applied(object.clone())));
        object
    }

    /// What an object is after a server-side apply of ours: what was applied before and is no longer wanted goes, and what
    /// others set beside it stays. Lists are taken whole.
    pub(crate) fn merged(&self, kind: &str, wanted: &Value) -> Value {
        let name = wanted["metadata"]["name"].as_str().unwrap();
        let mut object = self.get(kind, name).cloned().unwrap_or_else(|| json!({}));
        if let Some(last) = self.applied.get(&key(kind, name)) {
            prune(&mut object, last, wanted);
        }
        json_patch::merge(&mut object, wanted);
        object
    }

    /// Stores what [`Self::merged`] told of an apply.
    pub(crate) fn apply(&mut self, kind: &str, wanted: &Value, merged: Value) -> Value {
        let name = wanted["metadata"]["name"].as_str().unwrap();
        self.applied.insert(key(kind, name), wanted.clone());
        self.put(kind, merged)
    }

    /// What is there, by kind, without versions, uids, times, generated names, and what a scene leaves out.
    pub(crate) fn picture(&self, left_out: &[&str], forget: fn(&mut String)) -> Value {
        let mut picture: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for ((kind, _), object) in &self.all {
            let mut object = object.clone();
            if object["metadata"].get("generateName").is_some() {
                object["metadata"]["name"] = Value::Null;
            }
            leave_out(&mut object, left_out, forget);
            picture.entry(kind).or_default().push(object);
        }
        // In no order of names, as they may be generated.
        for objects in picture.values_mut() {
            objects.sort_by_key(ToString::to_string);
        }
        json!(picture)
    }
}

fn is_held(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
}

fn prune(object: &mut Value, last: &Value, wanted: &Value) {
    let (Some(object), Some(last)) = (object.as_object_mut(), last.as_object()) else { return };
    for (field, last) in last {
        match (wanted.get(field), object.get_mut(field)) {
            (None, Some(_)) => drop(object.remove(field)),
            (Some(wanted), Some(object)) => prune(object, last, wanted),
            (_, None) => {}
        }
    }
}

fn leave_out(value: &mut Value, left_out: &[&str], forget: fn(&mut String)) {
    const ALWAYS: &[&str] = &[
        "resourceVersion",
        "uid",
        "generation",
        "observedGeneration",
        "creationTimestamp",
        "lastTransitionTime",
        APPLIED,
    ];
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !ALWAYS.contains(&key.as_str()) && !left_out.contains(&key.as_str()));
            map.values_mut().for_each(|value| leave_out(value, left_out, forget));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| leave_out(value, left_out, forget)),
        Value::String(text) => forget(text),
        _ => {}
    }
}
