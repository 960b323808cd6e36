//! Puts Carrel and the examples into a cluster, takes them out again, and tells what is wrong in between.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::progress::Step;

use super::images::Images;
use super::objects::{self, MARK};
use super::served::{ALL, Served};
use super::target::Target;
use super::{NAMESPACE, STOPPED};

/// Carrel's own namespace.
pub(super) const CARREL: &str = "carrel-system";

/// Installs Carrel from `deploy/manifests/` and waits until it is ready.
pub(super) fn carrel(target: &Target, images: &Images) -> Result<()> {
    let objects = objects::carrel(target, images)?;
    apply(target, &objects)?;
    target.feed(
        ["wait", "--for=condition=Established", "--timeout=60s", "-f", "-"],
        &objects::list(&objects::crds(&objects)),
    )?;
    target
        .run(["-n", CARREL, "rollout", "status", "deployment/carrel", "--timeout=180s"])
        .context("Carrel did not become ready")?;
    Ok(())
}

/// Applies the objects of `examples/`.
pub(super) fn examples(target: &Target, images: &Images) -> Result<()> {
    apply(target, &objects::examples(images)?)?;
    // Who stopped one in an earlier run wants to see it start now.
    for Served { resource, name, .. } in ALL {
        target.run(["-n", NAMESPACE, "annotate", resource, name, &format!("{STOPPED}-")])?;
    }
    Ok(())
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
    refuse_to_take_what_came_since(target)?;
    let step = Step::start("removing what the demo installed");
    let (mark, not_carrel) = (format!("{MARK}=true"), format!("--field-selector=metadata.name!={CARREL}"));
    // The examples first, while Carrel can still let go of what waits for it; then Carrel; the CRDs last, as their objects
    // must be gone before.
    let delete = |more: &[&str]| target.run([&["delete", "--selector", &mark, "--timeout=180s"], more].concat());
    for kinds in [
        &["namespaces", &not_carrel][..],
        &["namespaces"],
        &["clusterrolebindings,clusterroles"],
        &["customresourcedefinitions"],
    ] {
        print!("{}", delete(&[kinds, &["--ignore-not-found"]].concat())?);
    }
    step.done();
    println!("What the demo installed is removed.");
    Ok(())
}

/// A CRD takes all its objects along, also those that were made since in other namespaces.
fn refuse_to_take_what_came_since(target: &Target) -> Result<()> {
    let mark = format!("{MARK}=true");
    let names = "jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}";
    let crds = target.run(["get", "customresourcedefinitions", "--selector", &mark, "-o", names])?;
    let columns = "jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{\"\\n\"}{end}";
    let mut others = Vec::new();
    for crd in crds.lines() {
        let objects = target.run(["get", crd, "--all-namespaces", "-o", columns])?;
        let ours = format!(" {NAMESPACE}/");
        others.extend(objects.lines().filter(|name| !name.is_empty() && !name.contains(&ours)).map(str::to_owned));
    }
    ensure!(others.is_empty(), "removing the demo would remove these too; delete them first: {}", others.join(", "));
    Ok(())
}

/// Prints what someone would look at first when the demo fails.
pub(super) fn say_what_is_not_ready(target: &Target) {
    let looks: &[&[&str]] = &[
        &["-n", CARREL, "get", "deployments,pods", "-o", "wide"],
        &["-n", CARREL, "logs", "--selector=app.kubernetes.io/name=carrel", "--prefix", "--tail=20"],
        &["-n", NAMESPACE, "get", "notebooks,tensorboards,pvcviewers,volumerequests", "-o", "wide"],
        &["-n", NAMESPACE, "get", "statefulsets,deployments,pods,services,persistentvolumeclaims", "-o", "wide"],
        &["-n", NAMESPACE, "logs", "statefulset/iris", "--tail=20"],
        &["-n", NAMESPACE, "logs", "deployment/iris-runs", "--tail=20"],
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
    fn what_carries_no_mark_is_of_others() {
        assert!(of_others("").unwrap().is_empty());
        let marked = r#"{"kind": "Namespace", "metadata": {"name": "team-a", "labels": {"carrel.dev/demo": "true"}}}"#;
        let other = r#"{"kind": "Namespace", "metadata": {"name": "team-a"}}"#;
        assert!(of_others(marked).unwrap().is_empty());
        assert_eq!(of_others(other).unwrap(), ["Namespace team-a"]);
        assert_eq!(of_others(&format!(r#"{{"items": [{marked}, {other}]}}"#)).unwrap(), ["Namespace team-a"]);
    }
}
