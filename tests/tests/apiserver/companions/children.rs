//! What Tensorboards and PVCViewers are made of, field by field as Kubeflow makes them.

use anyhow::Result;
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Service};
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use super::{Volumes, condition, deployment, make, make_with, pod, pods, reaches, status, uid};

async fn service(desk: &Desk, name: &str) -> Result<Value> {
    Ok(serde_json::to_value(desk.service(name).await?)?)
}

#[tokio::test]
async fn a_tensorboard_is_kubeflows_with_a_selector_of_its_own() -> Result<()> {
    let desk = Desk::with(&["--tensorboard-image=boards:1"]).await?;
    let _volumes = Volumes::new(&desk, &[("runs", "ReadWriteMany")]).await?;
    let metadata = json!({"name": "plain", "labels": {"team": "a", "app": "mine"}, "annotations": {"note": "kept"}});
    let made = make_with::<Tensorboard>(&desk, metadata, json!({"logspath": "pvc://runs/a/b"})).await?;
    let status = reaches::<Tensorboard>(&desk, "plain", "Running").await?;
    assert_eq!((&status["readyReplicas"], &status["phase"]), (&json!(1), &json!("Running")));

    let found = deployment(&desk, "plain").await?;
    let spec = &found["spec"];
    assert_eq!((&spec["replicas"], &spec["strategy"]), (&json!(1), &json!({"type": "Recreate"})));
    let own = json!({"app": "plain", "carrel.dev/tensorboard": "plain"});
    assert_eq!(spec["selector"], json!({"matchLabels": own}));
    let labels = json!({"app": "plain", "team": "a", "carrel.dev/tensorboard": "plain"});
    assert_eq!(spec["template"]["metadata"]["labels"], labels);
    assert_eq!(spec["template"]["metadata"]["annotations"], json!({"carrel.dev/tensorboard": "plain"}));
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Always");
    assert!(pod["affinity"].is_null(), "many nodes can have its claim");
    assert_eq!(pod["volumes"], json!([{"name": "tbpd", "persistentVolumeClaim": {"claimName": "runs"}}]));
    let server = &pod["containers"][0];
    assert_eq!((&server["name"], &server["image"]), (&json!("tensorboard"), &json!("boards:1")));
    assert_eq!((&server["imagePullPolicy"], &server["workingDir"]), (&json!("IfNotPresent"), &json!("/")));
    assert_eq!(server["command"], json!(["/usr/local/bin/tensorboard"]));
    assert_eq!(server["args"], json!(["--logdir=/tensorboard_logs/", "--bind_all"]));
    assert_eq!(server["ports"], json!([{"containerPort": 6006, "protocol": "TCP"}]));
    let mounts = json!([{"name": "tbpd", "mountPath": "/tensorboard_logs/", "subPath": "a/b", "readOnly": true}]);
    assert_eq!(server["volumeMounts"], mounts);
    let resources = json!({"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "2Gi"}});
    assert_eq!(server["resources"], resources, "so that it starts under a quota");

    let service = service(&desk, "plain").await?;
    assert_eq!((&service["spec"]["type"], &service["spec"]["selector"]), (&json!("ClusterIP"), &own));
    let ports = json!([{"name": "http-plain", "port": 80, "protocol": "TCP", "targetPort": 6006}]);
    assert_eq!(service["spec"]["ports"], ports);
    let owner = json!([{"apiVersion": "tensorboard.kubeflow.org/v1alpha1", "kind": "Tensorboard", "name": "plain",
        "uid": made["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}]);
    for child in [&found, &service] {
        assert_eq!(child["metadata"]["ownerReferences"], owner);
    }
    Ok(())
}

/// Kubeflow's table of logspaths, as far as it is sane: what is mounted where, and what TensorBoard reads.
#[tokio::test]
async fn each_logspath_is_mounted_and_read_as_in_kubeflow() -> Result<()> {
    let desk = Desk::new().await?;
    let claim = |claim: &str, path: &str| (json!({"persistentVolumeClaim": {"claimName": claim}}), path.to_owned());
    let logs = "/tensorboard_logs/";
    let key = (json!({"secret": {"secretName": "user-gcp-sa"}}), "/secret/gcp".to_owned());
    for (at, (text, mounted, folder, logdir)) in [
        ("pvc://runs", Some(claim("runs", logs)), None, logs),
        ("pvc://runs/", Some(claim("runs", logs)), None, logs),
        ("pvc://runs/sub/path/", Some(claim("runs", logs)), Some("sub/path/"), logs),
        ("gs://bucket/runs/", Some(key), None, "gs://bucket/runs/"),
        ("s3://bucket/runs", None, None, "s3://bucket/runs"),
        ("/cns/cell/runs", None, None, "/cns/cell/runs"),
        ("/logs/run1", Some(claim("tb-volume", "/logs/run1")), None, "/logs/run1"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("row{at}");
        make::<Tensorboard>(&desk, &name, json!({"logspath": text})).await?;
        let found = eventually(text, async || deployment(&desk, &name).await).await?;
        let pod = &found["spec"]["template"]["spec"];
        let server = &pod["containers"][0];
        assert_eq!(server["args"][0], format!("--logdir={logdir}"), "{text}");
        let Some((source, path)) = mounted else {
            assert!(pod["volumes"].is_null() && server["volumeMounts"].is_null(), "{text}: {pod}");
            continue;
        };
        for (kind, source) in source.as_object().unwrap() {
            for (field, value) in source.as_object().unwrap() {
                assert_eq!(&pod["volumes"][0][kind][field], value, "{text}");
            }
        }
        let mount = &server["volumeMounts"][0];
        assert_eq!((&mount["mountPath"], &mount["readOnly"]), (&json!(path), &json!(true)), "{text}");
        assert_eq!(mount["subPath"].as_str(), folder, "{text}");
        assert!(server["env"].is_null(), "Kubeflow sets none: {server}");
    }
    Ok(())
}

#[tokio::test]
async fn credentials_reach_the_container() -> Result<()> {
    let desk = Desk::new().await?;
    let minio = json!({"secretName": "keys", "s3Endpoint": "http://minio.minio:9000"});
    make::<Tensorboard>(&desk, "s3", json!({"logspath": "s3://runs", "credentials": minio})).await?;
    let found = eventually("s3", async || deployment(&desk, "s3").await).await?;
    let server = &found["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(server["envFrom"], json!([{"secretRef": {"name": "keys"}}]));
    let env = json!([
        {"name": "S3_ENDPOINT", "value": "http://minio.minio:9000"},
        {"name": "AWS_ENDPOINT_URL", "value": "http://minio.minio:9000"},
        {"name": "S3_USE_HTTPS", "value": "0"},
    ]);
    assert_eq!(server["env"], env);
    make::<Tensorboard>(
        &desk,
        "gs",
        json!({"logspath": "gs://runs", "credentials": {"secretName": "sa", "key": "k.json"}}),
    )
    .await?;
    let found = eventually("gs", async || deployment(&desk, "gs").await).await?;
    let pod = &found["spec"]["template"]["spec"];
    assert_eq!(pod["volumes"][0]["secret"]["secretName"], "sa");
    let env = json!([{"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/secret/gcp/k.json"}]);
    assert_eq!(pod["containers"][0]["env"], env);
    Ok(())
}

#[tokio::test]
async fn a_viewer_is_kubeflows() -> Result<()> {
    let desk = Desk::with(&["--viewer-image=files:1"]).await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    let networking = json!({"targetPort": 8080, "basePrefix": "/pvcviewer", "rewrite": "/", "timeout": "30s"});
    make::<PvcViewer>(&desk, "data", json!({"pvc": "data", "networking": networking})).await?;
    let status = reaches::<PvcViewer>(&desk, "data", "Running").await?;
    let url = format!("/pvcviewer/{}/data/", desk.namespace);
    assert_eq!((&status["ready"], &status["url"]), (&json!(true), &json!(url)));

    let found = deployment(&desk, "pvcviewer-data").await?;
    let spec = &found["spec"];
    assert_eq!((&spec["replicas"], &spec["strategy"]), (&json!(1), &json!({"type": "Recreate"})));
    let common = json!({"app.kubernetes.io/name": "data", "app.kubernetes.io/instance": "pvcviewer-data",
        "app.kubernetes.io/part-of": "pvc-viewer", "carrel.dev/pvcviewer": "pvcviewer-data"});
    assert_eq!(spec["selector"], json!({"matchLabels": common}));
    assert_eq!(spec["template"]["metadata"]["labels"], common);
    for (key, value) in common.as_object().unwrap() {
        assert_eq!(&found["metadata"]["labels"][key], value);
    }
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["volumes"], json!([{"name": "viewer-volume", "persistentVolumeClaim": {"claimName": "data"}}]));
    let server = &pod["containers"][0];
    assert_eq!((&server["name"], &server["image"]), (&json!("pvcviewer"), &json!("files:1")));
    assert_eq!(server["workingDir"], "/data");
    assert_eq!(server["ports"], json!([{"containerPort": 8080, "protocol": "TCP"}]));
    assert_eq!(server["volumeMounts"], json!([{"name": "viewer-volume", "mountPath": "/data"}]));
    let env = json!([{"name": "FB_ADDRESS", "value": "0.0.0.0"}, {"name": "FB_PORT", "value": "8080"},
        {"name": "FB_DATABASE", "value": "/tmp/filebrowser.db"}, {"name": "FB_NOAUTH", "value": "true"},
        {"name": "FB_BASEURL", "value": url}]);
    assert_eq!(server["env"], env);
    let service = service(&desk, "pvcviewer-data").await?;
    assert_eq!((&service["spec"]["type"], &service["spec"]["selector"]), (&json!("ClusterIP"), &common));
    assert_eq!(service["spec"]["ports"], json!([{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]));
    Ok(())
}

/// As the volumes web app makes one.
#[tokio::test]
async fn the_viewer_of_kubeflows_web_app_works_and_its_pod_is_its_own() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOnce")]).await?;
    desk.create("{apiVersion: v1, kind: ServiceAccount, metadata: {name: default-editor}}").await?;
    let base = format!("/pvcviewers/{}/data/", desk.namespace);
    let spec = json!({
        "pvc": "data",
        "podSpec": {
            "serviceAccountName": "default-editor",
            "containers": [{
                "name": "main", "image": "filebrowser/filebrowser:v2.32.0", "workingDir": "/srv",
                "env": [{"name": "FB_PORT", "value": "8080"}, {"name": "FB_BASEURL", "value": base}],
                "readinessProbe": {"tcpSocket": {"port": 8080}},
                "volumeMounts": [{"name": "viewer-volume", "mountPath": "/srv"}],
            }],
            "volumes": [{"name": "viewer-volume", "persistentVolumeClaim": {"claimName": "data"}}],
        },
        "networking": {"targetPort": 8080, "basePrefix": "/pvcviewers", "rewrite": "/", "timeout": "30s"},
        "rwoScheduling": true,
    });
    make::<PvcViewer>(&desk, "data", spec.clone()).await?;
    let status = reaches::<PvcViewer>(&desk, "data", "Running").await?;
    assert_eq!(status["url"], format!("/pvcviewers/{}/data/", desk.namespace));
    let found = deployment(&desk, "pvcviewer-data").await?;
    let pod = &found["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "default-editor");
    assert_eq!(pod["volumes"], spec["podSpec"]["volumes"]);
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    for field in ["name", "image", "env", "volumeMounts"] {
        assert_eq!(pod["containers"][0][field], spec["podSpec"]["containers"][0][field], "{field}");
    }
    Ok(())
}

/// Both as upstream has them in its samples, but for the namespace; the comments say what is to be expected.
#[tokio::test]
async fn kubeflows_samples_work_unedited() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create(include_str!("../../../kubeflow/tensorboard.yaml")).await?;
    let viewer = include_str!("../../../kubeflow/pvcviewer.yaml");
    for document in viewer.split("---\n") {
        desk.create(document).await?;
    }
    // Nothing runs on a fake node, so that it misses no Secret; a real one does.
    reaches::<Tensorboard>(&desk, "tensorboard-sample1", "Running").await?;
    let found = deployment(&desk, "tensorboard-sample1").await?;
    let args = &found["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(args[0], "--logdir=gs://quanlinkubeflow1_tf_mnist_logs1/mnist_tutorial/");
    // The default class of these tests makes no volumes.
    let status = eventually("a word of the viewer", async || {
        let status = status::<PvcViewer>(&desk, "pvcviewer-sample").await?;
        anyhow::ensure!(
            ["VolumeBinding", "Running"].contains(&condition(&status, "Ready")["reason"].as_str().unwrap_or_default()),
            "{status}"
        );
        Ok(status)
    })
    .await?;
    assert_eq!(status["url"], format!("/pvcviewer/{}/pvcviewer-sample/", desk.namespace));
    Ok(())
}

#[tokio::test]
async fn what_is_deleted_comes_back_and_goes_with_its_owner_but_the_claim_stays() -> Result<()> {
    let desk = Desk::new().await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteMany")]).await?;
    super::board(&desk, "board", "data").await?;
    make::<PvcViewer>(&desk, "files", json!({"pvc": "data", "networking": {"targetPort": 8080}})).await?;
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    reaches::<PvcViewer>(&desk, "files", "Running").await?;
    for child in ["board", "pvcviewer-files"] {
        for propagation in [DeleteParams::background(), DeleteParams::foreground()] {
            let before = (desk.api::<Deployment>().get(child).await?, desk.service(child).await?);
            desk.api::<Deployment>().delete(child, &propagation).await?;
            desk.api::<Service>().delete(child, &propagation).await?;
            eventually("new children", async || {
                let after = (desk.api::<Deployment>().get(child).await?, desk.service(child).await?);
                anyhow::ensure!(uid(&after.0) != uid(&before.0) && uid(&after.1) != uid(&before.1), "the same");
                Ok(())
            })
            .await?;
        }
    }
    reaches::<Tensorboard>(&desk, "board", "Running").await?;
    eventually("one pod", async || pod::<Tensorboard>(&desk, "board").await).await?;

    desk.api::<Tensorboard>().delete("board", &DeleteParams::foreground()).await?;
    desk.api::<PvcViewer>().delete("files", &DeleteParams::background()).await?;
    eventually("the end of all children", async || {
        let deployments = desk.api::<Deployment>().list(&ListParams::default()).await?.items;
        let services = desk.api::<Service>().list(&ListParams::default()).await?.items;
        anyhow::ensure!(deployments.is_empty() && services.is_empty());
        anyhow::ensure!(pods::<Tensorboard>(&desk, "board").await?.is_empty());
        Ok(())
    })
    .await?;
    let claim = desk.api::<PersistentVolumeClaim>().get("data").await?;
    assert!(claim.metadata.deletion_timestamp.is_none(), "data outlives what showed it");
    Ok(())
}
