//! Why a server does not run, where a real kubelet decides it.

use anyhow::{Result, ensure};
use carrel_api::notebook::Phase;
use carrel_tests::Desk;

use crate::JUPYTER;

/// Waits for the reason and returns its sentence.
async fn sentence(desk: &Desk, name: &str, reason: &str) -> Result<String> {
    let status = desk.reaches(name, reason).await?;
    ensure!(status.phase == Some(Phase::Starting), "waiting is no error: {status:?}");
    Ok(status.condition("Ready").unwrap().message.clone().unwrap())
}

#[tokio::test]
async fn a_missing_image_is_named() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    desk.notebook("pull", "{containers: [{name: pull, image: 'registry.example/none:1'}]}").await?;
    let said = sentence(&desk, "pull", "ImagePullFailed").await?;
    ensure!(said.contains("the image registry.example/none:1 of container pull can't be pulled"), "{said}");
    ensure!(desk.status("pull").await?.container_state.waiting.is_some());
    Ok(())
}

#[tokio::test]
async fn a_crash_is_told_with_its_code_and_its_last_line() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    // To one stream, as nobody knows in which order two come into the log.
    let script = "import sys; print('reading', 'no such dataset: iris', sep=chr(10), file=sys.stderr); sys.exit(3)";
    let spec = format!("{{containers: [{{name: crash, image: '{JUPYTER}', command: [python3, -c, \"{script}\"]}}]}}");
    desk.notebook("crash", &spec).await?;
    let said = sentence(&desk, "crash", "CrashLoop").await?;
    ensure!(said.contains("exit code 3"), "{said}");
    ensure!(said.contains("no such dataset: iris"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_container_that_needs_more_than_its_limit_is_told_with_it() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let spec = format!(
        "{{containers: [{{name: hungry, image: '{JUPYTER}', resources: {{limits: {{memory: 64Mi}}}}, command: [python3, -c, \"x = b'x' * (1 << 30)\"]}}]}}"
    );
    desk.notebook("hungry", &spec).await?;
    let said = sentence(&desk, "hungry", "OutOfMemory").await?;
    ensure!(said.contains("its limit of 64Mi"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_missing_secret_is_named_as_a_variable_and_as_a_volume() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let env = "env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: hub-token, key: token}}}]";
    desk.notebook("variable", &format!("{{containers: [{{name: a, image: '{JUPYTER}', {env}}}]}}")).await?;
    let said = sentence(&desk, "variable", "CreateContainerError").await?;
    ensure!(said.contains("the Secret hub-token is not in the namespace"), "{said}");
    let volumes = "volumes: [{name: token, secret: {secretName: hub-token}}, {name: config, configMap: {name: hub-config, optional: true}}]";
    let mounts = "volumeMounts: [{name: token, mountPath: /token}, {name: config, mountPath: /config}]";
    desk.notebook("volume", &format!("{{{volumes}, containers: [{{name: a, image: '{JUPYTER}', {mounts}}}]}}")).await?;
    let said = sentence(&desk, "volume", "CreateContainerError").await?;
    ensure!(said.contains("the Secret hub-token is not in the namespace"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_probe_that_does_not_pass_is_told_with_its_answer() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let probe = "readinessProbe: {httpGet: {path: /nowhere, port: 8888}, periodSeconds: 1}";
    let spec = format!(
        "{{containers: [{{name: deaf, image: '{JUPYTER}', command: [python3, -m, http.server, '8888'], {probe}}}]}}"
    );
    desk.notebook("deaf", &spec).await?;
    carrel_tests::eventually("the probe's answer", async || {
        let said = sentence(&desk, "deaf", "Starting").await?;
        ensure!(said.starts_with("container deaf runs since 20"), "{said}");
        ensure!(said.contains("its probe does not pass yet: Readiness probe failed: HTTP probe failed"), "{said}");
        Ok(())
    })
    .await
}
