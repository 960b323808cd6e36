//! What pages for admins speak of: Carrel's Deployment, and Kubeflow's beside it. Fake nodes run nothing of them.

use anyhow::{Context, Result};
use carrel_tests::kubectl;
use serde_json::{Value, json};
use xtask::home::repository;

const KUBEFLOW: &[&str] =
    &["notebook-controller-deployment", "tensorboard-controller-deployment", "pvcviewer-controller-manager"];

fn deployment(name: &str) -> Value {
    let labels = json!({"town": name});
    // Of no node, so that none seems to work: what looks for them is tested beside.
    let spec = json!({"nodeSelector": {"town": "nowhere"}, "containers": [{"name": "manager", "image": "none"}]});
    let pod = json!({"metadata": {"labels": labels}, "spec": spec});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "kubeflow"},
        "spec": {"selector": {"matchLabels": labels}, "template": pod}})
}

fn webhook(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "webhooks": []})
}

/// Makes all of it, unless another test did. It stays as long as the cluster.
pub(super) fn build() -> Result<()> {
    let apply = ["apply", "--server-side", "--field-manager=tests", "--force-conflicts"];
    let base = repository().join("deploy/manifests/base").display().to_string();
    kubectl(&[&apply[..], &["-k", &base]].concat())?;

    let mut objects = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubeflow"}})];
    objects.extend(KUBEFLOW.iter().map(|name| deployment(name)));
    objects.push(webhook("MutatingWebhookConfiguration", "pvcviewer-mutating-webhook-configuration"));
    objects.push(webhook("ValidatingWebhookConfiguration", "pvcviewer-validating-webhook-configuration"));
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string())?;
    let path = file.path().to_str().context("a path that is no text")?;
    kubectl(&[&apply[..], &["-f", path]].concat()).map(drop)
}
