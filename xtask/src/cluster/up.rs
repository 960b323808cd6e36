//! Starting a cluster.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::processes::{self, wait_for};
use super::settings::{Nodes, Settings};
use super::{Cluster, Options, check_name, control_plane, down, fake, folder, kubectl, lock_name, node, pki};
use crate::home::{Lock, home, repository};
use crate::images::{self, Image};
use crate::packages;
use crate::programs;
use crate::progress::Step;

pub(crate) fn up(options: &Options) -> Result<Cluster> {
    let Options { name, nodes, yes, aliases } = options;
    check_name(name)?;
    if *nodes == Nodes::Real {
        if !packages::root() {
            bail!("a node that runs pods needs root; `--nodes fake` works without");
        }
        packages::ensure(packages::REAL_NODE, *yes, "; `--nodes fake` works without them")?;
    }
    packages::ensure(packages::CONTROL_PLANE, *yes, "")?;
    let _lock = Lock::take(&lock_name(name))?;
    if let Some(cluster) = running(options)? {
        eprintln!("cluster {name} is running, with nodes: {nodes}");
        return Ok(cluster);
    }
    let bin = programs::ensure(*yes)?;
    if *nodes == Nodes::Real {
        images::ensure(&[Image::Pause, Image::Coredns], *yes)?;
    }
    let home = home()?;
    let dir = folder(&home, name);
    // What a crash left, or a start that was interrupted.
    down::remove(&dir)?;

    let step = Step::start(&format!("starting a cluster, nodes: {nodes}"));
    let aliases = [aliases.clone(), images::aliases()?].concat();
    let settings = Settings::choose(&dir, name, *nodes, &aliases)?;
    let cluster = Cluster { dir, bin, settings };
    start(&cluster, &step).with_context(|| {
        format!(
            "cluster {name} did not start; its logs are in {}/log until `cargo xtask cluster down --name {name}`",
            cluster.dir.display()
        )
    })?;
    step.done();
    Ok(cluster)
}

/// The cluster that is asked for, if it runs; an error if it runs as another kind.
fn running(Options { name, nodes, aliases, .. }: &Options) -> Result<Option<Cluster>> {
    let Ok(cluster) = Cluster::find(name) else { return Ok(None) };
    if cluster.broken()?.is_some() {
        return Ok(None);
    }
    if cluster.nodes() != *nodes {
        bail!(
            "cluster {name} is running with nodes: {}; take it down first: cargo xtask cluster down --name {name}",
            cluster.nodes()
        );
    }
    if let Some(alias) = aliases.iter().find(|alias| !cluster.settings.aliases.contains(alias)) {
        let foreign = &alias.foreign;
        bail!(
            "cluster {name} is running without the alias for {foreign}; take it down first: cargo xtask cluster down --name {name}"
        );
    }
    Ok(Some(cluster))
}

fn start(cluster: &Cluster, step: &Step) -> Result<()> {
    let Cluster { dir, bin, settings } = cluster;
    for folder in ["pki", "log", "volumes"] {
        fs::create_dir_all(dir.join(folder)).with_context(|| format!("cannot make {}/{folder}", dir.display()))?;
    }
    pki::write(dir, settings)?;
    step.far("waiting for the control plane".to_owned());
    if settings.nodes == Nodes::Real {
        node::start(dir, bin, settings)?;
    } else {
        control_plane::start(bin, dir, settings, true)?;
    }
    manifests(dir, bin)?;
    match settings.nodes {
        Nodes::None => {}
        Nodes::Fake(count) => {
            step.far("waiting for the fake nodes".to_owned());
            fake::start(dir, bin, settings, count)?;
        }
        Nodes::Real => {
            step.far("waiting for the node and its DNS".to_owned());
            wait_for_dns(cluster)?;
        }
    }
    fs::write(dir.join("ready"), "").context("cannot mark the cluster as ready")
}

/// What every cluster has: a storage class, and Carrel's namespace and rules with a user who holds them.
fn manifests(dir: &Path, bin: &Path) -> Result<()> {
    let root = repository();
    let read = |path: &str| fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"));
    kubectl::apply(bin, dir, "the storage class", &read("dev/cluster/manifests/storage.yaml")?)?;
    for path in [
        "deploy/manifests/base/namespace.yaml",
        "deploy/manifests/base/cluster-role.yaml",
        "deploy/manifests/base/role.yaml",
        "deploy/manifests/base/bindings.yaml",
        "dev/cluster/manifests/carrel-user.yaml",
    ] {
        kubectl::apply(bin, dir, path, &read(path)?)?;
    }
    Ok(())
}

fn wait_for_dns(cluster: &Cluster) -> Result<()> {
    let Cluster { dir, bin, settings } = cluster;
    let path = "dev/cluster/manifests/dns.yaml";
    let dns = fs::read_to_string(repository().join(path)).with_context(|| format!("cannot read {path}"))?;
    let dns = dns.replace("@NAME@", &settings.name).replace("@DNS@", &settings.dns());
    kubectl::apply(bin, dir, "CoreDNS", &dns)?;
    let node = format!("node/{}", settings.name);
    let questions: [&[&str]; 2] = [
        &["wait", "--for=condition=Ready", &node, "--timeout=2s"],
        &["rollout", "status", "--namespace=kube-system", "deployment/coredns", "--timeout=2s"],
    ];
    for question in questions {
        wait_for("the node with its DNS", Duration::from_mins(2), || {
            if let Some(missing) = cluster.missing()? {
                let words =
                    missing.split("no ").last().map(|name| processes::last_words(dir, name)).unwrap_or_default();
                bail!("the node has {missing} any more: {words}");
            }
            Ok(kubectl::run(bin, dir, question).err().map(|error| error.to_string()))
        })?;
    }
    Ok(())
}
