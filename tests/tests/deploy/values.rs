//! The chart's values: each documented, in the schema and in the README.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use carrel_tests::run;
use serde_json::Value;

use crate::rendered::{chart_folder, helm, text};

pub(crate) const VALUES: &str = "deploy/charts/carrel/values.yaml";

/// The chart's values.schema.json.
pub(crate) fn schema() -> Result<Value> {
    Ok(serde_json::from_str(&text("deploy/charts/carrel/values.schema.json")?)?)
}

fn values() -> Result<Value> {
    Ok(serde_saphyr::from_str(&text(VALUES)?)?)
}

/// The paths of values that hold no others, with what they are by default.
fn leaves(at: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value.as_object().filter(|fields| !fields.is_empty()) {
        Some(fields) => {
            for (key, field) in fields {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                leaves(&at, field, found);
            }
        }
        None => drop(found.insert(at.to_owned(), value.clone())),
    }
}

#[test]
fn helm_finds_no_fault_with_the_chart() -> Result<()> {
    run(helm(&["lint", "--strict"])?.arg(chart_folder())).map(drop)
}

#[test]
fn each_value_has_a_comment_above_it() -> Result<()> {
    let text = text(VALUES)?;
    let mut before = "";
    for line in text.lines() {
        let (key, indent) = (line.trim_start(), line.len() - line.trim_start().len());
        let is_comment = key.starts_with('#');
        if !is_comment && !key.is_empty() {
            ensure!(key.contains(':'), "a value is written in one line: {line}");
            let same = before.trim_start().starts_with("# ") && before.len() - before.trim_start().len() == indent;
            ensure!(same, "no comment above {line}");
        }
        before = line;
    }
    Ok(())
}

/// Goes through values and schema side by side.
fn compare(at: &str, value: &Value, schema: &Value) -> Result<()> {
    let Some(properties) = schema["properties"].as_object() else { return Ok(()) };
    ensure!(schema["additionalProperties"] == false, "{at} may have values that nobody knows");
    // A map of settings is empty by default; its keys are those of the docs.
    if at == ".settings" {
        return Ok(());
    }
    let value = value.as_object().with_context(|| format!("{at} is not in values.yaml"))?;
    for key in value.keys() {
        ensure!(properties.contains_key(key), "{at}.{key} is not in the schema");
    }
    // What a parent chart says to all its charts is not ours.
    for (key, schema) in properties.iter().filter(|(key, _)| *key != "global" && at != ".resources") {
        let field = value.get(key).with_context(|| format!("{at}.{key} is in the schema alone"))?;
        compare(&format!("{at}.{key}"), field, schema)?;
    }
    Ok(())
}

#[test]
fn the_schema_knows_each_value_and_no_other() -> Result<()> {
    compare("", &values()?, &schema()?)
}

#[test]
fn the_readme_lists_each_value_with_its_default() -> Result<()> {
    let (mut expected, mut listed) = (BTreeMap::new(), BTreeMap::new());
    leaves("", &values()?, &mut expected);
    for line in text("deploy/charts/carrel/README.md")?.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, name, default, what, _] = cells[..] else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else { continue };
        ensure!(!what.is_empty(), "{name} has no words");
        listed.insert(name.to_owned(), serde_saphyr::from_str::<Value>(default.trim_matches('`'))?);
    }
    let names = |of: &BTreeMap<String, Value>| of.keys().cloned().collect::<BTreeSet<_>>();
    let (values, rows) = (names(&expected), names(&listed));
    ensure!(values == rows, "only on one side: {:?}", values.symmetric_difference(&rows).collect::<Vec<_>>());
    for (name, default) in expected {
        ensure!(listed[&name] == default, "{name} is {default}, and the README says {}", listed[&name]);
    }
    Ok(())
}
