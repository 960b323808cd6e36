//! Carrel's settings by the chart: those of the docs, and no slip of the pen.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use crate::rendered::{chart, path};
use crate::values::schema;

/// Variables that are not an admin's to set in a cluster: who the pod is, by which account it calls, and the port that probes,
/// Service and NetworkPolicy name.
const OF_THE_POD: [&str; 4] = ["POD_NAME", "POD_NAMESPACE", "KUBECONFIG", "CARREL_LISTEN"];

/// The variables in the tables of settings in the docs.
fn documented(folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            documented(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&path)?;
            let rows = text.lines().skip_while(|line| !line.starts_with("| flag | variable |"));
            for row in rows.take_while(|line| line.starts_with('|')) {
                let variables = row.split('|').nth(2).unwrap_or_default().split('`');
                found.extend(variables.filter(|word| is_variable(word)).map(str::to_owned));
            }
        }
    }
    Ok(())
}

fn is_variable(word: &str) -> bool {
    word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_') || word == "KUBECONFIG"
}

#[test]
fn the_chart_has_each_setting_of_the_docs() -> Result<()> {
    let mut documented_ones = BTreeSet::new();
    documented(&path("docs"), &mut documented_ones)?;
    for name in OF_THE_POD {
        ensure!(documented_ones.remove(name), "the docs do not name {name}");
    }
    let schema = schema()?;
    let settings = schema["properties"]["settings"]["properties"].as_object().unwrap();
    let known: BTreeSet<_> = settings.keys().cloned().collect();
    let apart: Vec<_> = known.symmetric_difference(&documented_ones).collect();
    ensure!(apart.is_empty(), "only in the docs or only in the schema: {apart:?}");
    Ok(())
}

#[test]
fn a_wrong_value_is_refused_in_words() -> Result<()> {
    for (value, expected) in [
        ("replicas=two", "at '/replicas': got string, want integer"),
        ("replica=2", "additional properties 'replica' not allowed"),
        (
            "image.pullPolicy=always",
            "at '/image/pullPolicy': value must be one of '', 'Always', 'IfNotPresent', 'Never'",
        ),
        ("settings.CARREL_ROUTING=nginx", "must be one of 'none', 'istio', 'gateway', 'ingress'"),
        ("settings.CARREL_ROUTING=gateway", "at '/settings': missing property 'CARREL_GATEWAY'"),
        ("settings.CARREL_GATEWY=a/b", "at '/settings': additional properties 'CARREL_GATEWY' not allowed"),
        ("settings.CARREL_LISTEN=0.0.0.0:9", "additional properties 'CARREL_LISTEN' not allowed"),
        ("settings.ADD_FSGROUP=yes", "must be one of true, false"),
        ("settings.CARREL_PROBE_PERIOD=1", "at '/settings/CARREL_PROBE_PERIOD': got number, want string"),
        ("extraSettings.lower=x", "additional properties 'lower' not allowed"),
        (
            "history.persistence.enabled=true,history.persistence.accessModes={ReadWriteOnce}",
            "Set replicas to 1, or take a volume that is ReadWriteMany",
        ),
    ] {
        let Err(error) = chart(&["--set", value]) else { bail!("{value} is taken") };
        ensure!(error.to_string().contains(expected), "{value}: {error}");
    }
    Ok(())
}

#[test]
fn settings_become_texts_and_other_settings_other_pods() -> Result<()> {
    let made = |arguments: &[&str]| -> Result<(Value, Value)> {
        let objects = chart(arguments)?;
        let pod = &objects["Deployment carrel-system/carrel"]["spec"]["template"]["metadata"]["annotations"];
        Ok((objects["ConfigMap carrel-system/carrel"]["data"].clone(), pod["checksum/settings"].clone()))
    };
    let (data, first) = made(&[
        "--set=settings.CULL_IDLE_TIME=2000000,settings.ADD_FSGROUP=false",
        "--set=extraSettings.CARREL_NEW=x",
    ])?;
    let expected = serde_json::json!({"CULL_IDLE_TIME": "2000000", "ADD_FSGROUP": "false", "CARREL_NEW": "x"});
    ensure!(data == expected, "{data}");
    let (_, second) = made(&["--set=settings.CULL_IDLE_TIME=60"])?;
    ensure!(first.is_string() && second.is_string() && first != second, "{first} {second}");
    ensure!(!chart(&[])?.contains_key("ConfigMap carrel-system/carrel"), "a ConfigMap that says nothing");
    Ok(())
}

#[test]
fn one_replica_has_no_budget_that_would_hold_up_drains() -> Result<()> {
    let budget = "PodDisruptionBudget carrel-system/carrel-controllers";
    ensure!(chart(&[])?.contains_key(budget) && !chart(&["--set=replicas=1"])?.contains_key(budget));
    Ok(())
}
