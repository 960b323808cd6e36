//! Who names which claim or snapshot: an index beside a store, so that nobody looks through all of it.

use std::collections::{BTreeSet, HashMap};

use kube::ResourceExt;
use parking_lot::Mutex;

use crate::Key;
use crate::feed::Change;

/// The names of the objects that name a claim of their namespace.
#[derive(Debug, Default)]
pub struct Index {
    names: Mutex<HashMap<Key, BTreeSet<String>>>,
}

impl Index {
    /// Takes in a change of an object that names these claims.
    pub fn tell<K: ResourceExt, C: AsRef<str>>(&self, change: &Change<'_, K>, claims: impl Fn(&K) -> Vec<C>) {
        let (new, last) = match change {
            Change::Applied { old, new } => (Some(*new), *old),
            Change::Deleted(last) => (None, Some(*last)),
        };
        let keys = |object: &K| {
            let namespace = object.namespace().unwrap_or_default();
            let keys = claims(object).into_iter().map(|claim| Key::new(&namespace, claim.as_ref()));
            keys.collect::<Vec<_>>()
        };
        let mut all = self.names.lock();
        if let Some(last) = last {
            for key in keys(last) {
                if let Some(names) = all.get_mut(&key) {
                    names.remove(&last.name_any());
                    if names.is_empty() {
                        all.remove(&key);
                    }
                }
            }
        }
        if let Some(new) = new {
            for key in keys(new) {
                all.entry(key).or_default().insert(new.name_any());
            }
        }
    }

    /// Whether anybody names a claim.
    pub fn has(&self, claim: &Key) -> bool {
        self.names.lock().contains_key(claim)
    }

    /// All that name any.
    pub fn all(&self) -> BTreeSet<Key> {
        let all = self.names.lock();
        all.iter().flat_map(|(of, names)| names.iter().map(|name| Key::new(&of.namespace, name))).collect()
    }

    /// The names of those that name a claim.
    pub fn of(&self, claim: &Key) -> Vec<String> {
        self.names.lock().get(claim).map(|names| names.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::MountingPod;

    #[test]
    fn a_pod_is_found_by_each_claim_while_it_is_there() {
        let mount = |claim: &str| serde_json::json!({"persistentVolumeClaim": {"claimName": claim}});
        let pod: MountingPod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "p", "namespace": "a"}, "spec": {"volumes": [mount("x"), mount("y")]},
        }))
        .unwrap();
        let claims = |pod: &MountingPod| pod.claims().map(str::to_owned).collect();
        let index = Index::default();
        index.tell(&Change::Applied { old: None, new: &pod }, claims);
        for claim in ["x", "y"] {
            assert_eq!(index.of(&Key::new("a", claim)), ["p"]);
        }
        assert!(index.of(&Key::new("b", "x")).is_empty());
        index.tell(&Change::Deleted(&pod), claims);
        assert!(index.of(&Key::new("a", "x")).is_empty());
    }
}
