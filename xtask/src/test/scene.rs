//! Where the tests run: a home of their own beside the developer's clusters, so that neither disturbs the other, also
//! when two runs go on at once or one crashed before.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::cluster::Nodes;
use crate::home;
use crate::programs;

/// What runs share with each other and with the developer: built once, never changed by a cluster.
const CACHES: &[&str] = &["bin", "images", "work"];

/// A run of the tests.
#[derive(Debug)]
pub(super) struct Scene {
    home: PathBuf,
    /// The binary of xtask, named before a build replaces it.
    xtask: PathBuf,
    pub(super) yes: bool,
}

impl Scene {
    /// Makes the home of this run, and removes those that crashed runs left.
    pub(super) fn set(yes: bool) -> Result<Self> {
        let xtask = std::env::current_exe().context("can't find the binary of xtask")?;
        programs::ensure(yes)?;
        let shared = home::home()?;
        let runs = shared.join("tests");
        let scene = Self { home: runs.join(std::process::id().to_string()), xtask, yes };
        for left in fs::read_dir(&runs).into_iter().flatten().flatten() {
            let name = left.file_name();
            if !Path::new("/proc").join(&name).join("exe").exists() || left.path() == scene.home {
                eprintln!("cleaning up after an earlier run");
                Self { home: left.path(), xtask: scene.xtask.clone(), yes }.clear()?;
            }
        }
        fs::create_dir_all(&scene.home).with_context(|| format!("can't make {}", scene.home.display()))?;
        for cache in CACHES {
            let cached = shared.join(cache);
            fs::create_dir_all(&cached)?;
            symlink(&cached, scene.home.join(cache))?;
        }
        Ok(scene)
    }

    /// `cargo xtask …` in this home, as a user would call it.
    pub(super) fn xtask(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.xtask);
        command.args(arguments).env("CARREL_HOME", &self.home);
        command
    }

    /// Starts a cluster.
    pub(super) fn up(&self, name: &str, nodes: Nodes) -> Result<()> {
        let (nodes, mut arguments) = (nodes.to_string(), vec!["cluster", "up", "--name", name, "--nodes"]);
        arguments.push(&nodes);
        if self.yes {
            arguments.push("--yes");
        }
        let status = self.xtask(&arguments).status()?;
        ensure!(status.success(), "the cluster {name} did not start");
        Ok(())
    }

    /// The environment by which tests find a cluster of this home and the binaries.
    pub(super) fn environment(&self, cluster: &str) -> Vec<(&'static str, PathBuf)> {
        let dir = self.home.join("clusters").join(cluster);
        vec![
            ("CARREL_HOME", self.home.clone()),
            ("CARREL_XTASK", self.xtask.clone()),
            ("CARREL_BINARY", self.xtask.with_file_name("carrel")),
            ("KUBECTL", self.home.join("bin/kubectl")),
            ("HELM", self.home.join("bin/helm")),
            ("KUBECONFIG", dir.join("kubeconfig")),
            ("CARREL_KUBECONFIG", dir.join("carrel.kubeconfig")),
            ("AUDIT_LOG", dir.join("log/audit.log")),
        ]
    }

    /// kubectl for a cluster of this home, as its administrator.
    pub(super) fn kubectl(&self, cluster: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.home.join("bin/kubectl"));
        command.args(arguments).envs(self.environment(cluster)).current_dir(home::repository());
        command
    }

    /// Ends every cluster of this run and removes its home.
    pub(super) fn clear(&self) -> Result<()> {
        if self.home.exists() {
            let status = self.xtask(&["cluster", "down", "--all"]).status()?;
            ensure!(status.success(), "clusters of {} are left", self.home.display());
            fs::remove_dir_all(&self.home).with_context(|| format!("can't remove {}", self.home.display()))?;
        }
        Ok(())
    }
}
