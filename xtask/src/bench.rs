//! `cargo xtask bench`: figures, from the binary that users run. Nothing is asserted of a time.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::cargo::cargo;
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
    /// The VolumeRequest controller, beside pods of other people.
    Volumes {
        /// How many VolumeRequests.
        #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        n: u32,
        /// How many pods of other people to add; each tenth mounts one of the volumes.
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
        strangers: u32,
        /// Install missing packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// What a leader that is killed, or frozen, costs.
    Failover {
        /// How many notebooks are there before.
        #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(0..=20_000))]
        n: u32,
        /// Install missing packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Asking servers whether they are used, each of which is a port of a stand-in.
    Culling {
        /// How many notebooks.
        #[arg(long, visible_alias = "notebooks", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=15_000))]
        n: u32,
        /// For how many seconds nothing happens while it is counted what is asked of the API server.
        #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(10..=86_400))]
        rest: u32,
        /// Install missing packages without asking.
        #[arg(long)]
        yes: bool,
    },
}

/// A program of the tests that measures, and what it is told.
struct Measure {
    program: &'static str,
    told: Vec<(&'static str, String)>,
}

/// Measures, and prints figures.
pub fn run(bench: &Bench) -> Result<()> {
    let (measure, nodes, yes) = match bench {
        Bench::Notebooks { n, strangers, alone, yes } => {
            let told = vec![
                ("BENCH_NOTEBOOKS", n.to_string()),
                ("BENCH_STRANGERS", strangers.to_string()),
                ("BENCH_COMPARE", (!alone).to_string()),
            ];
            // Twice: the bare client's pods stay while Carrel's come.
            let nodes = (n * 2).div_ceil(PODS_A_NODE) + 1;
            (Measure { program: "bench-notebooks", told }, nodes, *yes)
        }
        Bench::Volumes { n, strangers, yes } => {
            let told = vec![("BENCH_VOLUMES", n.to_string()), ("BENCH_STRANGERS", strangers.to_string())];
            // No pod is started.
            (Measure { program: "bench-volumes", told }, 1, *yes)
        }
        Bench::Failover { n, yes } => {
            let told = vec![("BENCH_NOTEBOOKS", n.to_string())];
            // Those that are asked for meanwhile too.
            (Measure { program: "bench-failover", told }, n.div_ceil(PODS_A_NODE) + 2, *yes)
        }
        Bench::Culling { n, rest, yes } => {
            let told = vec![("BENCH_NOTEBOOKS", n.to_string()), ("BENCH_REST", rest.to_string())];
            (Measure { program: "bench-culling", told }, n.div_ceil(PODS_A_NODE) + 1, *yes)
        }
    };
    let binary = images::carrel_binary()?;
    let nodes = Nodes::Fake(nodes);
    let cluster = Cluster::up(&Options { name: CLUSTER.to_owned(), nodes, yes, ..Options::default() })?;
    let measured = measure.run(&cluster, &binary);
    Cluster::down(CLUSTER)?;
    measured
}

impl Measure {
    fn run(self, cluster: &Cluster, binary: &Path) -> Result<()> {
        let crds = cluster.kubectl().args(["apply", "-k", "deploy/crds"]).current_dir(home::repository()).output()?;
        ensure!(crds.status.success(), "the CRDs can't be applied: {}", String::from_utf8_lossy(&crds.stderr));
        let status = cargo(&["run", "--quiet", "--package=carrel-tests", "--bin", self.program])
            // As fast a client as the one it is compared with.
            .args(images::static_release()?)
            .envs(self.told)
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
}
