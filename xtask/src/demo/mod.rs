//! `cargo xtask demo`: from nothing to a model trained in a notebook, and back to nothing.

mod images;
mod install;
mod objects;
mod target;
mod train;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::jupyter::Server;
use crate::progress::{Step, words};

use images::Images;
use target::{Address, Target};

/// The name of the cluster that the demo starts where none is given.
pub const CLUSTER: &str = "demo";

/// The namespace and the name of the notebook in `examples/`.
const NAMESPACE: &str = "team-a";
const NOTEBOOK: &str = "iris";

/// Kubeflow's annotation: a notebook that carries it is stopped.
const STOPPED: &str = "kubeflow-resource-stopped";

/// For a notebook to become Ready: pulling an image of 600 MB and starting JupyterLab on less than a CPU.
const READY: Duration = Duration::from_mins(5);

/// For the page, once the pod is Ready: JupyterLab itself is still loading then.
const ANSWER: Duration = Duration::from_mins(2);

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
    show(&target, &images).inspect_err(|_| install::say_what_is_not_ready(&target))?;
    println!("\nThe demo took {}.", words(started.elapsed()));
    Ok(())
}

fn show(target: &Target, images: &Images) -> Result<()> {
    let step = Step::start("installing Carrel");
    install::carrel(target, images)?;
    step.done();

    let step = Step::start("starting the notebook team-a/iris");
    install::examples(target, images)?;
    install::wait_for_notebook(target, &step, READY)?;
    let (address, server) = reach(target)?;
    step.done();

    let step = Step::start("training XGBoost on the iris data in a kernel of it");
    let model = train::train(&server).context("the training in the notebook's kernel failed")?;
    step.done();

    println!("\n{model}");
    println!("{}", next(target, &address));
    Ok(())
}

/// Opens a way to the notebook's server, and waits until it answers there.
fn reach(target: &Target) -> Result<(Address, Server)> {
    let end = Instant::now() + ANSWER;
    loop {
        let address = target.address()?;
        let server = Server::at(address.url());
        match server.wait_until_answers(address.patience(ANSWER)) {
            Ok(()) => return Ok((address, server)),
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => {}
        }
    }
}

/// Where things are, what to try, and how to remove it all. Each line works as it stands when pasted into a shell.
fn next(target: &Target, address: &Address) -> String {
    let kubectl = target.shell_kubectl();
    let page = match address {
        Address::Service(url) => format!("JupyterLab:  {url}/lab"),
        Address::Forwarded { .. } => format!(
            "JupyterLab:  http://localhost:8888/notebook/{NAMESPACE}/{NOTEBOOK}/lab, while this runs:\n  \
             {kubectl} -n {NAMESPACE} port-forward service/{NOTEBOOK} 8888:80"
        ),
    };
    let environment = target.shell_environment().map(|line| format!("  {line}\n")).unwrap_or_default();
    format!(
        "{page}\n\
         \n\
         What to try next:\n\
         {environment}  \
         {kubectl} get notebooks --all-namespaces -o wide\n  \
         {kubectl} -n {NAMESPACE} exec {NOTEBOOK}-0 -- ls -l /home/jovyan\n  \
         # stop it: the pod goes, the volume and the model stay\n  \
         {kubectl} -n {NAMESPACE} annotate notebook {NOTEBOOK} {STOPPED}=\"$(date -u +%FT%TZ)\"\n  \
         # start it again\n  \
         {kubectl} -n {NAMESPACE} annotate notebook {NOTEBOOK} {STOPPED}-\n  \
         {kubectl} -n carrel-system logs deployment/carrel\n\
         \n\
         Remove it all:  {}",
        target.shell_down()
    )
}
