//! `cargo xtask`: what a developer runs.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum as _};
use xtask::images::Image;
use xtask::{bench, cluster, demo, generate, images, test};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "What a developer of Carrel runs.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kubernetes clusters on this machine.
    #[command(subcommand)]
    Cluster(cluster::Action),
    /// Build container images, and print their references; running nodes find them from then on.
    Images {
        /// Of these, what changed is built; none: all
        images: Vec<Image>,
        /// Also Carrel's own image, from the workspace as it is
        #[arg(long)]
        carrel: bool,
        /// Install missing system packages without asking
        #[arg(long)]
        yes: bool,
    },
    /// From nothing to a model trained in a notebook, on a cluster of its own or a given one; or back to nothing.
    Demo(demo::Arguments),
    /// Write the files that are generated: schemas from Kubernetes' own, CRDs from the code.
    Generate(generate::Arguments),
    /// Figures of what Carrel costs, printed.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Everything that CI runs, or its fast part.
    Test(test::Arguments),
    /// What runs inside a real node.
    #[command(subcommand, hide = true)]
    Node(cluster::node::Inside),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Cluster(action) => cluster::run(action),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Bench(what) => bench::run(&what),
        Command::Test(arguments) => test::run(&arguments),
        Command::Node(inside) => cluster::node::run(&inside),
        Command::Images { mut images, carrel, yes } => {
            if images.is_empty() && !carrel {
                images = Image::value_variants().to_vec();
            }
            images::ensure(&images, yes)?;
            for image in images {
                println!("{image}");
            }
            if carrel {
                println!("{}", images::carrel()?);
            }
            Ok(())
        }
    }
}
