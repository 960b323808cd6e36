//! `carrel policy`: what LabPolicies would do, and what they do. It changes nothing.

mod draft;
mod explain;
mod explained;
mod live;
mod rows;
mod simulate;
mod sum;

use std::io;

use clap::{Args, Subcommand};

use crate::client::ClientError;
use crate::history::HistoryError;
use crate::pages::ReadError;
use draft::DraftError;
use explain::ExplainArgs;
use simulate::SimulateArgs;

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Say who would be warned and stopped, when and by which evidence, and what that gives back. By a recorded history, or of
    /// the servers that run now. Nothing is changed.
    Simulate(SimulateArgs),
    /// Say which policy decides what for one server, what its owner asked for, and what comes next.
    Explain(ExplainArgs),
}

/// Why nothing can be said of policies.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error(transparent)]
    Draft(#[from] DraftError),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("there is no {kind} {name} in the namespace {namespace}; --kind names another kind")]
    Missing { kind: &'static str, namespace: String, name: String },
    #[error("--since and --until speak of a history; give one with --history, or leave them out to look ahead")]
    NoHistory,
    #[error("can't write the answer: {0}")]
    Write(#[from] io::Error),
}

/// Prints what is asked for.
pub(crate) fn run(args: &PolicyArgs) -> Result<(), PolicyError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &args.command {
            PolicyCommand::Simulate(args) => simulate::run(args).await,
            PolicyCommand::Explain(args) => explain::run(args).await,
        }
    })
}
