//! kubectl, as the cluster's own set-up uses it: with the administrator's kubeconfig and the binary built here.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::pki::kubeconfig_path;
use super::processes::without_proxies;

/// kubectl for the cluster in `dir`.
pub(crate) fn command(bin: &Path, dir: &Path) -> Command {
    let mut command = Command::new(bin.join("kubectl"));
    without_proxies(&mut command).arg("--kubeconfig").arg(kubeconfig_path(dir, "admin"));
    command
}

/// What keeps the API server from being ready; `None` when it is.
pub(crate) fn ready(bin: &Path, dir: &Path) -> Result<Option<String>> {
    let answer = command(bin, dir)
        .args(["get", "--raw", "/readyz", "--request-timeout=5s"])
        .output()
        .context("cannot run kubectl")?;
    Ok((!answer.status.success()).then(|| String::from_utf8_lossy(&answer.stderr).trim().to_owned()))
}

/// Runs kubectl; an error has what it said.
pub(crate) fn run(bin: &Path, dir: &Path, arguments: &[&str]) -> Result<()> {
    let answer = command(bin, dir).args(arguments).stdin(Stdio::null()).output().context("cannot run kubectl")?;
    if !answer.status.success() {
        bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&answer.stderr).trim());
    }
    Ok(())
}

/// Applies YAML; `what` names it in an error.
pub(crate) fn apply(bin: &Path, dir: &Path, what: &str, yaml: &str) -> Result<()> {
    let mut child = command(bin, dir)
        .args(["apply", "--server-side", "--field-manager=xtask", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run kubectl")?;
    if let Some(mut stdin) = child.stdin.take() {
        // Where kubectl ended early, its own words tell more than a broken pipe.
        let _broken = stdin.write_all(yaml.as_bytes());
    }
    let answer = child.wait_with_output()?;
    if !answer.status.success() {
        bail!("cannot apply {what}: {}", String::from_utf8_lossy(&answer.stderr).trim());
    }
    Ok(())
}
