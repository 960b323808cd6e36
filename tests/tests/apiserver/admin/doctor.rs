//! `carrel doctor` in a cluster where Carrel's roles are.

use carrel_tests::Controllers;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};

use super::*;

#[tokio::test]
async fn a_leader_is_found_and_one_that_is_missing_is_a_problem() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let admin = carrel_tests::kubeconfig()?;
    let lease = format!("--lease-name={}", desk.namespace);
    let (findings, code) = diagnosed(&admin, &[&lease])?;
    assert_eq!(code, Some(1));
    let expected = [("problem", "no Lease in carrel-system: no replica of the controllers ever worked")];
    assert_eq!(of_check(&findings, "leader"), expected);

    let kubeconfig = std::path::PathBuf::from(given("CARREL_KUBECONFIG")?);
    let arguments = ["--namespace", &desk.namespace, &lease, "--identity=one-of-two"];
    let controllers = Controllers::start(&kubeconfig, &arguments)?;
    controllers.ready().await?;
    eventually("a leader", async || {
        let (findings, _) = diagnosed(&admin, &[&lease])?;
        let leader = of_check(&findings, "leader");
        ensure!(matches!(leader[..], [("ok", saw)] if saw.starts_with("one-of-two leads, renewed ")), "{leader:?}");
        Ok(())
    })
    .await?;
    let (findings, _) = diagnosed(&admin, &[&lease])?;
    for check in ["version", "rights"] {
        let found = of_check(&findings, check);
        assert!(matches!(found[..], [("ok", _)]), "{found:?}");
    }
    let crds = of_check(&findings, "crds");
    assert_eq!(crds.len(), 5, "{crds:?}");
    assert!(crds.iter().all(|(level, saw)| *level == "ok" && saw.ends_with("the same as of this carrel")), "{crds:?}");
    Ok(())
}

#[tokio::test]
async fn what_carrel_has_in_its_namespace_and_what_it_lacks_is_told() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let admin = carrel_tests::kubeconfig()?;
    // As the chart names them for a release `labs`.
    let labels = json!({"app.kubernetes.io/part-of": "carrel", "app.kubernetes.io/component": "controllers"});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "labs", "labels": labels}, "spec": {
        "replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "carrel", "image": "registry.example/carrel:0.1.0",
                "envFrom": [{"configMapRef": {"name": "labs-carrel"}}]}]}}}});
    desk.create(&deployment.to_string()).await?;
    let config = "{apiVersion: v1, kind: ConfigMap, metadata: {name: labs-carrel}, data: {USE_ISTIO: 'true', CARREL_PROBE: 'false'}}";
    desk.create(config).await?;
    let (findings, code) = diagnosed(&admin, &["-n", &desk.namespace])?;
    assert_eq!(code, Some(1));
    let expected = [("problem", "labs: 0 of 0 replicas ready, image registry.example/carrel:0.1.0")];
    assert_eq!(of_check(&findings, "deployment"), expected);
    let rights = of_check(&findings, "rights");
    let account = format!("system:serviceaccount:{}:default lacks ", desk.namespace);
    assert!(matches!(rights[..], [("problem", saw)] if saw.starts_with(&account)), "{rights:?}");
    assert_eq!(of_check(&findings, "probes"), [("ok", "servers are not asked, as CARREL_PROBE says")]);
    let routes = of_check(&findings, "routes");
    assert!(matches!(routes[..], [(_, saw)] if saw.starts_with("istio is chosen")), "{routes:?}");
    Ok(())
}

#[tokio::test]
async fn a_controller_of_kubeflow_is_a_problem_while_it_works() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let admin = carrel_tests::kubeconfig()?;
    let name = "notebook-controller-deployment";
    let labels = json!({"app": "notebook-controller"});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "manager", "image": "docker.io/kubeflownotebookswg/notebook-controller:v1.8.0"}]}}}});
    desk.create(&deployment.to_string()).await?;
    let ours = format!("{}/{name}", desk.namespace);
    let found = || -> Result<Option<Value>> {
        let (findings, _) = diagnosed(&admin, &[])?;
        let is_ours = |one: &Value| one["check"] == "kubeflow" && one["saw"].as_str().unwrap().starts_with(&ours);
        Ok(findings.into_iter().find(is_ours))
    };
    eventually("the finding", async || {
        let one = found()?.context("none")?;
        ensure!(one["finding"] == "problem", "{one}");
        ensure!(one["mend"].as_str().unwrap().ends_with(&format!("scale deployment/{name} --replicas=0")), "{one}");
        Ok(())
    })
    .await?;
    let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
    desk.api::<Deployment>().patch(name, &PatchParams::default(), &none).await?;
    eventually("its rest", async || {
        let one = found()?;
        ensure!(one.is_none(), "{one:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn who_may_not_ask_gets_warnings_and_who_reaches_nobody_an_error() -> Result<()> {
    let poor = poor()?;
    let (findings, code) = diagnosed(poor.path(), &[])?;
    assert_eq!(code, Some(2), "nothing of Carrel's could be looked at");
    let rights = of_check(&findings, "rights");
    assert!(
        matches!(rights[..], [("warning", saw)] if saw.contains("no right to create subjectaccessreviews")),
        "{rights:?}"
    );

    let file = tempfile::NamedTempFile::new()?;
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "a", "user": {}}],
    });
    std::fs::write(file.path(), config.to_string())?;
    let output = carrel(file.path(), &["doctor"])?;
    ensure!(output.status.code() == Some(2) && output.stdout.is_empty(), "{output:?}");
    ensure!(err(&output).contains("the API server does not answer"), "{}", err(&output));
    Ok(())
}
