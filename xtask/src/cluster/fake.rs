//! Nodes by KWOK: objects whose pods become Ready, and which nothing runs on.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::kubectl;
use super::pki::kubeconfig_path;
use super::processes::{Program, all_alive, wait_for};
use super::settings::Settings;
use crate::home::repository;

/// Starts KWOK and waits until that many nodes are Ready.
pub(crate) fn start(dir: &Path, bin: &Path, settings: &Settings, count: u32) -> Result<()> {
    let mut kwok = [kwok(dir, bin, settings).start(bin, dir, true)?];
    let path = "dev/cluster/manifests/fake-node.yaml";
    let node = fs::read_to_string(repository().join(path)).with_context(|| format!("cannot read {path}"))?;
    let mut nodes = String::new();
    for number in 0..count {
        writeln!(nodes, "{}", node.replace("@NODE@", &format!("fake-{number}")))?;
    }
    kubectl::apply(bin, dir, "the fake nodes", &nodes)?;
    wait_for("the fake nodes", Duration::from_mins(2), || {
        all_alive(dir, &mut kwok)?;
        let ready =
            kubectl::run(bin, dir, &["wait", "--for=condition=Ready", "node", "--selector=type=kwok", "--timeout=5s"]);
        Ok(ready.err().map(|error| error.to_string()))
    })
}

fn kwok(dir: &Path, bin: &Path, settings: &Settings) -> Program {
    Program::new(
        "kwok",
        vec![
            // It logs each patch otherwise.
            "--v=WARN".to_owned(),
            format!("--config={}", bin.join("kwok.yaml").display()),
            format!("--kubeconfig={}", kubeconfig_path(dir, "kwok").display()),
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake".to_owned(),
            "--node-lease-duration-seconds=40".to_owned(),
            format!("--cidr={}", settings.fake_pods()),
            // Pods on the host's network have it, so that a server on this machine can stand for one of them.
            "--node-ip=127.0.0.1".to_owned(),
            format!("--server-address=127.0.0.1:{}", settings.ports.kwok),
        ],
    )
}
