//! Notes transitions as controllers see them, where a history is kept.

use std::path::Path;
use std::sync::Arc;

use carrel_api::TimeSpan;
use carrel_api::activity::{LastStop, PendingStop};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::notes::Notes;
use super::{Happened, Journal, ReadError, Record, Seen, of_files};
use crate::judge::Judged;
use crate::prober::Server;

/// Notes each transition once, in a [`Journal`]. Cheap to clone. It may be told the same time and again; whoever does not lead
/// tells it nothing.
#[derive(Clone)]
pub struct Scribe(Arc<Desk>);

struct Desk {
    journal: Journal,
    notes: Mutex<Notes>,
}

impl Scribe {
    /// One that knows of no server yet: each that runs is noted as found running.
    pub fn new(journal: Journal) -> Self {
        Self(Arc::new(Desk { journal, notes: Mutex::default() }))
    }

    /// A server is seen with a pod, or without one.
    pub fn see(&self, server: &Server, seen: Option<&Seen<'_>>, now: Timestamp) {
        self.note(|notes| notes.see(server, seen, now));
    }

    /// A verdict was heard of its pod. `gap` is the longest time between two rounds of questions that is none.
    pub fn hear(&self, server: &Server, pod: &str, judged: &Judged, gap: TimeSpan) {
        self.note(|notes| notes.hear(server, pod, judged, gap));
    }

    /// This stop is announced, or none is.
    pub fn announce(&self, server: &Server, stop: Option<&PendingStop>, now: Timestamp) {
        self.note(|notes| notes.announce(server, stop, now));
    }

    /// It was stopped.
    pub fn stop(&self, server: &Server, stop: &LastStop) {
        self.note(|notes| notes.stop(server, stop));
    }

    /// Notes the end of those that still run by the history in `path`, and have no pod: it went while no process kept the
    /// history. Of use once all servers were seen. Blocks while it reads.
    pub fn settle(&self, path: &Path, now: Timestamp) -> Result<(), ReadError> {
        let history = of_files(path, None)?;
        let (runs, _) = history.runs();
        self.note(|notes| {
            let known = notes.known();
            let lost = runs.iter().filter(|run| run.end.is_none() && !known.contains(run.server));
            let ended = lost.map(|run| Record {
                at: now,
                server: run.server.clone(),
                pod: run.pod.map(str::to_owned),
                happened: Happened::Ended,
            });
            ended.collect::<Vec<_>>()
        });
        Ok(())
    }

    /// In the order of what happened: nobody else notes in between.
    fn note<R: IntoIterator<Item = Record>>(&self, what: impl FnOnce(&mut Notes) -> R) {
        let mut notes = self.0.notes.lock();
        what(&mut notes).into_iter().for_each(|record| self.0.journal.note(record));
    }
}
