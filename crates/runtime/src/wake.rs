//! The queue of keys between feeds and a controller. A key carries no hint of what woke it: the same memory gives the
//! same plan.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::Stream;
use kube::runtime::reflector::{Lookup, ObjectRef};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::Key;
use crate::feed::Change;

/// The sending end. Sending never blocks and never fails; kube's scheduler merges repeats.
#[derive(Debug)]
pub struct Wake<K: Lookup<DynamicType = ()>> {
    sender: mpsc::UnboundedSender<ObjectRef<K>>,
    asked: Arc<Mutex<HashMap<ObjectRef<K>, Instant>>>,
}

impl<K: Lookup<DynamicType = ()>> Clone for Wake<K> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), asked: self.asked.clone() }
    }
}

impl<K: Lookup<DynamicType = ()>> Wake<K> {
    /// Asks for a reconcile of this key.
    pub fn send(&self, key: ObjectRef<K>) {
        self.asked.lock().entry(key.clone()).or_insert_with(Instant::now);
        // Fails only when the controller is gone, and then nobody is left to care.
        let _ = self.sender.send(key);
    }

    /// Asks for a reconcile of the object of this name, if there is one to ask for.
    pub fn send_key(&self, key: Option<Key>) {
        if let Some(key) = key {
            self.send(ObjectRef::new(&key.name).within(&key.namespace));
        }
    }

    /// How many keys wait for a reconcile.
    pub fn len(&self) -> usize {
        self.asked.lock().len()
    }

    /// Whether no key waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A reconcile of this key starts (or never will): how long the key waited since it was first asked for, if it was.
    pub fn taken(&self, key: &ObjectRef<K>) -> Option<Duration> {
        self.asked.lock().remove(key).map(|since| since.elapsed())
    }
}

/// A listener of a feed that wakes the key of each state of a changed object.
pub fn wakes<K, O>(wake: Wake<O>, key: impl Fn(&K) -> Option<ObjectRef<O>>) -> impl Fn(&Change<'_, K>)
where
    O: Lookup<DynamicType = ()>,
{
    move |change| change.states().filter_map(&key).for_each(|key| wake.send(key))
}

/// A new queue: the end that feeds send to, and the stream for `Controller::reconcile_on`.
pub fn queue<K>() -> (Wake<K>, impl Stream<Item = ObjectRef<K>> + Send + 'static)
where
    K: Lookup<DynamicType = ()> + Send + Sync + 'static,
{
    let (sender, receiver) = mpsc::unbounded_channel();
    let stream = futures::stream::unfold(receiver, |mut receiver| async move {
        let key = receiver.recv().await?;
        Some((key, receiver))
    });
    (Wake { sender, asked: Arc::default() }, stream)
}
