//! The history that the controllers keep, where an admin asks for one, and how it is read again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use carrel_activity::history::{History, Journal, JournalError, ReadError, Scribe, of_files};
use carrel_api::TimeSpan;
use carrel_runtime::lease::Claim;
use clap::Args;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tracing::{info, warn};

/// After how long at the lead all servers have been seen.
const SEEN: Duration = Duration::from_mins(5);
/// How long the last records may take to be written when the process ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A history that is kept, and what writes it.
pub(crate) struct Kept {
    file: PathBuf,
    pub(crate) scribe: Scribe,
    writing: BoxFuture<'static, ()>,
}

impl Kept {
    pub(crate) fn open(file: &Path, size: u64) -> Result<Self, JournalError> {
        let (journal, writing) = Journal::open(file, size)?;
        info!(file = %file.display(), bytes = size, "the history is kept");
        Ok(Self { file: file.to_owned(), scribe: Scribe::new(journal), writing: Box::pin(writing) })
    }

    /// Writes from now on. What ended while no process kept the history is noted by the first of the two futures, which never
    /// ends; the second one ends when all is written, once nobody notes any more.
    pub(crate) fn write(self, claim: Claim) -> (impl Future<Output = ()>, impl Future<Output = ()>) {
        let written = tokio::spawn(self.writing);
        let last_words = async move {
            if tokio::time::timeout(LAST_WORDS, written).await.is_err() {
                warn!("the last records of the history were not written");
            }
        };
        (settle(self.scribe, self.file, claim), last_words)
    }
}

async fn settle(scribe: Scribe, file: PathBuf, mut claim: Claim) {
    loop {
        if claim.time_left().is_some() {
            tokio::time::sleep(SEEN).await;
            if claim.time_left().is_some() {
                let (scribe, file) = (scribe.clone(), file.clone());
                let settled = tokio::task::spawn_blocking(move || scribe.settle(&file, Timestamp::now())).await;
                if let Ok(Err(error)) = settled {
                    warn!("{error}");
                }
            }
        }
        claim.gained().await;
    }
}

/// What is read of a history.
#[derive(Debug, Args)]
pub(crate) struct Span {
    /// Begin this long before the end, such as 7d; with the history if absent.
    #[arg(long, value_name = "TIME")]
    since: Option<TimeSpan>,

    /// End at this time, such as 2026-03-01T18:00:00Z; now if absent. Of a copy: when it was made.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

impl Span {
    /// Whether anything of it is asked for.
    pub(crate) fn is_given(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }
}

/// Why a history is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("nothing is recorded between {from} and {to} in {files}; ask for another time with --since and --until")]
    Empty { files: String, from: String, to: String },
}

/// A history with the time that it tells of.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) history: History,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// Reads the histories in these files, of one namespace or of all, as one.
pub(crate) fn read(files: &[PathBuf], span: &Span, namespace: Option<&str>) -> Result<Told, HistoryError> {
    let to = span.until.unwrap_or_else(Timestamp::now);
    let since = span.since.map(|since| to.checked_sub(since.duration()).unwrap_or(Timestamp::MIN));
    let (mut records, mut unreadable) = (Vec::new(), 0);
    for file in files {
        let mut history = of_files(file, None)?;
        unreadable += history.unreadable;
        records.append(&mut history.records);
    }
    records.retain(|record| record.at <= to && namespace.is_none_or(|name| record.server.namespace == name));
    let history = History::new(records, since, unreadable);
    let first = history.records.first().map(|record| record.at);
    let Some(first) = first else {
        let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        let from = since.map_or("its beginning".to_owned(), |since| format!("{since:.0}"));
        return Err(HistoryError::Empty { files: files.join(", "), from, to: format!("{to:.0}") });
    };
    Ok(Told { from: since.unwrap_or(first).max(first), history, to })
}

/// What a history does not tell, in a sentence; none if it tells all.
pub(crate) fn gaps(without_start: usize, unreadable: usize) -> Option<String> {
    let servers = (without_start > 0).then(|| {
        format!(
            "of {without_start} servers the history has no start, and what was before their next one does not count"
        )
    });
    let lines = (unreadable > 0).then(|| format!("{unreadable} lines can't be read and are left out"));
    let all: Vec<_> = servers.into_iter().chain(lines).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"v":1,"at":"2026-03-01T08:00:00Z","kind":"Notebook","namespace":"a","name":"x","event":"started","container":"2026-03-01T08:00:00Z"}
{"v":1,"at":"2026-03-02T08:00:00Z","kind":"Notebook","namespace":"b","name":"y","event":"started","container":"2026-03-02T08:00:00Z"}
"#;

    fn span(since: Option<&str>, until: &str) -> Span {
        Span { since: since.map(|since| since.parse().unwrap()), until: Some(until.parse().unwrap()) }
    }

    #[test]
    fn a_history_is_read_within_its_time_and_of_one_namespace() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history");
        std::fs::write(&file, format!("{LINES}torn")).unwrap();
        let files = [file.clone(), file];
        let told = read(&files, &span(None, "2026-03-03T00:00:00Z"), None).unwrap();
        assert_eq!((told.history.records.len(), told.history.unreadable), (2, 2));
        assert_eq!(told.from.to_string(), "2026-03-01T08:00:00Z");
        let told = read(&files, &span(Some("1d"), "2026-03-03T00:00:00Z"), Some("a")).unwrap();
        assert_eq!((told.history.records.len(), told.from.to_string()), (1, "2026-03-02T00:00:00Z".to_owned()));
        let error = read(&files, &span(None, "2026-01-01T00:00:00Z"), None).unwrap_err().to_string();
        assert!(error.contains("nothing is recorded"), "{error}");
        assert_eq!(gaps(0, 0), None);
        assert!(gaps(2, 1).unwrap().contains("of 2 servers the history has no start"));
    }
}
