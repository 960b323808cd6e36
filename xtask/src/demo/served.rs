//! What the demo serves: a notebook, and what stands beside it. How each is found, waited for and reached.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::progress::Step;

use super::NAMESPACE;
use super::target::{Address, Target};

/// For a server to become Ready: pulling an image of 600 MB and starting on less than a CPU.
const READY: Duration = Duration::from_mins(5);

/// For its answer, once the pod is Ready: JupyterLab itself is still loading then, and TensorBoard reads its files every
/// few seconds.
const ANSWER: Duration = Duration::from_mins(2);

/// A server of the examples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served {
    /// Its kind, as kubectl takes it where other groups have one of this name.
    pub(super) resource: &'static str,
    /// The name of its object.
    pub(super) name: &'static str,
    /// The Service through which it is reached.
    pub(super) service: &'static str,
    /// The path of its pages, without slashes around it.
    pub(super) path: &'static str,
}

pub(super) const NOTEBOOK: Served =
    Served { resource: "notebooks.kubeflow.org", name: "iris", service: "iris", path: "notebook/team-a/iris" };

pub(super) const BOARD: Served =
    Served { resource: "tensorboards.tensorboard.kubeflow.org", name: "iris-runs", service: "iris-runs", path: "" };

pub(super) const VIEWER: Served = Served {
    resource: "pvcviewers.kubeflow.org",
    name: "iris-home",
    service: "pvcviewer-iris-home",
    path: "pvcviewer/team-a/iris-home",
};

/// All of them, in the order in which they are shown.
pub(super) const ALL: [Served; 3] = [NOTEBOOK, BOARD, VIEWER];

impl Served {
    /// Waits until it is Ready; `step` tells what it waits for meanwhile.
    pub(super) fn wait(&self, target: &Target, step: &Step) -> Result<()> {
        let Self { resource, name, .. } = self;
        let end = Instant::now() + READY;
        loop {
            let answer = target.run(["-n", NAMESPACE, "get", resource, name, "-o", "json"])?;
            let object: Value = serde_json::from_str(&answer).context("kubectl get printed what is not JSON")?;
            let Some(why) = why_not_ready(&object) else { return Ok(()) };
            let seconds = READY.as_secs();
            ensure!(Instant::now() < end, "{resource} {NAMESPACE}/{name} was not Ready after {seconds} s: {why}");
            step.far(why);
            sleep(Duration::from_millis(500));
        }
    }

    /// Opens a way to it, and asks there until the answer comes: `ask` gets the address of its pages and how long it may try.
    pub(super) fn reach<T>(&self, target: &Target, ask: impl Fn(&str, Duration) -> Result<T>) -> Result<(Address, T)> {
        let end = Instant::now() + ANSWER;
        loop {
            let address = target.address(self)?;
            match ask(address.url(), address.patience(ANSWER)) {
                Ok(answer) => return Ok((address, answer)),
                Err(error) if Instant::now() >= end => return Err(error),
                Err(_) => {}
            }
        }
    }
}

/// Asks until the answer comes, for so long.
pub(super) fn until<T>(patience: Duration, ask: impl Fn() -> Result<T>) -> Result<T> {
    let end = Instant::now() + patience;
    loop {
        match ask() {
            Err(_) if Instant::now() < end => sleep(Duration::from_millis(200)),
            answer => return answer,
        }
    }
}

/// What its condition says while a server is not Ready.
fn why_not_ready(object: &Value) -> Option<String> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition.get("type") == Some(&json!("Ready")));
    let Some(ready) = ready else { return Some("Carrel has not looked at it yet".to_owned()) };
    let word = |field| ready.get(field).and_then(Value::as_str).unwrap_or_default();
    (word("status") != "True").then(|| format!("{}: {}", word("reason"), word("message")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_why_it_waits() {
        let with = |conditions: Value| why_not_ready(&json!({ "status": { "conditions": conditions } }));
        assert_eq!(
            with(json!([{ "type": "Stopped", "status": "False" }, { "type": "Ready", "status": "True" }])),
            None
        );
        let waits = json!([{ "type": "Ready", "status": "False", "reason": "Creating", "message": "its pod is made" }]);
        assert_eq!(with(waits).unwrap(), "Creating: its pod is made");
        assert!(why_not_ready(&json!({})).is_some());
    }
}
