//! Log lines, for people or for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// The log filter can't be read.
#[derive(Debug, thiserror::Error)]
#[error("--log {filter:?} is no log filter ({problem}); use a level such as info, or info,carrel_notebook=debug")]
pub(crate) struct FilterError {
    filter: String,
    problem: String,
}

/// Sends log lines to standard error from now on.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), FilterError> {
    let wrong = |problem: String| FilterError { filter: filter.to_owned(), problem };
    // kube's own span of a reconcile would repeat ours on each line.
    let directives = format!("{filter},kube_runtime::controller=warn");
    let filter = EnvFilter::builder().parse(directives).map_err(|error| wrong(error.to_string()))?;
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
    }
    .map_err(|error| wrong(error.to_string()))
}
