//! What earlier releases made: StatefulSets as each of them wrote them for the Notebooks of our stories. What this release makes
//! of the same Notebook ends no pod: its template is the same, or what differs is told and waits for the next start.
//!
//! A release writes down its own with `CARREL_RELEASE=0.1.0 cargo test --workspace --lib released`; what is there never
//! changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carrel_api::notebook::Notebook;
use k8s_openapi::api::apps::v1::StatefulSet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::Settings;
use crate::children::children;
use crate::resolve::resolve;
use crate::testing::story;

/// By the name of a story, what a release made.
type Made = BTreeMap<String, Pair>;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pair {
    notebook: Notebook,
    stateful_set: StatefulSet,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What this release makes of the Notebooks of our stories, of each template one.
fn made() -> Made {
    let (mut made, mut templates) = (Made::new(), Vec::new());
    for path in files("stories") {
        let observed = story(&std::fs::read_to_string(&path).unwrap());
        let resolved = resolve(&observed, &Settings::default());
        let (Plan::Apply(_), Ok(resolved)) = (plan(&observed, &resolved), resolved) else { continue };
        let stateful_set = children(&resolved).stateful_set;
        let template = serde_json::to_value(&stateful_set.spec.template).unwrap();
        if !templates.contains(&template) {
            templates.push(template);
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let mut notebook = (*observed.notebook).clone();
            notebook.status = None;
            made.insert(name, Pair { notebook, stateful_set });
        }
    }
    made
}

/// What is observed of a Notebook whose StatefulSet an earlier release made, and whose pod runs.
fn observed(pair: &Pair) -> Observed {
    let mut set = serde_json::to_value(&pair.stateful_set).unwrap();
    json_patch::merge(
        &mut set,
        &json!({"metadata": {"generation": 1}, "status": {"replicas": 1, "observedGeneration": 1}}),
    );
    let name = format!("{}-0", pair.stateful_set.name_any());
    let template = serde_json::to_value(&pair.stateful_set.spec.template.metadata).unwrap();
    let mut pod = json!({"metadata": template});
    json_patch::merge(&mut pod, &json!({"metadata": {"name": name, "namespace": "team-a", "uid": "p"}}));
    let told: Value = json!({"notebook": pair.notebook, "statefulSet": set, "pod": pod});
    story(&told.to_string())
}

#[test]
fn no_pod_of_an_earlier_release_is_ended_by_this_one() {
    if let Ok(release) = std::env::var("CARREL_RELEASE") {
        let text = serde_json::to_string_pretty(&made()).unwrap();
        std::fs::write(folder("released").join(format!("{release}.json")), text + "\n").unwrap();
    }
    for path in files("released") {
        let pairs: Made = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert!(pairs.len() > 5, "only {} in {}", pairs.len(), path.display());
        for (name, pair) in &pairs {
            let of = format!("{name} of {}", path.display());
            let observed = observed(pair);
            let resolved = resolve(&observed, &Settings::default());
            let plan = plan(&observed, &resolved);
            assert_eq!(lint(&observed, &plan), [], "{of}");
            let Plan::Apply(act) = plan else { panic!("{of}: {plan}") };
            assert!(act.restart.is_none(), "{of} would be restarted");
            let same = template_hash(&act.children.stateful_set) == template_hash(&pair.stateful_set);
            assert!(same || !act.waiting.is_empty(), "{of} has another template, and nobody is told");
        }
    }
}

/// As if this release had another default: so the test above can fail, and what it allows is right.
#[test]
fn a_changed_default_waits_for_the_next_start() {
    let other = Settings { add_fs_group: false, ..Settings::default() };
    let mut waited = 0;
    for (name, pair) in made() {
        let observed = observed(&pair);
        let Plan::Apply(act) = plan(&observed, &resolve(&observed, &other)) else { panic!("{name}") };
        assert!(act.restart.is_none(), "{name}");
        waited += usize::from(!act.waiting.is_empty());
    }
    assert!(waited > 5, "only {waited} wait");
}
