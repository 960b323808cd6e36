//! `carrel policy simulate`: drafts, tried on a history or on the servers that run.

use std::io;
use std::path::PathBuf;

use carrel_activity::history::Hours;
use carrel_activity::policy::{Defaults, Named};
use carrel_activity::simulate::{Fate, Simulation, ahead, simulate};
use carrel_api::TimeSpan;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::live::{self, policies};
use super::rows::{csv_lines, table_lines};
use super::sum::{given_back, sum};
use super::{PolicyError, draft};
use crate::activity::ActivityArgs;
use crate::args::name;
use crate::client::ClusterArgs;
use crate::history::{Span, gaps, read};
use crate::printed::{Output, columns, csv, print, say};

/// How far ahead is looked.
const AHEAD: TimeSpan = TimeSpan::from_hours(7 * 24);

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// LabPolicies to try, as YAML; `-` is standard input. May be given more than once.
    #[arg(short, long = "filename", required = true, value_name = "FILE")]
    file: Vec<PathBuf>,

    /// Replay this history, which a controller with --history writes; may be given more than once. Only the policies of -f hold
    /// then. Without it the next seven days of the servers that run now are told, as if nobody's work ended and nobody's
    /// began; the policies of -f hold beside those of the cluster, and in the place of one of the same name.
    #[arg(long, value_name = "FILE")]
    history: Vec<PathBuf>,

    #[command(flatten)]
    span: Span,

    /// The servers of this namespace alone; of all namespaces if absent.
    #[arg(short, long, value_parser = name)]
    namespace: Option<String>,

    /// How it is printed. The table and CSV have those that would be warned or stopped, JSON has all.
    #[arg(short, long, default_value = "table", value_enum, value_name = "FORMAT")]
    output: Output,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// A simulation with the time that it tells of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tried {
    /// Whether it looks ahead from servers as they are, or back at a history.
    pub(super) ahead: bool,
    /// From when.
    pub(super) from: Timestamp,
    /// Until when.
    pub(super) until: Timestamp,
    /// All that would be given back.
    pub(super) given_back: Hours,
    #[serde(flatten)]
    pub(super) simulation: Simulation,
}

pub(super) async fn run(args: &SimulateArgs) -> Result<(), PolicyError> {
    let drafts = draft::read(&args.file)?;
    let defaults = ActivityArgs::defaults();
    if args.history.is_empty() && args.span.is_given() {
        return Err(PolicyError::NoHistory);
    }
    let (tried, gaps) = if args.history.is_empty() {
        (look_ahead(args, &drafts, &defaults).await?, None)
    } else {
        let told = read(&args.history, &args.span, args.namespace.as_deref())?;
        let simulation = simulate(&told.history, &drafts, &defaults, told.to);
        let gaps = gaps(simulation.without_start, told.history.unreadable);
        (tried(false, (told.from, told.to), simulation), gaps)
    };
    print(&printed(&tried, args.output)?)?;
    // Beside the list, so that what reads the list has nothing else in it.
    say(&sum(&tried));
    if let Some(gaps) = gaps {
        say(&format!("carrel: {gaps}"));
    }
    Ok(())
}

async fn look_ahead(args: &SimulateArgs, drafts: &[Named], defaults: &Defaults) -> Result<Tried, PolicyError> {
    let client = args.cluster.client().await?;
    let all = with(drafts, policies(&client).await?.read);
    let standing = live::standing(&client, args.namespace.as_deref()).await?;
    let now = Timestamp::now();
    let until = now.checked_add(AHEAD.duration()).unwrap_or(Timestamp::MAX);
    Ok(tried(true, (now, until), ahead(&standing, &all, defaults, (now, until))))
}

/// The policies of a cluster with drafts among them, in the place of those of the same name.
fn with(drafts: &[Named], cluster: Vec<Named>) -> Vec<Named> {
    let (replaced, kept): (Vec<_>, Vec<_>) =
        cluster.into_iter().partition(|policy| drafts.iter().any(|draft| draft.name == policy.name));
    let created = |draft: &Named| replaced.iter().find(|old| old.name == draft.name).and_then(|old| old.created);
    let drafts: Vec<_> =
        drafts.iter().map(|draft| Named { created: created(draft).or(draft.created), ..draft.clone() }).collect();
    kept.into_iter().chain(drafts).collect()
}

fn tried(ahead: bool, (from, until): (Timestamp, Timestamp), simulation: Simulation) -> Tried {
    Tried { ahead, from, until, given_back: given_back(&simulation.fates), simulation }
}

fn printed(tried: &Tried, output: Output) -> io::Result<String> {
    let touched = |fate: &&Fate| fate.stopped.is_some() || !fate.warnings.is_empty();
    let fates: Vec<_> = tried.simulation.fates.iter().filter(touched).collect();
    Ok(match output {
        Output::Json => serde_json::to_string_pretty(tried).map_err(io::Error::other)? + "\n",
        Output::Csv => csv(&csv_lines(&fates)),
        Output::Table if fates.is_empty() => String::new(),
        Output::Table => columns(&table_lines(&fates)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, created: Option<&str>, priority: i32) -> Named {
        let spec = serde_json::from_value(serde_json::json!({"priority": priority})).unwrap();
        Named { name: name.to_owned(), created: created.map(|time| time.parse().unwrap()), spec }
    }

    #[test]
    fn a_draft_takes_the_place_and_the_age_of_the_policy_of_its_name() {
        let old = "2026-01-01T00:00:00Z";
        let cluster = vec![policy("lab", Some(old), 1), policy("other", Some(old), 1)];
        let all = with(&[policy("lab", None, 2), policy("new", None, 3)], cluster);
        assert_eq!(all, [policy("other", Some(old), 1), policy("lab", Some(old), 2), policy("new", None, 3)]);
    }
}
