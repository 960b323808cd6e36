//! What earlier releases' CRDs could hold: this release's hold it too, so that objects outlive an upgrade; and the version in which
//! they are stored was served before, so that they outlive the way back.
//!
//! A release writes down its own with `CARREL_RELEASE=0.1.0 cargo test --workspace --lib released`; what is there never changes. What a
//! pod is made of is left out: it is Kubernetes' and grows with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("released")
}

/// A line for each version of each kind, and for each field that it has.
fn lines(crds: &[Value]) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for crd in crds {
        let kind = crd["metadata"]["name"].as_str().unwrap();
        for version in crd["spec"]["versions"].as_array().unwrap() {
            let of = format!("{kind} {}", version["name"].as_str().unwrap());
            assert_eq!(version["served"], true, "{of}");
            lines.insert(of.clone());
            fields(&version["schema"]["openAPIV3Schema"], &format!("{of} "), &mut lines);
        }
    }
    lines
}

fn fields(schema: &Value, path: &str, lines: &mut BTreeSet<String>) {
    let known = schema["properties"].as_object();
    if known.is_some_and(|fields| fields.contains_key("containers") && fields.contains_key("restartPolicy")) {
        lines.insert(format!("{path}: PodSpec"));
        return;
    }
    let is_either = schema["x-kubernetes-int-or-string"] == true;
    let kind = if is_either { "integer or string" } else { schema["type"].as_str().unwrap_or("any") };
    lines.insert(format!("{path}: {kind}"));
    for (name, field) in known.into_iter().flatten() {
        fields(field, &format!("{path}.{name}"), lines);
    }
    for (part, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[part].is_object() {
            fields(&schema[part], &format!("{path}{mark}"), lines);
        }
    }
}

/// The kinds with the versions in which they are stored.
fn stored(crds: &[Value]) -> BTreeSet<String> {
    let of = |crd: &Value| {
        let versions = crd["spec"]["versions"].as_array().unwrap();
        let stored = versions.iter().find(|version| version["storage"] == true).unwrap();
        format!("{} {}", crd["metadata"]["name"].as_str().unwrap(), stored["name"].as_str().unwrap())
    };
    crds.iter().map(of).collect()
}

/// What would be lost of the objects of a release, on the way from it and back to it.
fn lost(release: &BTreeSet<String>, crds: &[Value]) -> Vec<String> {
    let now = lines(crds);
    let kinds: BTreeSet<_> = release.iter().filter_map(|line| line.split_once(' ').map(|(kind, _)| kind)).collect();
    // A kind that came later is not there to be read.
    let back = stored(crds).into_iter().filter(|one| kinds.contains(one.split(' ').next().unwrap()));
    let unread = back.filter(|one| !release.contains(one)).map(|one| format!("{one} was not served"));
    release.difference(&now).cloned().chain(unread).collect()
}

#[test]
fn nothing_that_an_earlier_release_stored_is_lost() {
    if let Ok(release) = std::env::var("CARREL_RELEASE") {
        let text: Vec<_> = lines(&crds()).into_iter().collect();
        std::fs::write(folder().join(format!("{release}.txt")), text.join("\n") + "\n").unwrap();
    }
    let mut releases = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let release = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lost(&release, &crds()), Vec::<String>::new(), "{}", path.display());
        releases += 1;
    }
    assert!(releases > 0);
}

/// The test above can fail.
#[test]
fn a_field_that_is_gone_and_a_version_nobody_knew_are_told() {
    let release = lines(&crds());
    let mut crds = crds();
    let version = &mut crds[0]["spec"]["versions"][0];
    version["name"] = "v9".into();
    version["schema"]["openAPIV3Schema"]["properties"].as_object_mut().unwrap().remove("status");
    let lost = lost(&release, &crds);
    assert!(lost.contains(&"notebooks.kubeflow.org v1".to_owned()), "{lost:?}");
    assert!(lost.contains(&"notebooks.kubeflow.org v9 was not served".to_owned()), "{lost:?}");
    assert!(lost.iter().any(|line| line.starts_with("notebooks.kubeflow.org v1 .status.conditions")), "{lost:?}");
}
