//! `cargo xtask cluster …`: what the library does, for a person.

use std::path::Path;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::{Cluster, DEFAULT_NAME, Foreign, Nodes, Options};
use crate::images::Alias;
use crate::progress::words;

/// Which cluster a command is about.
#[derive(Debug, Args)]
pub struct Named {
    /// The cluster's name: 1 to 20 of a-z, 0-9 and -
    #[arg(long, default_value = DEFAULT_NAME)]
    name: String,
}

/// The commands of `cargo xtask cluster`.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Start a cluster and wait until it is ready.
    ///
    /// The first time, this compiles Kubernetes (about 10 minutes on 2 cores). A running cluster with the same nodes is
    /// left as it is; what is left of a dead one is removed first.
    Up {
        /// Which cluster.
        #[command(flatten)]
        named: Named,
        /// none: a control plane only; fake[:COUNT]: nodes whose pods become Ready without running; real: a node that
        /// runs containers (needs root)
        #[arg(long, default_value_t = Nodes::Real)]
        nodes: Nodes,
        /// Install missing system packages without asking
        #[arg(long)]
        yes: bool,
        /// Run the image LOCAL, built here, where a pod asks for FOREIGN; a * at its end stands for anything (repeatable)
        #[arg(long = "image-alias", value_name = "FOREIGN=LOCAL")]
        aliases: Vec<Alias>,
    },
    /// End a cluster, running or dead, and remove all that it left.
    Down {
        /// Which cluster.
        #[command(flatten)]
        named: Named,
        /// End all clusters
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Give a running cluster the CRDs of other projects: kinds that Carrel's routes are, or VolumeSnapshots.
    Install {
        /// Whose CRDs.
        #[arg(required = true)]
        projects: Vec<Foreign>,
        /// Which cluster.
        #[command(flatten)]
        named: Named,
        /// Install a missing Go without asking
        #[arg(long)]
        yes: bool,
    },
    /// List the clusters: name, nodes, running or dead, age, addresses.
    Status,
    /// Print shell lines that choose a cluster: eval "$(cargo xtask cluster env)"
    ///
    /// KUBECONFIG is the administrator's, CARREL_KUBECONFIG that of the user `carrel` who holds exactly Carrel's rules,
    /// AUDIT_LOG the JSON lines about the requests of that user and of the service accounts in carrel-system.
    Env {
        /// Which cluster.
        #[command(flatten)]
        named: Named,
    },
}

/// Runs one of the commands.
pub fn run(action: Action) -> Result<()> {
    match action {
        Action::Up { named, nodes, yes, aliases } => {
            let cluster = Cluster::up(&Options { name: named.name, nodes, yes, aliases })?;
            println!("{}", line(&cluster)?);
            println!("eval \"$(cargo xtask cluster env --name {})\"", cluster.name());
        }
        Action::Down { all: true, .. } => {
            if Cluster::down_all()?.is_empty() {
                eprintln!("there is no cluster");
            }
        }
        Action::Down { named, all: false } => {
            let was = if Cluster::down(&named.name)? { "is down" } else { "was not there" };
            eprintln!("cluster {} {was}", named.name);
        }
        Action::Install { projects, named, yes } => {
            let cluster = Cluster::open(&named.name)?;
            for project in projects {
                cluster.install(project, yes)?;
                project.crds().iter().for_each(|crd| println!("{crd}"));
            }
        }
        Action::Status => {
            let clusters = Cluster::list()?;
            if clusters.is_empty() {
                println!("there is no cluster; `cargo xtask cluster up` starts one");
            }
            for cluster in clusters {
                println!("{}", line(&cluster)?);
            }
        }
        Action::Env { named } => {
            let cluster = Cluster::open(&named.name)?;
            println!("{}", export("KUBECONFIG", &cluster.kubeconfig())?);
            println!("{}", export("CARREL_KUBECONFIG", &cluster.carrel_kubeconfig())?);
            println!("{}", export("AUDIT_LOG", &cluster.audit_log())?);
        }
    }
    Ok(())
}

fn line(cluster: &Cluster) -> Result<String> {
    let state = match cluster.broken()? {
        None => "running".to_owned(),
        Some(_) if cluster.changing()? => "starting or ending".to_owned(),
        Some(what) => format!("dead ({what})"),
    };
    let (name, nodes, age) = (cluster.name(), cluster.nodes().to_string(), words(cluster.age()));
    let mut line = format!("{name:<12}  nodes: {nodes:<7}  {state}  since {age}  {}", cluster.server());
    if !cluster.addresses().is_empty() {
        line.push_str("  ");
        line.push_str(&cluster.addresses());
    }
    Ok(line)
}

/// A line that a shell takes as it is, whatever the path has in it.
fn export(name: &str, path: &Path) -> Result<String> {
    let Some(path) = path.to_str() else { bail!("{} is no text that a shell takes", path.display()) };
    Ok(format!("export {name}='{}'", path.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_for_the_shell() {
        assert_eq!(export("A", Path::new("/it's here")).unwrap(), r"export A='/it'\''s here'");
    }
}
