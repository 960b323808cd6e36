//! `kubectl drain` while a kernel works, and after. Alone, as the node takes no other pods meanwhile.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::activity::Verdict;
use carrel_api::server::DISRUPTION_PENDING;
use carrel_tests::{Desk, PATIENCE, Policy, eventually, given, kubectl, within};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::json;

use crate::{CLAIM, pod_spec, server};

/// How long the kernel works.
const WORKS: u64 = 90;

/// The only node, uncordoned when dropped.
struct Node(String);

impl Node {
    fn drain(&self, namespace: &str, timeout: &str) -> Result<Command> {
        // Of this notebook alone: other pods of the node are not the test's.
        let mut command = Command::new(given("KUBECTL")?);
        command.args(["drain", &self.0, "--pod-selector", &format!("notebook-name=trains,carrel.test={namespace}")]);
        command.args(["--delete-emptydir-data", "--ignore-daemonsets", "--timeout", timeout]);
        Ok(command)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = kubectl(&["uncordon", &self.0]);
    }
}

#[tokio::test]
async fn a_drain_is_refused_while_a_kernel_trains_and_goes_through_after() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let _policy = Policy::set(&desk, json!({"idle": {"idleAfter": "4m", "warnBefore": "1m"}})).await?;
    desk.create(CLAIM).await?;
    let spec = pod_spec("trains");
    desk.create(&format!(
        "{{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {{name: trains, labels: {{carrel.test: {0}}}}},
           spec: {{template: {{spec: {spec}}}}}}}",
        desk.namespace
    ))
    .await?;
    within(PATIENCE * 2, "the start", async || desk.reaches("trains", "Running").await).await?;
    let jupyter = server(&desk, "trains").await?;
    jupyter.wait_until_answers(PATIENCE)?;
    let kernel = jupyter.kernel()?;
    kernel.run("import time")?;
    kernel.leave(&format!("time.sleep({WORKS})"))?;
    eventually("the budget", async || Ok(desk.api::<PodDisruptionBudget>().get("trains-0").await?)).await?;
    let (pod, node) = (desk.pod_uid("trains").await?, desk.status("trains").await?.node_name.context("no node")?);

    let node = Node(node);
    let refused = node.drain(&desk.namespace, "12s")?.output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(!refused.status.success() && said.contains("disruption budget"), "{said}");
    ensure!(desk.pod_uid("trains").await? == pod, "it is another pod");
    let pending = eventually("the condition", async || {
        let status = desk.status("trains").await?;
        let message = status.condition(DISRUPTION_PENDING).and_then(|condition| condition.message.clone());
        message.with_context(|| format!("{status:?}"))
    })
    .await?;
    ensure!(pending.contains("it is busy and kept there until"), "{pending}");
    let plan = Command::new(given("CARREL_BINARY")?).args(["drain-plan", &node.0]).output()?;
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    ensure!(plan.contains("trains"), "{plan}");
    println!("{plan}");

    // It goes on by itself once the kernel is done and that is certain.
    let mut drain = node.drain(&desk.namespace, "240s")?.stderr(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let drained = within(Duration::from_secs(WORKS + 180), "the end of the drain", async || {
        drain.try_wait()?.context("it still waits")
    })
    .await;
    let _ = drain.kill();
    ensure!(drained?.success(), "the drain failed");
    ensure!(desk.api::<PodDisruptionBudget>().get_opt("trains-0").await?.is_none(), "the budget stays");
    drop(node);
    desk.pod_after("trains", &pod).await?;
    let status = within(PATIENCE, "the end of it", async || {
        let status = desk.reaches("trains", "Running").await?;
        ensure!(status.condition(DISRUPTION_PENDING).is_none(), "{status:?}");
        Ok(status)
    })
    .await?;
    ensure!(status.life.activity.is_none_or(|activity| activity.verdict != Verdict::Busy), "of the new pod");
    Ok(())
}
