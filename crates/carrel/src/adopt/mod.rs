//! `carrel adopt`: what becomes of what Kubeflow's controllers made, and whether it did. Carrel's controllers do it; this
//! changes nothing.

mod apply;
mod child;
mod chosen;
mod companions;
mod notebooks;
mod pods;
mod progress;
mod read;
mod rows;
mod table;

use std::io;

use carrel_api::TimeSpan;
use clap::Args;

use crate::args::{LEASE, name};
use crate::client::{ClientError, ClusterArgs};
use crate::doctor::finding::Seen;
use crate::doctor::read::{Controllers, controllers};
use crate::doctor::rivals::Rival;
use crate::doctor::settings::Settings;
use crate::pages::ReadError;
use crate::printed::{Form, print_list, say};
use chosen::Chosen;
use rows::{Row, rows};

#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// The servers of this namespace alone; of all namespaces if absent.
    #[arg(short, long, value_parser = name)]
    namespace: Option<String>,

    /// The servers of all namespaces, as without --namespace.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,

    /// Note the pods, wait until Carrel's controllers have taken all over, and check that no pod of a Notebook is another or
    /// restarted. The controllers do the work; start this before them, so that it knows how it was.
    #[arg(long)]
    apply: bool,

    /// With --apply: how long to wait.
    #[arg(long, default_value = "10m", value_name = "TIME")]
    timeout: TimeSpan,

    /// The namespace in which Carrel is installed.
    #[arg(long, default_value = "carrel-system", value_parser = name, value_name = "NAMESPACE")]
    carrel_namespace: String,

    /// The name of the Lease, where the controllers have another.
    #[arg(long, default_value = LEASE, value_parser = name)]
    lease_name: String,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// How the children are printed.
    #[arg(short, long, default_value = "table", value_enum, value_name = "FORMAT")]
    output: Form,
}

/// Why nothing is taken over, or not all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdoptError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("Kubeflow's controllers are at work, and two for one kind fight: {}. Stop them first:\n  {}", .saw.join("; "), .stop.join("\n  "))]
    Rivals { saw: Vec<String>, stop: Vec<String> },
    #[error(
        "nobody can tell whether Kubeflow's controllers are at work: {0}; run this as somebody who may list Deployments"
    )]
    Blind(String),
    #[error("Carrel's controllers are not at work: {saw}; {mend}")]
    NoLeader { saw: String, mend: String },
    #[error("not all went as it should:\n  {}", .0.join("\n  "))]
    Incomplete(Vec<String>),
    #[error("can't write the list: {0}")]
    Write(#[from] io::Error),
}

/// Why a VirtualService of Kubeflow's stays.
const NO_ROUTES: &str = "Carrel is not set to make VirtualServices (USE_ISTIO, CARREL_ROUTING)";

/// Prints what becomes of the children, or goes along with it.
pub(crate) fn run(args: &AdoptArgs) -> Result<(), AdoptError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = args.cluster.client().await?;
        let controllers = controllers(&client, &args.carrel_namespace, &args.lease_name).await;
        if args.apply {
            refuse(&controllers.rivals, &controllers.settings())?;
            let apply::Outcome { rows, problems } = apply::accompany(&client, args).await?;
            show(&rows, args.output)?;
            return if problems.is_empty() { Ok(()) } else { Err(AdoptError::Incomplete(problems)) };
        }
        if let Some(words) = guessed(&controllers, &args.carrel_namespace) {
            say(&words);
        }
        let chosen = Chosen::of(&controllers.settings());
        let rows = rows(&read::read(&client, args.namespace.as_deref(), &chosen).await?, &chosen);
        show(&rows, args.output)?;
        refuse(&controllers.rivals, &controllers.settings())
    })
}

/// That the settings of the controllers can't be read, where they can't.
fn unread(controllers: &Controllers) -> Option<String> {
    let unread = controllers.unread()?;
    Some(format!("carrel: {unread}. Of settings what can be read counts, and else the defaults"))
}

/// That the settings of the controllers are not known, where they are not.
fn guessed(controllers: &Controllers, namespace: &str) -> Option<String> {
    if let Some(words) = unread(controllers) {
        return Some(words);
    }
    let is_there = controllers.work.deployment().is_some();
    (!is_there).then(|| {
        format!("carrel: no Deployment of Carrel's controllers is in {namespace} yet. What follows holds for the ConfigMap carrel there, or for the defaults")
    })
}

fn show(rows: &[Row], form: Form) -> io::Result<()> {
    print_list(rows, form, table::table, &table::sum(rows))
}

/// Whether controllers of Kubeflow's keep Carrel from it.
fn refuse(rivals: &Seen<Vec<Rival>>, settings: &Settings) -> Result<(), AdoptError> {
    let rivals = rivals.as_ref().map_err(|unread| AdoptError::Blind(unread.clone()))?;
    let active: Vec<_> = rivals.iter().filter(|rival| rival.is_in_the_way(settings)).collect();
    if active.is_empty() {
        return Ok(());
    }
    Err(AdoptError::Rivals {
        saw: active.iter().map(|rival| rival.saw()).collect(),
        stop: active.iter().map(|rival| rival.stop()).collect(),
    })
}

#[cfg(test)]
mod tests;
