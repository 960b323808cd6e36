//! Kubernetes clusters on this machine, told apart by name: a control plane, and fake nodes or one that runs pods.

mod commands;
mod control_plane;
mod down;
mod fake;
mod foreign;
mod kubectl;
pub mod node;
mod pki;
mod processes;
mod settings;
mod up;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

pub use commands::{Action, Named, run};
pub use foreign::Foreign;
pub use settings::Nodes;
use settings::Settings;

use crate::home::{Lock, home};
use crate::images::Alias;

/// The cluster that is meant when no name is given.
pub const DEFAULT_NAME: &str = "dev";

/// What [`Cluster::up`] is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// 1 to 20 of a-z, 0-9 and `-`.
    pub name: String,
    /// Its nodes.
    pub nodes: Nodes,
    /// Install missing packages without asking.
    pub yes: bool,
    /// Image references that the node's mirror answers with another image, before those of `aliases.txt`.
    pub aliases: Vec<Alias>,
}

impl Default for Options {
    fn default() -> Self {
        Self { name: DEFAULT_NAME.to_owned(), nodes: Nodes::default(), yes: false, aliases: Vec::new() }
    }
}

/// A cluster of this home.
#[derive(Debug, Clone)]
pub struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    settings: Settings,
}

impl Cluster {
    /// Starts a cluster and waits until it is ready; one of that name that runs with such nodes is left as it is.
    pub fn up(options: &Options) -> Result<Self> {
        up::up(options)
    }

    /// A cluster that was started and is whole.
    pub fn open(name: &str) -> Result<Self> {
        let cluster = Self::find(name)?;
        if let Some(what) = cluster.broken()? {
            bail!("cluster {name} is dead ({what}); `cargo xtask cluster up --name {name}` starts it anew");
        }
        Ok(cluster)
    }

    /// Ends a cluster and removes all that it left, whatever state it is in; true where there was anything.
    pub fn down(name: &str) -> Result<bool> {
        down::down(name)
    }

    /// Ends all clusters of this home, and returns their names.
    pub fn down_all() -> Result<Vec<String>> {
        down::down_all()
    }

    /// All clusters of this home, dead ones too, by name.
    pub fn list() -> Result<Vec<Self>> {
        let home = home()?;
        let clusters = settings::all(&home)?.into_iter();
        Ok(clusters
            .map(|settings| Self { dir: folder(&home, &settings.name), bin: home.join("bin"), settings })
            .collect())
    }

    fn find(name: &str) -> Result<Self> {
        check_name(name)?;
        let home = home()?;
        let dir = folder(&home, name);
        if !dir.exists() {
            bail!("there is no cluster {name}; `cargo xtask cluster up --name {name}` starts one");
        }
        Ok(Self { settings: Settings::read(&dir)?, bin: home.join("bin"), dir })
    }

    /// What keeps the cluster from being whole; `None` while it runs.
    pub fn broken(&self) -> Result<Option<String>> {
        if !self.dir.join("ready").exists() {
            return Ok(Some("it never became ready".to_owned()));
        }
        self.missing()
    }

    /// Whether another xtask starts or ends the cluster right now.
    pub fn changing(&self) -> Result<bool> {
        Lock::held(&lock_name(self.name()))
    }

    /// The programs that should run and don't.
    pub(crate) fn missing(&self) -> Result<Option<String>> {
        let alive = processes::of(&self.dir)?;
        let mut expected = control_plane::PROGRAMS.to_vec();
        match self.settings.nodes {
            Nodes::None => {}
            Nodes::Fake(_) => expected.push("kwok"),
            Nodes::Real => expected.extend(["containerd", "kubelet", "kube-proxy"]),
        }
        expected.retain(|name| alive.iter().all(|process| process.name != *name));
        Ok((!expected.is_empty()).then(|| format!("no {}", expected.join(", no "))))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Its nodes.
    pub fn nodes(&self) -> Nodes {
        self.settings.nodes
    }

    /// The folder of all its files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        pki::kubeconfig_path(&self.dir, "admin")
    }

    /// The kubeconfig of the user `carrel`, who holds exactly Carrel's rules.
    pub fn carrel_kubeconfig(&self) -> PathBuf {
        pki::kubeconfig_path(&self.dir, "carrel")
    }

    /// The audit log: JSON lines about requests of the user `carrel` and of the service accounts in `carrel-system`,
    /// each written at most a second late.
    pub fn audit_log(&self) -> PathBuf {
        audit_log(&self.dir)
    }

    /// kubectl with the administrator's kubeconfig.
    pub fn kubectl(&self) -> Command {
        kubectl::command(&self.bin, &self.dir)
    }

    /// The folder of the cluster's programs, kubectl among them.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.settings.age()
    }

    /// The API server's address, with scheme and port.
    pub fn server(&self) -> String {
        self.settings.server()
    }

    /// The addresses of a real node's pods and Services, in words; empty for other clusters, where nothing has one.
    pub fn addresses(&self) -> String {
        match self.settings.nodes {
            Nodes::Real => format!(
                "pods {}, services {}, dns {}",
                self.settings.pods(),
                self.settings.services(),
                self.settings.dns()
            ),
            Nodes::None | Nodes::Fake(_) => String::new(),
        }
    }

    /// The machine's address as pods of a real node see it: what runs on the machine can serve the cluster there.
    pub fn gateway(&self) -> Option<String> {
        (self.settings.nodes == Nodes::Real).then(|| self.settings.gateway())
    }
}

fn audit_log(dir: &Path) -> PathBuf {
    dir.join("log/audit.log")
}

fn folder(home: &Path, name: &str) -> PathBuf {
    home.join("clusters").join(name)
}

/// The lock that is held while the cluster is started or ended.
fn lock_name(name: &str) -> String {
    format!("cluster-{name}")
}

/// Names become part of paths, host names and cgroups.
fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 20 || !name.chars().all(fits) || name.starts_with('-') || name.ends_with('-') {
        bail!("a cluster's name is 1 to 20 of a-z, 0-9 and -, the - not at either end; {name:?} is none");
    }
    Ok(())
}
