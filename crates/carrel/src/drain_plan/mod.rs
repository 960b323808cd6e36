//! `carrel drain-plan`: which servers hold a node, why and until when, and which may go. It changes nothing.

mod read;
mod rows;
mod table;

use std::io;

use clap::Args;
use jiff::Timestamp;

use crate::client::{ClientError, ClusterArgs};
use crate::printed::{Form, print_list};
use read::{Found, ReadError};
use rows::{Row, rows};

#[derive(Debug, Args)]
pub(crate) struct DrainPlanArgs {
    /// The node.
    node: String,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// How they are printed.
    #[arg(short, long, default_value = "table", value_enum, value_name = "FORMAT")]
    output: Form,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("can't write the plan: {0}")]
    Write(#[from] io::Error),
}

/// Prints the plan.
pub(crate) fn run(args: &DrainPlanArgs) -> Result<(), PlanError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let client = args.cluster.client().await?;
        Ok::<_, PlanError>(read::read(&client, &args.node).await?)
    })?;
    let rows = rows(&found);
    let table = |rows: &[Row]| table::table(rows, Timestamp::now());
    Ok(print_list(&rows, args.output, table, &sum(&rows, &found, &args.node))?)
}

/// What was found, in a sentence.
fn sum(rows: &[Row], found: &Found, node: &str) -> String {
    let going = found.node.is_going().unwrap_or("takes new pods still: kubectl cordon it first");
    let held = rows.iter().filter(|row| row.is_held()).count();
    // Whoever holds it without an end holds it for longer than all that have one.
    let ends: Option<Vec<_>> = rows.iter().filter(|row| row.is_held()).map(|row| row.until).collect();
    let until = match ends.as_ref().and_then(|ends| ends.iter().max()) {
        Some(last) => format!(", the last until {last:.0} at most"),
        None => String::new(),
    };
    let others = match found.others {
        0 => String::new(),
        1 => "; 1 pod on it is not Carrel's, and not listed".to_owned(),
        many => format!("; {many} pods on it are not Carrel's, and not listed"),
    };
    format!("{held} of the {} servers on the node {node} hold it{until}. The node {going}{others}", rows.len())
}

#[cfg(test)]
mod tests;
