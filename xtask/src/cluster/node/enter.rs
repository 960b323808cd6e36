//! From an ordinary process to process 1 of a node's namespaces.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::cgroups;

/// Joins the cgroups first: the cgroup namespace begins where the process is when it is made.
pub(super) fn enter(dir: &Path, bin: &Path) -> Result<()> {
    // A session of its own, so that it outlives the terminal and gets none of its signals.
    rustix::process::setsid().context("cannot begin a session")?;
    cgroups::join(dir)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    // containerd finds its shim on PATH, the shim runc, and network plugins nft.
    let folders =
        [bin.to_path_buf()].into_iter().chain(std::env::split_paths(&path)).chain(["/usr/sbin".into(), "/sbin".into()]);
    let error = Command::new("unshare")
        .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "--kill-child"])
        .arg(std::env::current_exe().context("cannot find the running program")?)
        .args(["node", "init"])
        .arg(dir)
        .arg(bin)
        .env("PATH", std::env::join_paths(folders)?)
        .exec();
    Err(error).context("cannot run unshare; install util-linux")
}
