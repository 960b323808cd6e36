//! `carrel report`: what servers held, how much of it was used, and what culling gave back, by namespace.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use carrel_activity::history::Hours;
use carrel_activity::report::{Line, Report, report};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::args::name;
use crate::history::{HistoryError, Span, gaps, read};
use crate::printed::{Output, columns, csv, line, print, say};

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The history, which a controller with --history writes; may be given more than once.
    #[arg(long, env = "CARREL_HISTORY", required = true, value_name = "FILE")]
    history: Vec<PathBuf>,

    #[command(flatten)]
    span: Span,

    /// This namespace alone; all namespaces if absent.
    #[arg(short, long, value_parser = name)]
    namespace: Option<String>,

    /// How it is printed.
    #[arg(short, long, default_value = "table", value_enum, value_name = "FORMAT")]
    output: Output,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("can't write the report: {0}")]
    Write(#[from] io::Error),
}

/// A report as it is printed for machines.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    from: Timestamp,
    until: Timestamp,
    #[serde(flatten)]
    report: &'a Report,
    sum: Line,
}

/// Prints the report.
pub(crate) fn run(args: &ReportArgs) -> Result<(), ReportError> {
    let told = read(&args.history, &args.span, args.namespace.as_deref())?;
    let report = report(&told.history, told.to);
    let printed = match args.output {
        Output::Table => columns(&lines(&report, TABLE, ALL)),
        // A sum among what is summed would count twice in a spreadsheet.
        Output::Csv => csv(&lines(&report, CSV, None)),
        Output::Json => {
            let whole = Whole { from: told.from, until: told.to, report: &report, sum: report.sum() };
            serde_json::to_string_pretty(&whole).map_err(io::Error::other)? + "\n"
        }
    };
    print(&printed)?;
    // Beside the report, so that what reads it has nothing else in it.
    say(&format!("From {:.0} to {:.0}, in hours; of memory, GiB times hours", told.from, told.to));
    if let Some(gaps) = gaps(report.without_start, told.history.unreadable) {
        say(&format!("carrel: {gaps}"));
    }
    Ok(())
}

const TABLE: [&str; 7] = ["NAMESPACE", "RESOURCE", "HELD", "USED", "IDLE", "UNKNOWN", "GIVEN BACK"];
const CSV: [&str; 7] =
    ["namespace", "resource", "held_hours", "used_hours", "idle_hours", "unknown_hours", "given_back_hours"];

/// How the line of all namespaces is called.
const ALL: Option<&str> = Some("(all)");

fn lines(report: &Report, head: [&str; 7], all: Option<&str>) -> Vec<Vec<String>> {
    let mut lines = vec![line(head)];
    for (namespace, of) in &report.namespaces {
        of_namespace(namespace, of, &mut lines);
    }
    if let Some(all) = all.filter(|_| report.namespaces.len() > 1) {
        of_namespace(all, &report.sum(), &mut lines);
    }
    lines
}

/// A line for servers, CPU, memory and each kind of device.
fn of_namespace(namespace: &str, line: &Line, lines: &mut Vec<Vec<String>>) {
    let Line { held, used, idle, unknown, given_back } = line;
    let all = [held, used, idle, unknown, given_back];
    let mut one = |resource: &str, of: &dyn Fn(&Hours) -> f64| {
        let cells = all.iter().map(|hours| format!("{:.1}", of(hours)));
        lines.push([namespace.to_owned(), resource.to_owned()].into_iter().chain(cells).collect());
    };
    one("servers", &|hours| hours.servers);
    one("cpu", &|hours| hours.cpu);
    one("memory", &|hours| hours.memory_gib);
    let devices: BTreeSet<_> = all.iter().flat_map(|hours| hours.gpus.keys()).collect();
    for device in devices {
        one(device, &|hours| hours.gpus.get(device).copied().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let hours = |servers: f64| Hours {
            servers,
            cpu: servers * 2.0,
            memory_gib: servers * 4.0,
            gpus: [("nvidia.com/gpu".to_owned(), servers)].into(),
        };
        let plain = Line { held: Hours { servers: 1.0, ..Hours::default() }, ..Line::default() };
        let line =
            Line { held: hours(10.0), used: hours(6.0), idle: hours(3.5), unknown: hours(0.5), given_back: hours(4.0) };
        Report { namespaces: [("team-a".to_owned(), line), ("team-b".to_owned(), plain)].into(), without_start: 0 }
    }

    #[test]
    fn each_namespace_has_a_line_a_resource_and_all_have_a_sum() {
        let expected = "\
NAMESPACE  RESOURCE        HELD  USED  IDLE  UNKNOWN  GIVEN BACK
team-a     servers         10.0  6.0   3.5   0.5      4.0
team-a     cpu             20.0  12.0  7.0   1.0      8.0
team-a     memory          40.0  24.0  14.0  2.0      16.0
team-a     nvidia.com/gpu  10.0  6.0   3.5   0.5      4.0
team-b     servers         1.0   0.0   0.0   0.0      0.0
team-b     cpu             0.0   0.0   0.0   0.0      0.0
team-b     memory          0.0   0.0   0.0   0.0      0.0
(all)      servers         11.0  6.0   3.5   0.5      4.0
(all)      cpu             20.0  12.0  7.0   1.0      8.0
(all)      memory          40.0  24.0  14.0  2.0      16.0
(all)      nvidia.com/gpu  10.0  6.0   3.5   0.5      4.0
";
        assert_eq!(columns(&lines(&report(), TABLE, ALL)), expected);
    }

    #[test]
    fn machines_get_no_sum() {
        let text = csv(&lines(&report(), CSV, None));
        assert_eq!(text.lines().count(), 8);
        assert!(text.contains("\nteam-a,nvidia.com/gpu,10.0,6.0,3.5,0.5,4.0\n"), "{text}");
    }
}
