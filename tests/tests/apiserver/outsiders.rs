//! Objects that got around the rules, and a cluster that lacks what Carrel needs: on a cluster of the test's own, since
//! the CRD is everybody's.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use carrel_tests::{Controllers, eventually, run};
use serde_json::{Value, json};
use xtask::cluster::{Cluster, Nodes, Options};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A cluster that goes with the test.
pub(crate) struct Own(pub(crate) Cluster);

impl Own {
    pub(crate) fn up() -> Result<Self> {
        Self::with(Nodes::None)
    }

    pub(crate) fn with(nodes: Nodes) -> Result<Self> {
        let name = format!("test-own-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Ok(Self(Cluster::up(&Options { name, nodes, ..Options::default() })?))
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        run(self.0.kubectl().args(arguments))
    }

    pub(crate) fn apply(&self, object: &Value) -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), object.to_string())?;
        let path = file.path().to_str().context("a path that is no text")?;
        self.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", path]).map(drop)
    }

    fn status(&self, name: &str) -> Result<Value> {
        Ok(serde_json::from_str::<Value>(&self.kubectl(&["get", "nb", name, "-o", "json"])?)?["status"].take())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Err(error) = Cluster::down(self.0.name()) {
            eprintln!("the test's cluster stays: {error:#}");
        }
    }
}

#[tokio::test]
async fn a_missing_crd_is_named_and_objects_older_than_its_rules_hurt_nobody() -> Result<()> {
    let own = Own::up()?;
    let controllers = Controllers::start(&own.0.carrel_kubeconfig(), &["--leader-elect=false"])?;
    eventually("the sentence", async || {
        let (code, body) = controllers.page("/readyz")?;
        ensure!(code == 503 && body.contains("notebooks: the API server does not serve notebooks"), "{code} {body}");
        ensure!(!body.contains("services:"), "the others are there: {body}");
        Ok(())
    })
    .await?;
    assert_eq!(controllers.page("/livez")?.0, 200, "waiting is no fault");

    // As some clusters have had it: no rules at all.
    let crd = carrel_api::notebook::crd::definition();
    let mut lax = crd.clone();
    for version in lax["spec"]["versions"].as_array_mut().context("no versions")? {
        version["schema"] =
            json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    }
    own.apply(&lax)?;
    own.apply(&carrel_api::volume_request::crd::definition())?;
    own.apply(&carrel_api::tensorboard::crd::definition())?;
    own.apply(&carrel_api::pvc_viewer::crd::definition())?;
    own.apply(&carrel_api::lab_policy::crd::definition())?;
    let odd = [
        ("null-spec", json!(null), "spec: invalid type: null"),
        ("empty-spec", json!({}), "spec.template is missing"),
        ("no-pod", json!({"template": {}}), "spec.template.spec is missing"),
        ("no-containers", json!({"template": {"spec": {"containers": []}}}), "containers is empty"),
        ("no-image", json!({"template": {"spec": {"containers": [{"name": "a"}]}}}), "containers[0].image is missing"),
        ("list", json!(["what", "is", "this"]), "spec: "),
        (
            "text-port",
            json!({"template": {"spec": {"containers": [{"name": "a", "image": "i", "ports": [{"containerPort": "x"}]}]}}}),
            "containerPort: invalid type: string \"x\"",
        ),
    ];
    eventually("the lax CRD", async || own.kubectl(&["get", "nb"])).await?;
    let notebook = |name: &str| json!({"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": name, "namespace": "default"}});
    own.apply(&notebook("no-spec"))?;
    for (name, spec, _) in &odd {
        let mut object = notebook(name);
        object["spec"] = spec.clone();
        own.apply(&object)?;
    }
    controllers.ready().await?;
    let told = async |name: &str, message: &str| {
        eventually(&format!("the status of {name}"), async || {
            let status = own.status(name)?;
            ensure!(status["phase"] == "Error" && status["reason"] == "InvalidSpec", "{status}");
            let said = status["conditions"][0]["message"].as_str().unwrap_or_default();
            ensure!(said.contains(message), "{said}");
            Ok(())
        })
        .await
    };
    told("no-spec", "spec.template is missing").await?;
    for (name, _, message) in &odd {
        told(name, message).await?;
    }

    // The rules come, and what broke them before is still there: its status can be written, and others work.
    own.apply(&crd)?;
    let mut good = notebook("good");
    good["spec"] = json!({"template": {"spec": {"containers": [{"name": "a", "image": "i"}]}}});
    let mut tries = 0;
    eventually("the rules", async || {
        // A new one each time: what is there already may stay as it is.
        tries += 1;
        let mut wrong = good.clone();
        wrong["metadata"]["name"] = format!("wrong-{tries}").into();
        wrong["spec"] = json!({});
        ensure!(own.apply(&wrong).is_err(), "the rules are not in force yet");
        Ok(())
    })
    .await?;
    own.apply(&good)?;
    eventually("the good one", async || {
        let status = own.status("good")?;
        ensure!(["Pending", "Unschedulable"].contains(&status["reason"].as_str().unwrap_or_default()), "{status}");
        Ok(())
    })
    .await?;
    for name in ["no-spec", "empty-spec", "no-pod"] {
        own.kubectl(&[
            "patch",
            "nb",
            name,
            "--subresource=status",
            "--type=json",
            "-p",
            r#"[{"op": "remove", "path": "/status"}]"#,
        ])?;
        told(name, "is missing").await?;
    }
    assert!(!controllers.log().contains("panicked"), "{}", controllers.log());
    Ok(())
}
