//! The pods of servers before and after: which are the same, and which are not. Pure.

use std::collections::BTreeMap;

use carrel_companion::Companion;
use carrel_runtime::Key;
use carrel_runtime::child::Owner;

use super::child::live;
use super::read::{ByKey, Found, FoundPod};
use super::{companions, notebooks};

/// The pods of servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pods {
    /// Those of Notebooks, which a takeover leaves as they are.
    pub(super) notebooks: BTreeMap<Key, Noted>,
    /// The uids of those of Tensorboards and PVCViewers, which are replaced once.
    pub(super) companions: BTreeMap<Key, String>,
}

/// What tells a pod from another, and from itself before a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    uid: String,
    restarts: i32,
    ends: bool,
}

impl Noted {
    fn of(found: &FoundPod) -> Self {
        let metadata = &found.pod.metadata;
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            restarts: found.restarts,
            ends: metadata.deletion_timestamp.is_some(),
        }
    }
}

/// The pods that servers have.
pub(super) fn note(found: &Found) -> Pods {
    let running = found.notebooks.iter().filter_map(|(key, notebook)| notebooks::running(key, notebook, found));
    let mut companions = BTreeMap::new();
    of_companions(&found.tensorboards, found, &mut companions);
    of_companions(&found.viewers, found, &mut companions);
    Pods { notebooks: running.map(|(key, found)| (key, Noted::of(found))).collect(), companions }
}

fn of_companions<K: Companion>(all: &ByKey<K>, found: &Found, into: &mut BTreeMap<Key, String>) {
    for (key, object) in all {
        let child = Key::new(&key.namespace, K::child_name(&key.name));
        let deployment = live(&found.deployments, &child, Owner::of(object.as_ref()));
        let pods = deployment.ours().into_iter().flat_map(|deployment| companions::pods(deployment, found));
        into.extend(pods.map(|(key, found)| (key.clone(), found.pod.metadata.uid.clone().unwrap_or_default())));
    }
}

/// What happened to pods of Notebooks, a sentence for each that is not as it was.
pub(super) fn changes(before: &Pods, after: &Pods) -> Vec<String> {
    let change = |(key, was): (&Key, &Noted)| {
        let what = match after.notebooks.get(key) {
            None => "is gone",
            Some(is) if is.uid != was.uid => "is another one",
            Some(is) if is.restarts > was.restarts => "restarted a container",
            Some(is) if is.ends && !was.ends => "is being ended",
            Some(_) => return None,
        };
        Some(format!("the pod {key} {what}"))
    };
    before.notebooks.iter().filter_map(change).collect()
}

/// How many pods of companions were replaced.
pub(super) fn replaced(before: &Pods, after: &Pods) -> usize {
    before.companions.iter().filter(|(key, uid)| after.companions.get(key) != Some(uid)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(uid: &str, restarts: i32, ends: bool) -> Pods {
        let noted = Noted { uid: uid.to_owned(), restarts, ends };
        let companions = [(Key::new("a", "board-x"), format!("{uid}-board"))].into();
        Pods { notebooks: [(Key::new("a", "iris-0"), noted)].into(), companions }
    }

    #[test]
    fn a_pod_that_is_not_as_it_was_is_named() {
        let before = pods("1", 2, false);
        for (after, expected) in [
            (pods("1", 2, false), None),
            (pods("1", 3, false), Some("the pod a/iris-0 restarted a container")),
            (pods("1", 2, true), Some("the pod a/iris-0 is being ended")),
            (pods("2", 0, false), Some("the pod a/iris-0 is another one")),
            (Pods::default(), Some("the pod a/iris-0 is gone")),
        ] {
            let told = changes(&before, &after);
            assert_eq!(told.first().map(String::as_str), expected);
        }
        assert_eq!(replaced(&before, &before), 0);
        assert_eq!(replaced(&before, &pods("2", 0, false)), 1);
    }
}
