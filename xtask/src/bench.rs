//! `cargo xtask bench`: figures, from the binary that users run. Nothing is asserted of a time.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::cluster::{Cluster, Nodes, Options};
use crate::home;
use crate::images;

/// The cluster of the bench; it goes with it.
const CLUSTER: &str = "bench";

/// Pods that a fake node takes.
const PODS_A_NODE: u32 = 500;

/// What is measured.
#[derive(Debug, clap::Subcommand)]
pub enum Bench {
    /// The Notebook controller, beside a bare client that makes the same children.
    Notebooks {
        /// How many notebooks.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        n: u32,
        /// How many objects of other people to add, to see that they cost no memory.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
        strangers: u32,
        /// Leave out what Carrel is compared with.
        #[arg(long)]
        alone: bool,
        /// Install missing packages without asking.
        #[arg(long)]
        yes: bool,
    },
}

/// Measures, and prints figures.
pub fn run(bench: &Bench) -> Result<()> {
    let Bench::Notebooks { n, strangers, alone, yes } = bench;
    // Twice: the bare client's pods stay while Carrel's come.
    let nodes = Nodes::Fake((n * 2).div_ceil(PODS_A_NODE) + 1);
    let binary = images::carrel_binary()?;
    let cluster = Cluster::up(&Options { name: CLUSTER.to_owned(), nodes, yes: *yes, ..Options::default() })?;
    let measured = measure(&cluster, *n, *strangers, !alone, &binary);
    Cluster::down(CLUSTER)?;
    measured
}

fn measure(cluster: &Cluster, n: u32, strangers: u32, compare: bool, binary: &std::path::Path) -> Result<()> {
    let crds = cluster.kubectl().args(["apply", "-k", "deploy/crds"]).current_dir(home::repository()).output()?;
    ensure!(crds.status.success(), "the CRDs can't be applied: {}", String::from_utf8_lossy(&crds.stderr));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--package=carrel-tests", "--bin=bench-notebooks"])
        // As fast a client as the one it is compared with.
        .args(images::static_release()?)
        .current_dir(home::repository())
        .env("BENCH_NOTEBOOKS", n.to_string())
        .env("BENCH_STRANGERS", strangers.to_string())
        .env("BENCH_COMPARE", compare.to_string())
        .env("CARREL_BINARY", binary)
        .env("KUBECTL", home::home()?.join("bin/kubectl"))
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("CARREL_KUBECONFIG", cluster.carrel_kubeconfig())
        .env("AUDIT_LOG", cluster.audit_log())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the bench failed");
    Ok(())
}
