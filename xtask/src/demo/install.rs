//! Puts Carrel and the examples into a cluster, takes them out again, and tells what is wrong in between.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::progress::Step;

use super::images::Images;
use super::objects::{self, MARK};
use super::target::Target;
use super::{NAMESPACE, NOTEBOOK, STOPPED};

/// The CRD that others may have installed, and that takes all notebooks with it when it goes.
const CRD: &str = "crd/notebooks.kubeflow.org";

/// Installs Carrel from `deploy/manifests/` and waits until it is ready.
pub(super) fn carrel(target: &Target, images: &Images) -> Result<()> {
    apply(target, &objects::carrel(target, images)?)?;
    target.run(["wait", "--for=condition=Established", CRD, "--timeout=60s"])?;
    target
        .run(["-n", "carrel-system", "rollout", "status", "deployment/carrel", "--timeout=180s"])
        .context("Carrel did not become ready")?;
    Ok(())
}

/// Applies the objects of `examples/`.
pub(super) fn examples(target: &Target, images: &Images) -> Result<()> {
    apply(target, &objects::examples(images)?)?;
    // Who stopped the notebook of an earlier run wants to see it start now.
    target.run(["-n", NAMESPACE, "annotate", "notebook", NOTEBOOK, &format!("{STOPPED}-")])?;
    Ok(())
}

/// Waits until the notebook of the examples is Ready; `step` tells what it waits for meanwhile.
pub(super) fn wait_for_notebook(target: &Target, step: &Step, timeout: Duration) -> Result<()> {
    let end = Instant::now() + timeout;
    loop {
        let answer = target.run(["-n", NAMESPACE, "get", "notebook", NOTEBOOK, "-o", "json"])?;
        let notebook: Value = serde_json::from_str(&answer).context("kubectl get printed what is not JSON")?;
        let Some(why) = why_not_ready(&notebook) else { return Ok(()) };
        let seconds = timeout.as_secs();
        ensure!(Instant::now() < end, "the notebook {NAMESPACE}/{NOTEBOOK} was not Ready after {seconds} s: {why}");
        step.far(why);
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// What its condition says while a Notebook is not Ready.
fn why_not_ready(notebook: &Value) -> Option<String> {
    let conditions = notebook.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition.get("type") == Some(&json!("Ready")));
    let Some(ready) = ready else { return Some("Carrel has not looked at it yet".to_owned()) };
    let word = |field| ready.get(field).and_then(Value::as_str).unwrap_or_default();
    (word("status") != "True").then(|| format!("{}: {}", word("reason"), word("message")))
}

fn apply(target: &Target, objects: &[Value]) -> Result<()> {
    // Forced: an earlier run, or someone who applied the same files by hand, set the same fields.
    let apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=carrel-demo", "-f", "-"];
    target.feed(apply, &objects::list(objects))?;
    Ok(())
}

/// In a cluster of somebody else's, nothing is taken over: removing the demo would take it away.
pub(super) fn refuse_what_others_made(target: &Target, images: &Images) -> Result<()> {
    let mut ours = objects::cluster_scoped(&objects::carrel(target, images)?);
    ours.extend(objects::cluster_scoped(&objects::examples(images)?));
    let there = target.feed(["get", "--ignore-not-found", "-o", "json", "-f", "-"], &objects::list(&ours))?;
    let others = of_others(&there)?;
    ensure!(
        others.is_empty(),
        "the given cluster has {} already, and not from this demo: a Carrel or Kubeflow that is in use. Give an empty \
         cluster, or leave Carrel as it is there and try its notebooks by kubectl apply -f examples/",
        others.join(", ")
    );
    Ok(())
}

/// The names of the objects in kubectl's answer that do not carry the demo's mark.
fn of_others(answer: &str) -> Result<Vec<String>> {
    if answer.trim().is_empty() {
        return Ok(Vec::new());
    }
    let answer: Value = serde_json::from_str(answer).context("kubectl get printed what is not JSON")?;
    // A single object comes without a list around it.
    let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![answer]);
    let marked = |item: &Value| item.pointer("/metadata/labels").is_some_and(|labels| labels.get(MARK).is_some());
    let word = |item: &Value, pointer| item.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
    let name = |item: &Value| format!("{} {}", word(item, "/kind"), word(item, "/metadata/name"));
    Ok(items.iter().filter(|item| !marked(item)).map(name).collect())
}

