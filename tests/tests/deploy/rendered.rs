//! The objects that the two ways in make.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use carrel_tests::{given, run};
use serde_json::Value;

/// The overlays, all of them.
pub(crate) const OVERLAYS: [&str; 4] = ["standalone", "istio", "gateway", "kubeflow-replacement"];

/// The chart with all that is off by default.
pub(crate) const ALL_ON: &[&str] = &[
    "--set=metrics.serviceMonitor.enabled=true",
    "--set=metrics.prometheusRule.enabled=true",
    "--set=metrics.dashboard.enabled=true",
    "--set=history.persistence.enabled=true",
    "--set=settings.CARREL_ROUTING=istio",
];

/// Objects by what they are called: kind, namespace and name.
pub(crate) type Objects = BTreeMap<String, Value>;

/// A file or folder of the repository.
pub(crate) fn path(path: &str) -> PathBuf {
    xtask::home::repository().join(path)
}

/// The text of a file of the repository.
pub(crate) fn text(name: &str) -> Result<String> {
    std::fs::read_to_string(path(name)).with_context(|| format!("can't read {name}"))
}

/// What `kubectl apply -k` would send for an overlay.
pub(crate) fn overlay(name: &str) -> Result<Objects> {
    let folder = path("deploy/manifests/overlays").join(name);
    objects(&run(Command::new(given("KUBECTL")?).arg("kustomize").arg(folder))?)
}

/// helm, as a command.
pub(crate) fn helm(arguments: &[&str]) -> Result<Command> {
    let mut helm = Command::new(given("HELM")?);
    helm.args(arguments);
    Ok(helm)
}

/// The folder of the chart.
pub(crate) fn chart_folder() -> PathBuf {
    path("deploy/charts/carrel")
}

/// What `helm install carrel --namespace carrel-system` would send, with these arguments too.
pub(crate) fn chart(arguments: &[&str]) -> Result<Objects> {
    chart_of(&chart_folder(), arguments)
}

/// The same of a chart in another place.
pub(crate) fn chart_of(chart: &Path, arguments: &[&str]) -> Result<Objects> {
    let template = ["template", "carrel", "--namespace=carrel-system"];
    objects(&run(helm(&[&template, arguments].concat())?.arg(chart))?)
}

fn objects(stream: &str) -> Result<Objects> {
    let mut objects = Objects::new();
    // Text of a block is indented, so no line of it is a mark.
    for document in stream.trim_start_matches("---\n").split("\n---\n") {
        let object = parsed(document)?;
        if object.is_null() {
            continue;
        }
        let word = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = format!("{} {}/{}", word("/kind"), word("/metadata/namespace"), word("/metadata/name"));
        ensure!(objects.insert(name.clone(), object).is_none(), "{name} is there twice");
    }
    ensure!(!objects.is_empty(), "nothing is made");
    Ok(objects)
}

/// A document as a value. All overlays have the same CRDs, which take seconds to read.
fn parsed(document: &str) -> Result<Value> {
    static READ: Mutex<Option<HashMap<String, Value>>> = Mutex::new(None);
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let read = read.get_or_insert_default();
    if let Some(value) = read.get(document) {
        return Ok(value.clone());
    }
    let value: Value = serde_saphyr::from_str(document)?;
    read.insert(document.to_owned(), value.clone());
    Ok(value)
}
