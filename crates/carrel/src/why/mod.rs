//! `carrel why`: the state of one object with all that explains it, in one screen. It changes nothing.

mod conditions;
mod events;
mod missing;
mod pods;
mod read;
mod screen;
mod target;

use std::io;

use clap::Args;
use jiff::Timestamp;

use crate::args::name;
use crate::client::{ClientError, ClusterArgs};
use crate::kind::Kind;
use crate::printed::print;
use target::{Target, TargetError};

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The name of a Notebook, or of an object of another --kind; or KIND/NAME as kubectl has it, such as tensorboard/runs.
    #[arg(value_name = "NAME")]
    object: String,

    /// Its namespace; that of the kubeconfig's context if absent.
    #[arg(short, long, value_parser = name)]
    namespace: Option<String>,

    /// Its kind; a Notebook if absent.
    #[arg(long, value_enum)]
    kind: Option<Kind>,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Why nothing can be said of an object.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WhyError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{0}")]
    Missing(String),
    #[error(
        "the cluster has no kind {kind} (the CRD {plural} is missing); `carrel doctor` says what else is, and \
        `carrel crds | kubectl apply -f -` makes it"
    )]
    NoKind { kind: &'static str, plural: String },
    #[error(
        "there is no right to get {plural} in the namespace {namespace}: {message}; whoever administers it can give it"
    )]
    Forbidden { plural: String, namespace: String, message: String },
    #[error("can't read the {target} in the namespace {namespace}: {source}")]
    Failed { target: Target, namespace: String, source: Box<kube::Error> },
    #[error("can't write the answer: {0}")]
    Write(#[from] io::Error),
}

/// Prints the screen.
pub(crate) fn run(args: &WhyArgs) -> Result<(), WhyError> {
    let target = target::target(&args.object, args.kind)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let client = args.cluster.client().await?;
        let namespace = args.namespace.as_deref().unwrap_or_else(|| client.default_namespace());
        read::read(&client, &target, namespace).await
    })?;
    Ok(print(&screen::screen(&found, Timestamp::now()))?)
}
