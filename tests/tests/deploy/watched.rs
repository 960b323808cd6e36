//! The dashboard and the alerts: of metrics that there are, with words that lead somewhere.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde_json::Value;

use crate::rendered::{ALL_ON, chart, text};

/// Metrics that are not Carrel's: kubelet tells of the memory of each container.
const OF_OTHERS: [&str; 1] = ["container_memory_working_set_bytes"];

/// What stands in an expression like a metric and is none.
const WORDS: [&str; 4] = ["or", "by", "ignoring", "group_left"];

/// The metrics of docs/metrics.md, with the names that queries have for them, and their labels.
fn documented() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut metrics = BTreeMap::new();
    for line in text("docs/metrics.md")?.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let labels = |more: &[&str]| {
            let own = cells[3].split('`').filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
            own.chain(more.iter().copied()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let name = cells[1].trim_matches('`');
        if cells[2] == "histogram" {
            metrics.insert(format!("{name}_bucket"), labels(&["le"]));
            metrics.insert(format!("{name}_sum"), labels(&[]));
            metrics.insert(format!("{name}_count"), labels(&[]));
        } else {
            metrics.insert(name.to_owned(), labels(&[]));
        }
    }
    ensure!(metrics.len() > 20, "docs/metrics.md lists {metrics:?}");
    Ok(metrics)
}

/// The metrics of an expression, each with the labels that it is chosen by.
fn metrics(expression: &str) -> BTreeMap<String, BTreeSet<String>> {
    let strip = |pattern: &str, text: &str| Regex::new(pattern).unwrap().replace_all(text, "").into_owned();
    let grouped = strip(r#""[^"]*""#, expression);
    let plain = strip(r"(by|ignoring) \([^)]*\)|\[[^\]]*\]", &grouped);
    let metric = Regex::new(r"\b([a-z][a-z_]+)\b(\s*\()?(?:\{([^}]*)\})?").unwrap();
    let label = Regex::new("[a-z_]+").unwrap();
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for parts in metric.captures_iter(&plain) {
        if parts.get(2).is_none() && !WORDS.contains(&&parts[1]) {
            let labels = parts.get(3).map_or("", |labels| labels.as_str());
            let labels = label.find_iter(labels).map(|label| label.as_str().to_owned());
            found.entry(parts[1].to_owned()).or_default().extend(labels);
        }
    }
    found
}

fn hold_to_the_docs(what: &str, expression: &str) -> Result<()> {
    let documented = documented()?;
    let metrics = metrics(expression);
    ensure!(!metrics.is_empty(), "{what} asks for nothing: {expression}");
    for (name, labels) in metrics.iter().filter(|(name, _)| !OF_OTHERS.contains(&name.as_str())) {
        let known = documented.get(name).with_context(|| format!("{what}: no metric {name} in docs/metrics.md"))?;
        let unknown: Vec<_> = labels.difference(known).collect();
        ensure!(unknown.is_empty(), "{what}: {name} has no labels {unknown:?}");
    }
    Ok(())
}

#[test]
fn what_an_expression_asks_for_is_found() {
    let found = metrics(
        r#"histogram_quantile(0.9, sum by (le) (rate(a_bucket{b="c_d", e=~"f"}[5m]))) / ignoring (g) group_left sum(h_total)"#,
    );
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["a_bucket", "h_total"]);
    assert_eq!(found["a_bucket"], BTreeSet::from(["b".to_owned(), "e".to_owned()]));
}

/// The alerts, as Prometheus' operator gets them.
fn alerts() -> Result<Vec<Value>> {
    let objects = chart(ALL_ON)?;
    let rule = objects.get("PrometheusRule carrel-system/carrel").context("no PrometheusRule")?;
    let groups = rule["spec"]["groups"].as_array().context("no groups")?;
    Ok(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect())
}

#[test]
fn alerts_ask_for_metrics_that_there_are() -> Result<()> {
    for alert in alerts()? {
        let name = alert["alert"].as_str().context("an alert without a name")?;
        hold_to_the_docs(name, alert["expr"].as_str().unwrap_or_default())?;
        ensure!(alert["for"].is_string(), "{name} comes at once");
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        ensure!(["critical", "warning"].contains(&severity), "{name}: {severity}");
    }
    Ok(())
}

/// Each begins with the page that helps, and the heading there if it names one.
#[test]
fn each_alert_says_what_to_do() -> Result<()> {
    let place = Regex::new(r#"^(docs/[a-z/_-]+\.md)(?:, "([^"]+)")?[ :]"#)?;
    for alert in alerts()? {
        let (name, notes) = (&alert["alert"], &alert["annotations"]);
        ensure!(notes["summary"].as_str().is_some_and(|summary| summary.ends_with('.')), "{name}: no summary");
        let runbook = notes["runbook"].as_str().with_context(|| format!("{name}: no runbook"))?;
        let found = place.captures(runbook).with_context(|| format!("{name}: {runbook}"))?;
        let page = text(&found[1])?;
        if let Some(heading) = found.get(2) {
            let heading = format!("## {}", heading.as_str());
            ensure!(page.lines().any(|line| line == heading), "{name}: {} has no {heading}", &found[1]);
        }
    }
    Ok(())
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() -> Result<()> {
    let objects = chart(ALL_ON)?;
    let map = objects.get("ConfigMap carrel-system/carrel-dashboard").context("no dashboard")?;
    ensure!(map["metadata"]["labels"]["grafana_dashboard"] == "1", "the sidecar does not find it");
    let json = map["data"]["carrel.json"].as_str().context("no JSON")?;
    let dashboard: Value = serde_json::from_str(json)?;
    let panels = dashboard["panels"].as_array().context("no panels")?;
    let (mut ids, mut expressions) = (BTreeSet::new(), 0);
    for panel in panels {
        let title = panel["title"].as_str().context("a panel without a title")?;
        ensure!(ids.insert(panel["id"].as_u64()), "two panels have the id of {title}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            hold_to_the_docs(title, target["expr"].as_str().unwrap_or_default())?;
            ensure!(target["datasource"]["uid"] == "${datasource}", "{title}: its data comes from a fixed place");
            expressions += 1;
        }
        let is_row = panel["type"] == "row";
        ensure!(is_row || panel["targets"].is_array() && panel["description"].is_string(), "{title} shows nothing");
    }
    ensure!(expressions >= 20, "only {expressions} expressions");
    Ok(())
}