/// Removes everything that the demo installed from a cluster that is not its own.
pub(super) fn remove(target: &Target) -> Result<()> {
    refuse_to_take_other_notebooks(target)?;
    let step = Step::start("removing what the demo installed");
    let mark = format!("{MARK}=true");
    // The namespaces first, with all that is in them; the CRD last, as its objects must be gone before.
    for kinds in ["namespaces", "clusterrolebindings,clusterroles", "customresourcedefinitions"] {
        let said = target.run(["delete", kinds, "--selector", &mark, "--ignore-not-found", "--timeout=180s"])?;
        print!("{said}");
    }
    step.done();
    println!("What the demo installed is removed.");
    Ok(())
}

/// The CRD takes every notebook along, also those that were made since in other namespaces.
fn refuse_to_take_other_notebooks(target: &Target) -> Result<()> {
    let mark = format!("{MARK}=true");
    let crd = target.run(["get", "customresourcedefinitions", "--selector", &mark, "-o", "name"])?;
    if crd.trim().is_empty() {
        return Ok(());
    }
    let columns = "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{\"\\n\"}{end}";
    let notebooks = target.run(["get", "notebooks.kubeflow.org", "--all-namespaces", "-o", columns])?;
    let ours = format!("{NAMESPACE}/");
    let others: Vec<_> = notebooks.lines().filter(|name| !name.is_empty() && !name.starts_with(&ours)).collect();
    ensure!(
        others.is_empty(),
        "removing the demo would remove these notebooks too; delete them first: {}",
        others.join(", ")
    );
    Ok(())
}

/// Prints what someone would look at first when the demo fails.
pub(super) fn say_what_is_not_ready(target: &Target) {
    let looks: &[&[&str]] = &[
        &["-n", "carrel-system", "get", "deployments,pods", "-o", "wide"],
        &["-n", "carrel-system", "logs", "deployment/carrel", "--tail=20"],
        &["-n", NAMESPACE, "get", "notebooks,statefulsets,pods,services,persistentvolumeclaims", "-o", "wide"],
        &["-n", NAMESPACE, "logs", "statefulset/iris", "--tail=20"],
        &[
            "get",
            "events",
            "--all-namespaces",
            "--field-selector=type=Warning",
            "--sort-by=.metadata.creationTimestamp",
        ],
    ];
    eprintln!("\nThe demo failed. This is how things are:");
    for look in looks {
        eprintln!("\n$ kubectl {}", look.join(" "));
        // It says itself what went wrong, and the next look may still tell something.
        let _ = target.kubectl().args(*look).stdin(Stdio::null()).stdout(std::io::stderr()).status();
    }
    eprintln!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notebook_says_why_it_waits() {
        let with = |conditions: Value| why_not_ready(&json!({ "status": { "conditions": conditions } }));
        assert_eq!(
            with(json!([{ "type": "Stopped", "status": "False" }, { "type": "Ready", "status": "True" }])),
            None
        );
        let waits = json!([{ "type": "Ready", "status": "False", "reason": "Creating", "message": "its pod is made" }]);
        assert_eq!(with(waits).unwrap(), "Creating: its pod is made");
        assert!(why_not_ready(&json!({})).is_some());
    }

    #[test]
    fn what_carries_no_mark_is_of_others() {
        assert!(of_others("").unwrap().is_empty());
        let marked = r#"{"kind": "Namespace", "metadata": {"name": "team-a", "labels": {"carrel.dev/demo": "true"}}}"#;
        let other = r#"{"kind": "Namespace", "metadata": {"name": "team-a"}}"#;
        assert!(of_others(marked).unwrap().is_empty());
        assert_eq!(of_others(other).unwrap(), ["Namespace team-a"]);
        assert_eq!(of_others(&format!(r#"{{"items": [{marked}, {other}]}}"#)).unwrap(), ["Namespace team-a"]);
    }
}
