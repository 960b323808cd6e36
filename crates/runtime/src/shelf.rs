//! Objects in memory as their JSON text, opened when they are read.
//!
//! A Kubernetes object as a Rust value is mostly empty room: each optional field and each small map has its place. A
//! StatefulSet of 2 kB of text takes 12 kB so, and a controller that is at rest never looks at any of them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::store::{Writer, WriterDropped};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use tracing::error;

/// What can be on a shelf.
pub trait Shelved: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Shelved for K {}

/// An object as its text, with what it is found and told apart by.
pub struct Packed<K> {
    /// Name, namespace, uid and resourceVersion, and nothing else.
    metadata: ObjectMeta,
    text: Arc<[u8]>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for Packed<K> {
    fn clone(&self) -> Self {
        Self { metadata: self.metadata.clone(), text: self.text.clone(), kind: PhantomData }
    }
}

impl<K: Resource<DynamicType = ()>> fmt::Debug for Packed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", K::kind(&()), self.name_any())
    }
}

impl<K: Shelved> Packed<K> {
    fn pack(object: &K) -> Result<Self, serde_json::Error> {
        let metadata = ObjectMeta {
            name: object.meta().name.clone(),
            namespace: object.meta().namespace.clone(),
            uid: object.meta().uid.clone(),
            resource_version: object.meta().resource_version.clone(),
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, text: serde_json::to_vec(object)?.into(), kind: PhantomData })
    }

    /// The object. There is none only if it can't be read from the text that it was written to: a defect.
    pub fn open(&self) -> Option<Arc<K>> {
        match serde_json::from_slice(&self.text) {
            Ok(object) => Some(Arc::new(object)),
            Err(error) => {
                error!("this is a defect of Carrel, and {self:?} is not seen: {error}");
                None
            }
        }
    }
}

impl<K: Resource<DynamicType = ()>> Resource for Packed<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<'de, K: Shelved> Deserialize<'de> for Packed<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::pack(&K::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The objects of a kind, as last seen. Its methods are those of kube's `Store`.
pub struct Shelf<K: Shelved> {
    store: Store<Packed<K>>,
}

impl<K: Shelved> Clone for Shelf<K> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone() }
    }
}

impl<K: Shelved> fmt::Debug for Shelf<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of kind {}", self.store.len(), K::kind(&()))
    }
}

impl<K: Shelved> Shelf<K> {
    /// The object of this key.
    pub fn get(&self, key: &ObjectRef<K>) -> Option<Arc<K>> {
        self.store.get(&packed(key))?.open()
    }

    /// All objects, opened: dear where there are many.
    pub fn state(&self) -> Vec<Arc<K>> {
        self.store.state().iter().filter_map(|packed| packed.open()).collect()
    }

    /// The objects of a namespace, opened.
    pub fn of(&self, namespace: &str) -> Vec<Arc<K>> {
        let all = self.store.state();
        let here = all.iter().filter(|packed| packed.metadata.namespace.as_deref() == Some(namespace));
        here.filter_map(|packed| packed.open()).collect()
    }

    /// How many objects a namespace has.
    pub fn count_of(&self, namespace: &str) -> usize {
        let all = self.store.state();
        all.iter().filter(|packed| packed.metadata.namespace.as_deref() == Some(namespace)).count()
    }

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<ObjectRef<K>> {
        self.store.state().iter().map(|packed| key(packed.as_ref())).collect()
    }

    /// All objects as they are kept.
    pub(crate) fn packed(&self) -> Vec<Arc<Packed<K>>> {
        self.store.state()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    /// Waits until it was filled once.
    pub async fn wait_until_ready(&self) -> Result<(), WriterDropped> {
        self.store.wait_until_ready().await
    }

    /// What kube's `Controller` takes.
    pub fn store(&self) -> Store<Packed<K>> {
        self.store.clone()
    }
}

/// The key of an object by which kube's `Controller` knows what is on a shelf.
pub fn packed<K: Resource<DynamicType = ()>>(key: &ObjectRef<K>) -> ObjectRef<Packed<K>> {
    let packed = ObjectRef::new(&key.name);
    match &key.namespace {
        Some(namespace) => packed.within(namespace),
        None => packed,
    }
}

/// The key of an object on a shelf.
pub fn key<K: Resource<DynamicType = ()>>(packed: &Packed<K>) -> ObjectRef<K> {
    let key = ObjectRef::new(packed.metadata.name.as_deref().unwrap_or_default());
    match &packed.metadata.namespace {
        Some(namespace) => key.within(namespace),
        None => key,
    }
}

/// Fills a shelf.
pub struct ShelfWriter<K: Shelved> {
    writer: Writer<Packed<K>>,
}

impl<K: Shelved> Default for ShelfWriter<K> {
    fn default() -> Self {
        Self { writer: Writer::default() }
    }
}

impl<K: Shelved> ShelfWriter<K> {
    /// The shelf.
    pub fn as_reader(&self) -> Shelf<K> {
        Shelf { store: self.writer.as_reader() }
    }

    /// Takes what a watch brings.
    pub fn apply_watcher_event(&mut self, event: &Event<K>) {
        let pack = |object: &K| match Packed::pack(object) {
            Ok(packed) => Some(packed),
            Err(error) => {
                error!("this is a defect of Carrel, and {} is not seen: {error}", object.name_any());
                None
            }
        };
        let event = match event {
            Event::Apply(object) => pack(object).map(Event::Apply),
            Event::InitApply(object) => pack(object).map(Event::InitApply),
            Event::Delete(object) => pack(object).map(Event::Delete),
            Event::Init => Some(Event::Init),
            Event::InitDone => Some(Event::InitDone),
        };
        if let Some(event) = event {
            self.writer.apply_watcher_event(&event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Service;
    use serde_json::json;

    fn service(namespace: &str, name: &str) -> Service {
        let metadata =
            json!({"namespace": namespace, "name": name, "uid": "u", "resourceVersion": "7", "labels": {"a": "b"}});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"ports": [{"port": 80}]}})).unwrap()
    }

    #[test]
    fn what_is_opened_is_what_was_put_there() {
        let mut writer = ShelfWriter::<Service>::default();
        let shelf = writer.as_reader();
        for (namespace, name) in [("a", "x"), ("b", "x"), ("b", "y")] {
            writer.apply_watcher_event(&Event::Apply(service(namespace, name)));
        }
        assert_eq!(shelf.get(&ObjectRef::new("x").within("a")).as_deref(), Some(&service("a", "x")));
        assert_eq!(shelf.of("b").len(), 2);
        assert_eq!(shelf.count_of("b"), 2);
        assert_eq!(shelf.len(), 3);
        writer.apply_watcher_event(&Event::Delete(service("b", "x")));
        assert_eq!(shelf.get(&ObjectRef::new("x").within("b")), None);
        assert_eq!(shelf.keys().len(), 2);
    }
}
