//! The architecture's absences: what may not know what.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate of the workspace, and every crate that it depends on for what users run (not for its tests).
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    // Crates for other systems were never downloaded here.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", &platform])
        .current_dir(xtask::home::repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let normal =
            |dependency: &&Value| dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
        let targets =
            node["deps"].as_array().unwrap().iter().filter(normal).map(|dep| names[dep["pkg"].as_str().unwrap()]);
        edges.entry(names[node["id"].as_str().unwrap()]).or_default().extend(targets);
    }
    let reach = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(name) = open.pop() {
            for next in edges.get(name.as_str()).into_iter().flatten() {
                if seen.insert((*next).to_owned()) {
                    open.push((*next).to_owned());
                }
            }
        }
        seen
    };
    let members = metadata["workspace_members"].as_array().unwrap();
    members.iter().map(|id| names[id.as_str().unwrap()]).map(|name| (name.to_owned(), reach(name))).collect()
}

#[test]
fn what_may_not_know_what_does_not() {
    let all = dependencies();
    let forbid = |from: &str, to: &[&str]| {
        let known = all.get(from).unwrap_or_else(|| panic!("no crate {from}"));
        for name in to {
            assert!(!known.contains(*name), "{from} must not know {name} (ARCHITECTURE.md)");
        }
    };
    let controllers = ["carrel-companion", "carrel-notebook", "carrel-policy", "carrel-volume"];
    forbid("carrel-server", &["clap", "carrel"]);
    for one in controllers {
        forbid("carrel-server", &[one]);
        forbid("carrel-activity", &[one]);
    }
    forbid("carrel-api", &["tokio", "kube-client", "kube-runtime", "hyper", "carrel-runtime"]);
    forbid("carrel-activity", &["carrel-server", "clap", "carrel"]);
    forbid("carrel-runtime", &["carrel-api", "clap", "tracing-subscriber"]);
    forbid("carrel-faults", &["carrel-api", "carrel-server", "carrel-companion", "clap"]);
    for one in controllers {
        forbid("carrel-faults", &[one]);
        forbid("carrel-api", &[one]);
        forbid("carrel-runtime", &[one]);
        forbid(one, &["clap", "carrel"]);
        for other in controllers.iter().filter(|other| **other != one) {
            forbid(one, &[other]);
        }
    }
    for (name, known) in &all {
        let outside = !["xtask", "carrel-tests"].contains(&name.as_str());
        if outside {
            forbid(name, &["xtask", "carrel-tests", "carrel-faults", "anyhow"]);
        }
        for never in ["openssl", "native-tls", "aws-lc-rs", "chrono", "serde_yaml"] {
            assert!(!known.contains(never), "{name} must not know {never} (deny.toml)");
        }
    }
}

/// The rooms of a controller that may wait and talk, and its tests; every other one is pure, also those that come.
const NOT_PURE: &[&str] = &[
    "lib.rs",
    "start.rs",
    "feeds.rs",
    "files.rs",
    "hear.rs",
    "journal.rs",
    "judge.rs",
    "feed.rs",
    "snapshot_feed.rs",
    "leftovers.rs",
    "servers.rs",
    "write.rs",
    "prober",
    "monitor.rs",
    "act.rs",
    "counts.rs",
    "caller.rs",
    "usage",
    "rulebook.rs",
    "properties",
    "reconcile.rs",
    "reconcile",
    "testing.rs",
    "tests",
    "tests.rs",
    "rivals.rs",
    "released.rs",
];

/// Pure rooms name nothing that waits or talks.
#[test]
fn pure_rooms_do_no_io() {
    let mut open: Vec<_> = ["activity", "notebook", "policy", "server", "volume"]
        .map(|name| xtask::home::repository().join("crates").join(name).join("src"))
        .into();
    let mut rooms = 0;
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if NOT_PURE.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            rooms += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["async ", ".await", "Client", "Api<", "Api::", "std::fs", "std::env", "::now()"] {
                assert!(!text.contains(word), "{} names {word:?}", path.display());
            }
        }
    }
    assert!(rooms >= 20, "only {rooms} rooms were read");
}
