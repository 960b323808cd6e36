//! The tools that people use on any pod work on a notebook's.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use carrel_tests::{Desk, PATIENCE, given, kubectl};
use xtask::jupyter::Server;

use crate::{CLAIM, pod_spec};

#[tokio::test]
async fn exec_logs_and_port_forward_work() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    desk.create(CLAIM).await?;
    desk.notebook("tool", &pod_spec("tool")).await?;
    desk.reaches("tool", "Running").await?;
    let namespace = ["-n", desk.namespace.as_str()];
    let with = |words: &[&str]| kubectl(&[&namespace, words].concat());

    ensure!(with(&["exec", "tool-0", "--", "id", "-u"])?.trim() == "1000");
    let logs = carrel_tests::eventually("the log", async || {
        let logs = with(&["logs", "tool-0"])?;
        ensure!(logs.contains("Jupyter Server"), "{logs}");
        Ok(logs)
    })
    .await?;
    ensure!(logs.contains("/notebook/"), "it serves below its path: {logs}");

    let mut forward = Command::new(given("KUBECTL")?)
        .args(namespace)
        .args(["port-forward", "service/tool", ":80"])
        .stdout(Stdio::piped())
        .spawn()?;
    // Kept open: kubectl ends when it can't write its next line.
    let mut output = BufReader::new(forward.stdout.take().context("no output")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    let address = line.split_whitespace().nth(2).context("no address")?.to_owned();
    let answer = Server::at(&format!("http://{address}/notebook/{}/tool", desk.namespace)).wait_until_answers(PATIENCE);
    forward.kill()?;
    forward.wait()?;
    answer
}
