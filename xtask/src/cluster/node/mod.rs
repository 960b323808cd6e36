//! A node that runs pods, in namespaces of its own on this machine: seen from outside here, from inside in [`init`].
//!
//! All its programs and containers live below one process 1. When that ends, the kernel ends all of them, and mounts,
//! links and rules go with the namespaces; only cgroups and the link's outer end need [`clean`].

mod cgroups;
mod config;
mod enter;
mod init;
mod mounts;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cargo::cargo;
use crate::cluster::Settings;
use crate::cluster::processes::{self, MARK, last_words, wait_for};

/// What process 1 is asked for; the caller of xtask has no use for it.
#[derive(Debug, clap::Subcommand)]
pub enum Inside {
    /// Join the node's cgroups and become process 1 of new namespaces.
    Enter {
        /// The cluster's folder.
        dir: PathBuf,
        /// The folder of programs.
        bin: PathBuf,
    },
    /// As process 1: mount, configure, start the node's programs, and reap.
    Init {
        /// The cluster's folder.
        dir: PathBuf,
        /// The folder of programs.
        bin: PathBuf,
    },
}

/// Runs as a part of a node; it comes back only with an error.
pub fn run(inside: &Inside) -> Result<()> {
    match inside {
        Inside::Enter { dir, bin } => enter::enter(dir, bin),
        Inside::Init { dir, bin } => init::init(dir, bin),
    }
}

/// The file by which process 1 says that all programs of the node were started.
fn started_file(dir: &Path) -> PathBuf {
    dir.join("node/started")
}

/// Starts a node with its control plane, and connects it with the machine.
pub(crate) fn start(dir: &Path, bin: &Path, settings: &Settings) -> Result<()> {
    for hidden in ["/run", "/var/lib", "/var/log", "/proc", "/sys"] {
        if dir.starts_with(hidden) {
            bail!(
                "a node can't have its files below {hidden}, which is another folder inside it; set CARREL_HOME elsewhere"
            );
        }
    }
    let executable = copy_executable(dir)?;
    let mut command = Command::new(executable);
    command.args(["node", "enter"]).arg(dir).arg(bin).env(MARK, dir);
    let mut outer = processes::start(&mut command, &processes::log(dir, "node"))?;
    let unshare = outer.id();
    let mut alive = || match outer.try_wait()? {
        Some(status) => bail!("process 1 of the node ended ({status}): {}", last_words(dir, "node")),
        None => Ok(()),
    };
    let mut first = None;
    wait_for("process 1 of the node", Duration::from_secs(20), || {
        alive()?;
        first = processes::of(dir)?.into_iter().find(|process| process.first).map(|process| process.pid);
        Ok(first.is_none().then(|| "it is not there yet".to_owned()))
    })?;
    cgroups::leave(unshare)?;
    connect(dir, settings, first.context("process 1 of the node is gone")?.as_raw_nonzero().get())?;
    wait_for("the node's control plane", Duration::from_mins(3), || {
        alive()?;
        Ok((!started_file(dir).exists()).then(|| last_words(dir, "node")))
    })
}

/// The link between the machine and the node, and the machine's routes to pods and Services over it.
fn connect(dir: &Path, settings: &Settings, first: i32) -> Result<()> {
    let (link, node, first) = (settings.link(), settings.address(), first.to_string());
    ip(&["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &first])?;
    // So that it is known whose it is even when the cluster's files are lost.
    ip(&["link", "set", &link, "alias", &dir.to_string_lossy()])?;
    ip(&["address", "add", &format!("{}/30", settings.gateway()), "dev", &link])?;
    ip(&["link", "set", &link, "up"])?;
    ip(&["route", "add", &settings.pods(), "via", &node, "dev", &link])?;
    ip(&["route", "add", &settings.services(), "via", &node, "dev", &link])
}

fn ip(arguments: &[&str]) -> Result<()> {
    let answer =
        Command::new("ip").args(arguments).stdin(Stdio::null()).output().context("cannot run ip; install iproute2")?;
    if !answer.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&answer.stderr).trim());
    }
    Ok(())
}

/// Removes what the namespaces don't take along: the link's outer end, with its routes, and the cgroups. The node's
/// processes are gone already.
pub(crate) fn clean(dir: &Path) -> Result<()> {
    let own = Settings::read(dir).map(|settings| settings.link()).ok();
    let links = Path::new("/sys/class/net");
    for entry in fs::read_dir(links).context("cannot list links")? {
        let Some(link) = entry?.file_name().to_str().map(str::to_owned) else { continue };
        if !link.starts_with("carrel") {
            continue;
        }
        let alias = fs::read_to_string(links.join(&link).join("ifalias")).unwrap_or_default();
        // One that no cluster has marked yet is of the start that was interrupted.
        if alias.trim() == dir.to_string_lossy() || (alias.trim().is_empty() && own.as_deref() == Some(&link)) {
            // The kernel removes it by itself some time after the namespace, and may be faster.
            let removed = ip(&["link", "delete", &link]);
            if links.join(&link).exists() {
                removed?;
            }
        }
    }
    cgroups::remove(dir)
}

/// A copy of xtask that no later build pulls away from under the node. When it is another program that uses this library,
/// such as a test, xtask is built.
fn copy_executable(dir: &Path) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find the running program")?;
    let source = if own.file_name().is_some_and(|name| name == "xtask") {
        PathBuf::from("/proc/self/exe")
    } else {
        build_xtask()?
    };
    let copy = dir.join("node/xtask");
    fs::create_dir_all(dir.join("node")).with_context(|| format!("cannot make {}/node", dir.display()))?;
    fs::copy(&source, &copy).with_context(|| format!("cannot copy {} to {}", source.display(), copy.display()))?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    Ok(copy)
}

fn build_xtask() -> Result<PathBuf> {
    let mut build = cargo(&["build", "--quiet", "--package=xtask", "--message-format=json"]);
    let answer = build.stdin(Stdio::null()).output().context("cannot run cargo")?;
    let messages = String::from_utf8_lossy(&answer.stdout);
    let executable = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_xtask = message.pointer("/target/name").is_some_and(|name| name == "xtask");
        message.get("executable")?.as_str().filter(|_| is_xtask).map(PathBuf::from)
    });
    executable
        .reduce(|_, last| last)
        .with_context(|| format!("cannot build xtask: {}", String::from_utf8_lossy(&answer.stderr).trim()))
}
