//! The pods of servers before and after: which are the same, and which are not. Pure.

use std::collections::BTreeMap;

use carrel_api::notebook::Notebook;
use carrel_api::vocabulary::{ODH_RESTART, RESTART_REQUESTED, STOPPED};
use carrel_companion::Companion;
use carrel_runtime::Key;
use carrel_runtime::child::Owner;
use kube::ResourceExt;

use super::child::live;
use super::read::{ByKey, Found, FoundPod};
use super::{companions, notebooks};

/// The pods of servers, and what is asked of those of Notebooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pods {
    /// By Notebook.
    asked: BTreeMap<Key, Asked>,
    /// Those of Notebooks, which a takeover leaves as they are.
    pub(super) notebooks: BTreeMap<Key, Noted>,
    /// The uids of those of Tensorboards and PVCViewers, which are replaced once.
    pub(super) companions: BTreeMap<Key, String>,
}

/// What a Notebook's owner or a policy asks of its pod. Where that changes, the pod may too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    uid: Option<String>,
    generation: Option<i64>,
    ends: bool,
    annotations: [Option<String>; 3],
}

impl Asked {
    fn of(notebook: &Notebook) -> Self {
        let metadata = &notebook.metadata;
        Self {
            uid: metadata.uid.clone(),
            generation: metadata.generation,
            ends: metadata.deletion_timestamp.is_some(),
            annotations: [STOPPED, RESTART_REQUESTED, ODH_RESTART]
                .map(|name| notebook.annotations().get(name).cloned()),
        }
    }
}

/// What tells a pod from another, and from itself before a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    /// Its Notebook.
    of: Key,
    uid: String,
    restarts: i32,
    pub(super) ends: bool,
}

impl Noted {
    fn of(notebook: &Key, found: &FoundPod) -> Self {
        let metadata = &found.pod.metadata;
        Self {
            of: notebook.clone(),
            uid: metadata.uid.clone().unwrap_or_default(),
            restarts: found.restarts,
            ends: metadata.deletion_timestamp.is_some(),
        }
    }
}

/// The pods that servers have.
pub(super) fn note(found: &Found) -> Pods {
    let of = |(key, notebook)| {
        notebooks::running(key, notebook, found).map(|(pod, found)| (pod, Noted::of(key, found))).collect::<Vec<_>>()
    };
    let notebooks = found.notebooks.iter().map(|(key, notebook)| (key, notebook.as_ref())).flat_map(of).collect();
    let asked = found.notebooks.iter().map(|(key, notebook)| (key.clone(), Asked::of(notebook))).collect();
    let mut companions = BTreeMap::new();
    of_companions(&found.tensorboards, found, &mut companions);
    of_companions(&found.viewers, found, &mut companions);
    Pods { asked, notebooks, companions }
}

fn of_companions<K: Companion>(all: &ByKey<K>, found: &Found, into: &mut BTreeMap<Key, String>) {
    for (key, object) in all {
        let child = Key::new(&key.namespace, K::child_name(&key.name));
        let deployment = live(&found.deployments, &child, Owner::of(object.as_ref()));
        let pods = deployment.ours().into_iter().flat_map(|deployment| companions::pods(deployment, found));
        into.extend(pods.map(|(key, found)| (key.clone(), found.pod.metadata.uid.clone().unwrap_or_default())));
    }
}

/// What happened to pods of Notebooks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// A sentence for each that is not as it was.
    pub(super) of_the_takeover: Vec<String>,
    /// Pods whose Notebook was stopped, edited, restarted or deleted meanwhile.
    pub(super) of_their_owners: Vec<String>,
}

/// What happened to pods that were there before.
pub(super) fn changes(before: &Pods, after: &Pods) -> Changes {
    let mut changes = Changes::default();
    for (key, was) in &before.notebooks {
        let what = match after.notebooks.get(key) {
            None => "is gone",
            Some(is) if is.uid != was.uid => "is another one",
            Some(is) if is.restarts > was.restarts => "restarted a container",
            Some(is) if is.ends => "is being ended",
            Some(_) => continue,
        };
        if before.asked.get(&was.of) == after.asked.get(&was.of) {
            changes.of_the_takeover.push(format!("the pod {key} {what}"));
        } else {
            changes.of_their_owners.push(key.to_string());
        }
    }
    changes
}

/// How many pods of companions were replaced.
pub(super) fn replaced(before: &Pods, after: &Pods) -> usize {
    before.companions.iter().filter(|(key, uid)| after.companions.get(key) != Some(uid)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pods(uid: &str, restarts: i32, ends: bool) -> Pods {
        let noted = Noted { of: Key::new("a", "iris"), uid: uid.to_owned(), restarts, ends };
        let companions = [(Key::new("a", "board-x"), format!("{uid}-board"))].into();
        Pods { notebooks: [(Key::new("a", "iris-0"), noted)].into(), companions, asked: asked(&json!({})) }
    }

    fn asked(annotations: &Value) -> BTreeMap<Key, Asked> {
        let notebook = json!({"metadata": {"uid": "u", "annotations": annotations}, "spec": {}});
        [(Key::new("a", "iris"), Asked::of(&serde_json::from_value(notebook).unwrap()))].into()
    }

    #[test]
    fn a_pod_that_is_not_as_it_was_is_named() {
        let before = pods("1", 2, false);
        for (after, expected) in [
            (pods("1", 2, false), None),
            (pods("1", 3, false), Some("the pod a/iris-0 restarted a container")),
            (pods("1", 2, true), Some("the pod a/iris-0 is being ended")),
            (pods("2", 0, false), Some("the pod a/iris-0 is another one")),
            (Pods { notebooks: BTreeMap::new(), ..pods("1", 2, false) }, Some("the pod a/iris-0 is gone")),
        ] {
            let told = changes(&before, &after);
            assert_eq!(told.of_the_takeover.first().map(String::as_str), expected);
            assert_eq!(told.of_their_owners, Vec::<String>::new());
        }
        assert_eq!(replaced(&before, &before), 0);
        assert_eq!(replaced(&before, &pods("2", 0, false)), 1);
    }

    #[test]
    fn what_owners_did_meanwhile_is_no_fault_of_the_takeover() {
        let before = pods("1", 2, false);
        let gone = |asked| Pods { notebooks: BTreeMap::new(), asked, ..pods("1", 2, false) };
        for asked in [
            BTreeMap::new(),
            asked(&json!({"kubeflow-resource-stopped": "2026-01-02T10:00:00Z"})),
            asked(&json!({"notebooks.opendatahub.io/notebook-restart": "true"})),
        ] {
            let expected = Changes { of_their_owners: vec!["a/iris-0".to_owned()], ..Changes::default() };
            assert_eq!(changes(&before, &gone(asked)), expected);
        }
    }
}
