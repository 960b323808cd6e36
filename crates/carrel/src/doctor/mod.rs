//! `carrel doctor`: whether Carrel can work in a cluster, and how to mend what keeps it from that. It changes nothing.

mod account;
mod definitions;
pub(crate) mod finding;
pub(crate) mod leader;
mod probes;
pub(crate) mod read;
mod rights;
pub(crate) mod rivals;
pub(crate) mod routes;
mod schema;
pub(crate) mod settings;
mod storage;
mod version;
mod webhooks;

use std::io;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use crate::args::{LEASE, name};
use crate::client::{ClientError, ClusterArgs};
use crate::printed::{Form, print_list};
use finding::{Finding, Level, lines, sum};
use read::{Controllers, Facts};

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The namespace in which Carrel is installed.
    #[arg(short, long, default_value = "carrel-system", value_parser = name)]
    namespace: String,

    /// The name of the Lease, where the controllers have another.
    #[arg(long, default_value = LEASE, value_parser = name)]
    lease_name: String,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// How the findings are printed.
    #[arg(short, long, default_value = "table", value_enum, value_name = "FORMAT")]
    output: Form,
}

/// Why the cluster can't be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoctorError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the API server does not answer: {0}; is it the right cluster, and does it take these credentials?")]
    Unreachable(Box<kube::Error>),
    #[error(
        "nothing of Carrel's could be looked at, as the findings say; run carrel doctor as an admin of the cluster"
    )]
    Blind,
    #[error("can't write the findings: {0}")]
    Write(#[from] io::Error),
}

/// What a run ends with if the cluster could not be looked at.
pub(crate) const BLIND: u8 = 2;

/// Prints the findings. What the process ends with.
pub(crate) fn run(args: &DoctorArgs) -> Result<ExitCode, DoctorError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let facts = runtime.block_on(async {
        let client = args.cluster.client().await?;
        read::read(&client, &args.namespace, &args.lease_name).await
    })?;
    let findings = findings(&facts, Timestamp::now());
    print_list(&findings, args.output, lines, &sum(&findings))?;
    if facts.is_blind() {
        return Err(DoctorError::Blind);
    }
    let is_ill = findings.iter().any(|one| one.level == Level::Problem);
    Ok(if is_ill { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is found, in the order in which it is to be mended.
fn findings(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let Controllers { work, config, rivals } = &facts.controllers;
    let settings = &facts.controllers.settings();
    let config = config.as_ref().err().map(|unread| Finding::unread("settings", unread));
    let all = [
        version::findings(&facts.version),
        config.into_iter().collect(),
        definitions::findings(&facts.definitions, settings),
        account::findings(&facts.account),
        leader::findings(work, settings, &facts.namespace, now),
        rivals::findings(rivals, settings),
        webhooks::findings(&facts.webhooks, rivals, settings),
        probes::findings(&facts.servers, settings),
        storage::findings(&facts.classes),
        routes::findings(&facts.apis, &facts.ingress_classes, settings),
        routes::metrics(&facts.apis),
    ];
    all.into_iter().flatten().collect()
}
