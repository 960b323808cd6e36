//! What can't be shown is refused with a sentence: at the door, and by the controller where an object is older than the rules.

use anyhow::{Context, Result, ensure};
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Controllers, Desk, eventually};
use serde_json::{Value, json};

use super::{board, make, reaches, sentence};
use crate::outsiders::Own;

#[tokio::test]
async fn a_logspath_that_can_not_be_shown_is_refused_with_what_works() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let what_works = "logspath must be pvc://CLAIM, pvc://CLAIM/FOLDER, gs://BUCKET/FOLDER, s3://BUCKET/FOLDER, /cns/PATH, or an absolute path on the claim tb-volume";
    for text in [
        "",
        "/",
        "//",
        "runs",
        "logs/run1",
        "pvc://",
        "pvc:///x",
        "pvc://Runs",
        "pvc://runs//x",
        "gs://",
        "gs:///x",
        "s3://",
        "minio://bucket",
        "hdfs://host/x",
        "az://c/x",
        "abfs://c/x",
        "/a:b",
        "/cns/a:b",
    ] {
        let answer = make::<Tensorboard>(&desk, "wrong", json!({"logspath": text})).await;
        let error = answer.expect_err(text).to_string();
        ensure!(error.contains(what_works), "{text:?}: {error}");
    }
    for text in ["pvc://runs/..", "pvc://runs/a/../b", "/logs/../etc", "gs://bucket/../x"] {
        let answer = make::<Tensorboard>(&desk, "wrong", json!({"logspath": text})).await;
        let error = answer.expect_err(text).to_string();
        ensure!(error.contains("logspath must not leave its folder by .."), "{text:?}: {error}");
    }
    let answer = desk
        .create("{apiVersion: tensorboard.kubeflow.org/v1alpha1, kind: Tensorboard, metadata: {name: wrong}}")
        .await;
    let error = answer.expect_err("no spec").to_string();
    ensure!(error.contains("spec is required: spec.logspath must be pvc://CLAIM"), "{error}");
    for (spec, expected) in [
        (json!({}), "spec.logspath: Required value"),
        (json!({"logspath": "s3://a", "image": ""}), "spec.image"),
        (json!({"logspath": "s3://a", "credentials": {"s3Endpoint": "minio:9000"}}), "spec.credentials.s3Endpoint"),
        (json!({"logspath": "s3://a", "podLabels": {"a": 1}}), "spec.podLabels.a"),
    ] {
        let answer = make::<Tensorboard>(&desk, "wrong", spec.clone()).await;
        let error = answer.expect_err("a wrong spec").to_string();
        ensure!(error.contains(expected), "{spec}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn what_kubeflows_webhook_refuses_of_viewers_is_refused_without_one() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let server = json!([{"name": "a", "image": "i"}]);
    let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]);
    for (spec, expected) in [
        (json!({}), "spec.pvc: Required value"),
        (json!({"pvc": ""}), "spec.pvc"),
        (json!({"pvc": "data", "podSpec": {"containers": server}}), "a podSpec must mount the claim that pvc names"),
        (
            json!({"pvc": "other", "podSpec": {"containers": server, "volumes": volumes}}),
            "a podSpec must mount the claim that pvc names",
        ),
        (json!({"pvc": "data", "podSpec": {"volumes": volumes}}), "spec.podSpec.containers: Required value"),
        (json!({"pvc": "data", "podSpec": {"containers": [], "volumes": volumes}}), "should have at least 1 items"),
        (
            json!({"pvc": "data", "podSpec": {"restartPolicy": "Never", "containers": server, "volumes": volumes}}),
            "leave restartPolicy out or set it to Always",
        ),
        (
            json!({"pvc": "data", "networking": {"basePrefix": "/files/"}}),
            "basePrefix must be a path such as /pvcviewer",
        ),
        (json!({"pvc": "data", "networking": {"basePrefix": "files"}}), "basePrefix must be a path such as /pvcviewer"),
        (json!({"pvc": "data", "networking": {"rewrite": "x"}}), "rewrite must begin with /"),
        (json!({"pvc": "data", "networking": {"timeout": "soon"}}), "timeout must be a duration such as 30s"),
    ] {
        let answer = make::<PvcViewer>(&desk, "wrong", spec.clone()).await;
        let error = answer.expect_err(&spec.to_string()).to_string();
        ensure!(error.contains(expected), "{spec}: {error}");
    }
    for (at, spec) in
        [json!({"pvc": "data", "podSpec": {}}), json!({"pvc": "data", "podSpec": null})].into_iter().enumerate()
    {
        make::<PvcViewer>(&desk, &format!("right{at}"), spec).await?;
    }
    Ok(())
}

/// What passes the rules and is refused by the API server when the children are made.
#[tokio::test]
async fn a_refused_child_is_told_with_the_answer_and_mended_by_an_edit() -> Result<()> {
    let desk = Desk::new().await?;
    make::<Tensorboard>(&desk, "wrong", json!({"logspath": "s3://runs", "podLabels": {"not ok": "x"}})).await?;
    let status = reaches::<Tensorboard>(&desk, "wrong", "Refused").await?;
    assert_eq!(status["phase"], "Error");
    let said = sentence(&status);
    ensure!(said.contains("the Deployment is refused") && said.contains("not ok"), "{said}");
    desk.rests(std::time::Duration::from_secs(3)).await?;
    super::change::<Tensorboard>(&desk, "wrong", json!({"spec": {"podLabels": null}})).await?;
    reaches::<Tensorboard>(&desk, "wrong", "Running").await?;
    Ok(())
}

