//! `carrel why`: one screen about one object.

use super::*;

/// What it prints of an object of the desk's namespace, found.
fn said(desk: &Desk, object: &str) -> Result<String> {
    let output = carrel(&carrel_tests::kubeconfig()?, &["why", "-n", &desk.namespace, object])?;
    ensure!(output.status.success(), "{}", err(&output));
    Ok(out(&output))
}

/// The sentence with which it refuses.
fn refused(kubeconfig: &std::path::Path, namespace: &str, object: &str) -> Result<String> {
    let output = carrel(kubeconfig, &["why", "-n", namespace, object])?;
    ensure!(output.status.code() == Some(1) && output.stdout.is_empty(), "{output:?}");
    Ok(err(&output))
}

#[tokio::test]
async fn a_notebook_is_told_while_it_runs_and_when_it_is_stopped() -> Result<()> {
    let desk = Desk::new().await?;
    desk.running("iris").await?;
    let text = eventually("the Event of its start", async || {
        let text = said(&desk, "iris")?;
        ensure!(text.contains("Notebook/iris     Started"), "{text}");
        Ok(text)
    })
    .await?;
    let head = format!("Notebook iris in the namespace {}\n\nReady for ", desk.namespace);
    ensure!(text.starts_with(&head), "{text}");
    ensure!(!text.contains("what helps"), "nothing is to be helped: {text}");
    for part in ["Pod iris-0 on the node ", "StatefulSet/iris  SuccessfulCreate"] {
        ensure!(text.contains(part), "{part}: {text}");
    }

    desk.annotate("iris", "kubeflow-resource-stopped", Some("by-hand")).await?;
    desk.reaches("iris", "StoppedByOwner").await?;
    let text = said(&desk, "notebook/iris")?;
    let start = format!(
        "Stopped by the annotation kubeflow-resource-stopped (by-hand), not by Carrel.\n\
        To start it: kubectl annotate notebook iris -n {} kubeflow-resource-stopped-\n",
        desk.namespace
    );
    for part in
        ["Not ready for ", ": StoppedByOwner\n", "What that means, and what helps: The annotation", &start, "No pod.\n"]
    {
        ensure!(text.contains(part), "{part}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_quota_refuses_is_told_with_its_numbers_and_what_helps() -> Result<()> {
    let desk = Desk::new().await?;
    let quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: team}, spec: {hard: {requests.cpu: 1}}}";
    desk.create(quota).await?;
    desk.notebook("large", "{containers: [{name: a, image: i, resources: {requests: {cpu: 2}}}]}").await?;
    desk.reaches("large", "QuotaExceeded").await?;
    let text = said(&desk, "large")?;
    for part in
        [": QuotaExceeded\n", "requests.cpu: 2 asked", "What that means, and what helps: The namespace's ResourceQuota"]
    {
        ensure!(text.contains(part), "{part}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn volumes_and_companions_are_told_as_kubectl_names_them() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create("{apiVersion: carrel.dev/v1alpha1, kind: VolumeRequest, metadata: {name: data}, spec: {size: 1Gi, storageClassName: none}}").await?;
    desk.create("{apiVersion: tensorboard.kubeflow.org/v1alpha1, kind: Tensorboard, metadata: {name: runs}, spec: {logspath: 'pvc://data/'}}").await?;
    eventually("both statuses", async || {
        let volume = said(&desk, "vr/data")?;
        ensure!(
            volume.contains(": ClassMissing\n") && volume.contains("It goes on by itself when the class"),
            "{volume}"
        );
        let board = said(&desk, "tensorboards.tensorboard.kubeflow.org/runs")?;
        ensure!(board.starts_with("Tensorboard runs in ") && board.contains("What that means"), "{board}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_not_there_and_what_one_may_not_see_is_refused_in_a_sentence() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let admin = carrel_tests::kubeconfig()?;
    desk.notebook("iris", "{containers: [{name: a, image: i}]}").await?;
    let sentence = refused(&admin, &desk.namespace, "irsi")?;
    let expected = format!("carrel: there is no Notebook irsi in the namespace {}; there is iris\n", desk.namespace);
    assert_eq!(sentence, expected);
    let sentence = refused(&admin, &desk.namespace, "tensorboard/iris")?;
    ensure!(sentence.contains("but a Notebook of that name: --kind notebook"), "{sentence}");
    let sentence = refused(&admin, "nowhere", "iris")?;
    ensure!(sentence.contains("there is no namespace nowhere, and so no Notebook iris in it"), "{sentence}");
    ensure!(refused(&admin, &desk.namespace, "pod/iris-0")?.contains("is no kind that carrel knows"));

    let poor = poor()?;
    let sentence = refused(poor.path(), &desk.namespace, "tensorboard/runs")?;
    ensure!(
        sentence.contains("there is no right to get tensorboards.tensorboard.kubeflow.org in the namespace"),
        "{sentence}"
    );
    Ok(())
}

#[tokio::test]
async fn it_is_a_plugin_of_kubectl() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    desk.notebook("iris", "{containers: [{name: a, image: i}]}").await?;
    let folder = tempfile::tempdir()?;
    let binary = std::fs::canonicalize(given("CARREL_BINARY")?)?;
    std::os::unix::fs::symlink(binary, folder.path().join("kubectl-carrel"))?;
    let path = format!("{}:{}", folder.path().display(), given("PATH")?);
    let kubectl = |arguments: &[&str]| -> Result<String> {
        carrel_tests::run(Command::new(given("KUBECTL")?).arg("carrel").args(arguments).env("PATH", &path))
    };
    let help = kubectl(&["why", "--help"])?;
    ensure!(help.contains("Usage: kubectl carrel why [OPTIONS] <NAME>"), "{help}");
    let text = kubectl(&["why", "-n", &desk.namespace, "iris"])?;
    ensure!(text.contains("no Carrel looked at it yet"), "{text}");

    // Without a namespace that of the context counts, as kubectl has it.
    let mut config: Value = serde_saphyr::from_str(&std::fs::read_to_string(carrel_tests::kubeconfig()?)?)?;
    for context in config["contexts"].as_array_mut().context("no contexts")? {
        context["context"]["namespace"] = json!(desk.namespace);
    }
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, config.to_string())?;
    let output = carrel(&file, &["why", "iris"])?;
    ensure!(output.status.success() && out(&output).contains(&desk.namespace), "{output:?}");
    Ok(())
}
