//! Both ways in make the same.

use anyhow::{Result, ensure};
use carrel_tests::run;
use serde_json::{Value, json};

use crate::rendered::{OVERLAYS, Objects, chart, chart_folder, chart_of, helm, overlay};

/// Labels and annotations that Helm's objects have because they are Helm's.
fn is_helms(key: &str) -> bool {
    let labels = ["app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"];
    key.starts_with("helm.sh/") || key == "checksum/settings" || labels.contains(&key)
}

/// Takes away, wherever metadata is, what is Helm's own.
fn without_helms(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
                for texts in ["labels", "annotations"] {
                    let left = metadata.get_mut(texts).and_then(Value::as_object_mut).is_some_and(|texts| {
                        texts.retain(|key, _| !is_helms(key));
                        texts.is_empty()
                    });
                    if left {
                        metadata.remove(texts);
                    }
                }
            }
            fields.values_mut().for_each(without_helms);
        }
        Value::Array(items) => items.iter_mut().for_each(without_helms),
        _ => {}
    }
}

/// Where two values differ, and how.
fn differences(at: &str, kustomize: &Value, helm: &Value, found: &mut Vec<String>) {
    match (kustomize, helm) {
        (Value::Object(kustomize), Value::Object(helm)) => {
            let keys = kustomize.keys().chain(helm.keys().filter(|key| !kustomize.contains_key(*key)));
            for key in keys {
                let (left, right) = (kustomize.get(key), helm.get(key));
                let nothing = Value::Null;
                differences(&format!("{at}.{key}"), left.unwrap_or(&nothing), right.unwrap_or(&nothing), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                differences(&format!("{at}[{index}]"), left, right, found);
            }
        }
        (left, right) if left != right => found.push(format!("{at}: kustomize has {left}, Helm {right}")),
        _ => {}
    }
}

fn all_differences(kustomize: &Objects, helm: &Objects) -> Vec<String> {
    let mut found = Vec::new();
    for (name, object) in kustomize {
        match helm.get(name) {
            Some(other) => differences(name, object, other, &mut found),
            None => found.push(format!("{name}: only kustomize has it")),
        }
    }
    let alone = helm.keys().filter(|name| !kustomize.contains_key(*name));
    found.extend(alone.map(|name| format!("{name}: only Helm has it")));
    found
}

/// The settings of an overlay, as values of the chart.
fn settings(objects: &Objects) -> Value {
    let map = objects.get("ConfigMap carrel-system/carrel");
    map.map_or_else(|| json!({}), |map| map["data"].clone())
}

#[test]
fn helm_makes_what_kustomize_makes_for_the_same_settings() -> Result<()> {
    for name in OVERLAYS {
        let mut kustomize = overlay(name)?;
        // Helm makes the namespace itself, or finds it; its notes say which label it wants.
        kustomize.remove("Namespace /carrel-system");
        let mut arguments = vec![format!("--set-json=settings={}", settings(&kustomize))];
        if name == "kubeflow-replacement" {
            let into = |role| format!("rbac.authorization.kubeflow.org/aggregate-to-kubeflow-{role}");
            let labels = json!({"edit": {into("edit"): "true"}, "view": {into("view"): "true"}});
            arguments.push(format!("--set-json=rbac.userRoleLabels={labels}"));
        }
        let mut helm = chart(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        helm.values_mut().for_each(without_helms);
        let found = all_differences(&kustomize, &helm);
        ensure!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
    Ok(())
}

#[test]
fn a_package_holds_what_the_folder_links_to() -> Result<()> {
    let to = tempfile::tempdir()?;
    run(helm(&["package", "--destination"])?.arg(to.path()).arg(chart_folder()))?;
    let package = to.path().join(format!("carrel-{}.tgz", env!("CARGO_PKG_VERSION")));
    ensure!(chart_of(&package, &[])? == chart(&[])?, "the package makes something else");
    Ok(())
}

#[test]
fn what_differs_is_told_where_it_is() {
    let object = |image: &str| json!({"spec": {"containers": [{"image": image}]}});
    let kustomize = Objects::from([("A".to_owned(), object("a")), ("B".to_owned(), json!({}))]);
    let helm = Objects::from([("A".to_owned(), object("b")), ("C".to_owned(), json!({}))]);
    let expected = [
        r#"A.spec.containers[0].image: kustomize has "a", Helm "b""#,
        "B: only kustomize has it",
        "C: only Helm has it",
    ];
    assert_eq!(all_differences(&kustomize, &helm), expected);
}
