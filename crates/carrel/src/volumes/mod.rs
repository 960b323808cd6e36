//! `carrel volumes`: claims that no pod mounts for long, with what is known of them. It deletes nothing.

mod read;
mod rows;
mod table;

use std::io;

use carrel_api::TimeSpan;
use clap::Args;
use jiff::Timestamp;

use crate::age::short;
use crate::args::name;
use crate::client::{ClientError, ClusterArgs};
use crate::pages::{ReadError, place};
use crate::printed::{Form, print_list};
use rows::{Row, rows};

#[derive(Debug, Args)]
pub(crate) struct VolumesArgs {
    /// The claims of this namespace alone; of all namespaces if absent.
    #[arg(short, long, value_parser = name)]
    namespace: Option<String>,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// List claims that no pod mounts for at least this long, such as 30d, 2w or 12h. Where nobody knows since when, the age of
    /// the claim counts.
    #[arg(long, default_value = "30d", value_name = "TIME")]
    unused_for: TimeSpan,

    /// How they are printed.
    #[arg(short, long, default_value = "table", value_enum, value_name = "FORMAT")]
    output: Form,
}

/// Why the claims can't be listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("can't write the list: {0}")]
    Write(#[from] io::Error),
}

/// Prints the list.
pub(crate) fn run(args: &VolumesArgs) -> Result<(), ListError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let client = args.cluster.client().await?;
        Ok::<_, ListError>(read::read(&client, args.namespace.as_deref()).await?)
    })?;
    let now = Timestamp::now();
    let rows = rows(&found, args.unused_for.duration(), now);
    let sum = sum(&rows, found.claims.len(), args);
    Ok(print_list(&rows, args.output, |rows| table::table(rows, now), &sum)?)
}

/// What was found, in a sentence.
fn sum(rows: &[Row], of: usize, args: &VolumesArgs) -> String {
    let place = place(args.namespace.as_deref());
    let bytes: u128 = rows.iter().map(|row| u128::from(row.bytes)).sum();
    let tenths = (bytes * 10) >> 30;
    format!(
        "{} of the {of} claims of {place} ({}.{} GiB) are mounted by no pod for {} or longer",
        rows.len(),
        tenths / 10,
        tenths % 10,
        short(args.unused_for.duration())
    )
}