/// As a cluster has them that had Kubeflow's CRDs, or none with rules.
#[tokio::test]
async fn objects_older_than_the_rules_are_told_and_hurt_nobody() -> Result<()> {
    let own = Own::up()?;
    own.apply(&carrel_api::notebook::crd::definition())?;
    own.apply(&carrel_api::volume_request::crd::definition())?;
    own.apply(&carrel_api::lab_policy::crd::definition())?;
    let right = [carrel_api::tensorboard::crd::definition(), carrel_api::pvc_viewer::crd::definition()];
    for crd in &right {
        let mut lax = crd.clone();
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        lax["spec"]["versions"][0]["schema"] = json!({"openAPIV3Schema": open});
        own.apply(&lax)?;
    }
    eventually("the lax CRDs", async || own.kubectl(&["get", "tb,pvcv"])).await?;
    let odd = [
        ("tb", "null-spec", json!(null), "spec: invalid type: null"),
        ("tb", "no-path", json!({}), "spec.logspath is \"\"; it must be pvc://CLAIM"),
        ("tb", "number", json!({"logspath": 7}), "spec: logspath: invalid type: integer"),
        (
            "tb",
            "hdfs",
            json!({"logspath": "hdfs://host/x"}),
            "spec.logspath is \"hdfs://host/x\"; it must be pvc://CLAIM",
        ),
        ("tb", "dots", json!({"logspath": "pvc://runs/../x"}), "must not leave its folder by .."),
        ("pvcv", "list", json!([7]), "spec: "),
        ("pvcv", "no-claim", json!({"rwoScheduling": true}), "spec.pvc is empty"),
        (
            "pvcv",
            "no-mount",
            json!({"pvc": "data", "podSpec": {"containers": [{"name": "a", "image": "i"}]}}),
            "spec.podSpec has no volume of the claim data",
        ),
        (
            "pvcv",
            "no-server",
            json!({"pvc": "data", "podSpec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}}),
            "spec.podSpec has no containers",
        ),
        ("pvcv", "port", json!({"pvc": "data", "networking": {"targetPort": [1]}}), "spec: "),
    ];
    let object = |short: &str, name: &str| {
        let (version, kind) = match short {
            "tb" => ("tensorboard.kubeflow.org/v1alpha1", "Tensorboard"),
            _ => ("kubeflow.org/v1alpha1", "PVCViewer"),
        };
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}})
    };
    for (short, name, spec, _) in &odd {
        let mut object = object(short, name);
        object["spec"] = spec.clone();
        own.apply(&object)?;
    }
    // Kubeflow's own status, with nothing in it that Carrel writes.
    let old = r#"{"status": {"conditions": [{"deploymentState": "Available", "lastProbeTime": "2026-01-01T00:00:00Z"}], "readyReplicas": 1}}"#;
    own.kubectl(&["patch", "tb", "hdfs", "--subresource=status", "--type=merge", "-p", old])?;
    let controllers = Controllers::start(&own.0.carrel_kubeconfig(), &["--leader-elect=false"])?;
    controllers.ready().await?;
    let told = async |short: &str, name: &str, message: &str| {
        eventually(&format!("the status of {name}"), async || {
            let object: Value = serde_json::from_str(&own.kubectl(&["get", short, name, "-o", "json"])?)?;
            let status = &object["status"];
            ensure!(status["phase"] == "Error" && status["reason"] == "InvalidSpec", "{status}");
            ensure!(sentence(status).contains(message), "{status}");
            ensure!(!status.to_string().contains("deploymentState"), "{status}");
            Ok(())
        })
        .await
    };
    for (short, name, _, message) in &odd {
        told(short, name, message).await?;
    }
    // The rules come: the status of what broke them before can still be written.
    for crd in &right {
        own.apply(crd)?;
    }
    let mut tries = 0;
    eventually("the rules", async || {
        tries += 1;
        let mut wrong = object("tb", &format!("wrong-{tries}"));
        wrong["spec"] = json!({"logspath": "hdfs://x"});
        ensure!(own.apply(&wrong).is_err(), "the rules are not in force yet");
        Ok(())
    })
    .await?;
    for (short, name, message) in
        [("tb", "hdfs", "hdfs"), ("tb", "no-path", "it must be"), ("pvcv", "no-mount", "has no volume")]
    {
        let remove = r#"[{"op": "remove", "path": "/status"}]"#;
        own.kubectl(&["patch", short, name, "--subresource=status", "--type=json", "-p", remove])?;
        told(short, name, message).await?;
    }
    ensure!(!controllers.log().contains("panicked"), "{}", controllers.log());
    Ok(())
}

/// The children of one that was edited into something that can't be are left as they are.
#[tokio::test]
async fn what_no_longer_can_be_shown_leaves_what_runs_alone() -> Result<()> {
    let desk = Desk::new().await?;
    board(&desk, "board", "data").await?;
    let error = super::change::<Tensorboard>(&desk, "board", json!({"spec": {"logspath": "minio://x"}})).await;
    let error = error.err().context("it was let through")?.to_string();
    ensure!(error.contains("logspath must be"), "{error}");
    Ok(())
}
