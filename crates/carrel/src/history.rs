//! The history that the controllers keep, where an admin asks for one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use carrel_activity::history::{Journal, JournalError, Scribe};
use carrel_runtime::lease::Claim;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tracing::{info, warn};

/// After how long at the lead all servers have been seen.
const SEEN: Duration = Duration::from_secs(300);
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
