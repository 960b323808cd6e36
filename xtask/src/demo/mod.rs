//! `cargo xtask demo`: from nothing to a model trained in a notebook and its run in TensorBoard, and back to nothing.

mod beside;
mod chart;
mod images;
mod install;
mod next;
mod objects;
mod served;
mod target;
mod train;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::jupyter::Server;
use crate::progress::{Step, words};

use images::Images;
use served::{BOARD, NOTEBOOK, VIEWER};
use target::Target;

/// The name of the cluster that the demo starts where none is given.
pub const CLUSTER: &str = "demo";

/// The namespace of `examples/`.
const NAMESPACE: &str = "team-a";

/// Kubeflow's annotation: a notebook that carries it is stopped, and so is what stands beside it.
const STOPPED: &str = "kubeflow-resource-stopped";

/// `cargo xtask demo`
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Remove what the demo made: its cluster, or in a given cluster everything that it installed.
    #[arg(long)]
    down: bool,
    /// Install missing packages without asking.
    #[arg(long)]
    yes: bool,
    /// Use the cluster of this file, not one of the demo's own.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Use the cluster of this context, not one of the demo's own.
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
    /// Install Carrel by its Helm chart, in the demo's own cluster; by kustomize if absent.
    #[arg(long, conflicts_with_all = ["kubeconfig", "context"])]
    helm: bool,
    /// An image to use, as carrel=REFERENCE or jupyter=REFERENCE. A given cluster needs both, as nothing can be
    /// built into it.
    #[arg(long, value_name = "NAME=REFERENCE")]
    image: Vec<String>,
}

/// Runs the demo, or removes it.
pub fn run(arguments: &Arguments) -> Result<()> {
    let given = Images::given(&arguments.image)?;
    let own = arguments.kubeconfig.is_none() && arguments.context.is_none();
    if arguments.down {
        return if own { target::remove_own() } else { install::remove(&Target::foreign(arguments)?) };
    }
    let started = Instant::now();
    let (target, images) = if own {
        let target = Target::own(arguments.yes)?;
        (target, given.or_built(arguments.yes)?)
    } else {
        // Asked for first: without them nothing else is worth a minute.
        let images = given.whole()?;
        let target = Target::foreign(arguments)?;
        install::refuse_what_others_made(&target, &images)?;
        (target, images)
    };
    show(arguments, &target, &images).inspect_err(|_| install::say_what_is_not_ready(&target))?;
    println!("\nThe demo took {}.", words(started.elapsed()));
    Ok(())
}

fn show(arguments: &Arguments, target: &Target, images: &Images) -> Result<()> {
    let began = Instant::now();
    if arguments.helm {
        let step = Step::start("installing Carrel by its Helm chart");
        chart::install(target, images, arguments.yes)?;
        step.done();
    } else {
        let step = Step::start("installing Carrel");
        install::carrel(target, images)?;
        step.done();
    }

    let step = Step::start("starting the notebook team-a/iris on a requested volume");
    install::examples(target, images)?;
    NOTEBOOK.wait(target, &step)?;
    let (lab, server) = NOTEBOOK.reach(target, |url, patience| {
        let server = Server::at(url);
        server.wait_until_answers(patience)?;
        Ok(server)
    })?;
    step.done();
    println!("From the beginning of the installation to the first notebook that answers: {}", words(began.elapsed()));

    let step = Step::start("training XGBoost on the iris data in a kernel of it");
    let model = train::train(&server).context("the training in the notebook's kernel failed")?;
    step.done();

    let step = Step::start("reading the run in TensorBoard, while the notebook runs");
    BOARD.wait(target, &step)?;
    let (board, run) = BOARD.reach(target, |url, patience| beside::run(url, patience, &model))?;
    step.done();

    let step = Step::start("looking at the notebook's files");
    VIEWER.wait(target, &step)?;
    let (files, seen) = VIEWER.reach(target, |url, patience| beside::files(url, patience, &model, target))?;
    let volume = beside::volume(target)?;
    step.done();

    println!("\n{model}\n{run}\n{seen}\n{volume}\n");
    println!("{}", next::words(target, &[&lab, &board, &files]));
    Ok(())
}
