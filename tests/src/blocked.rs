//! A pod that somebody does not reach: no network plugin of the local cluster enforces a NetworkPolicy, so this does.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Packets from an address to a pod are dropped until this is lifted, or the pod ends.
pub struct Blocked {
    /// A process in the pod's network namespace.
    process: String,
}

/// The table of the rule, in the network namespace of the pod alone.
const TABLE: &str = "inet carrel_test";

impl Blocked {
    /// Drops what comes from this address to a pod of a node on this machine. Needs root.
    pub fn from(address: &str, pod_uid: &str) -> Result<Self> {
        let blocked = Self { process: process_of(pod_uid)? };
        let rules = format!("type filter hook input priority 0\nip saddr {address} drop");
        blocked.nft(&format!("table {TABLE} {{\nchain input {{\n{rules}\n}}\n}}"))?;
        Ok(blocked)
    }

    /// Lets them through again.
    pub fn lift(self) -> Result<()> {
        self.nft(&format!("delete table {TABLE}"))
    }

    fn nft(&self, rules: &str) -> Result<()> {
        let namespace = format!("--net=/proc/{}/ns/net", self.process);
        let mut nft = Command::new("nsenter")
            .args([&namespace, "nft", "-f", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .context("can't start nsenter")?;
        nft.stdin.take().context("no standard input")?.write_all(rules.as_bytes())?;
        let status = nft.wait()?;
        ensure!(status.success(), "nft in the network of process {}: {status}", self.process);
        Ok(())
    }
}

/// A process of a pod, which this machine sees among its own.
fn process_of(pod_uid: &str) -> Result<String> {
    let folder = format!("/pod{pod_uid}/");
    let mine = |process: &String| {
        let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
        groups.lines().any(|line| line.contains(&folder))
    };
    let processes = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    processes
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .find(mine)
        .with_context(|| format!("no process of the pod {pod_uid} runs on this machine"))
}
