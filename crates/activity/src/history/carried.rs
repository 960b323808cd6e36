//! What the records of running servers rest on: their last start and verdict, carried over when a file is full, so that what
//! stays of the history can be understood.

use std::collections::BTreeMap;

use super::{Happened, Record, Server};

/// The last start and the last verdict of each server that runs.
#[derive(Debug, Default)]
pub(super) struct Carried {
    of: BTreeMap<Server, (Record, Option<Record>)>,
}

impl Carried {
    /// Takes in what happened.
    pub(super) fn note(&mut self, record: &Record) {
        match &record.happened {
            Happened::Started(_) => {
                let verdict = self.of.remove(&record.server).filter(|(start, _)| start.pod == record.pod);
                let verdict = verdict.and_then(|(_, verdict)| verdict);
                self.of.insert(record.server.clone(), (record.clone(), verdict));
            }
            Happened::Changed(said) => {
                if let Some((Record { happened: Happened::Started(started), .. }, _)) = self.of.get_mut(&record.server)
                {
                    started.said.clone_from(said);
                }
            }
            Happened::Verdict(_) => {
                if let Some((_, verdict)) = self.of.get_mut(&record.server) {
                    *verdict = Some(record.clone());
                }
            }
            Happened::Stopped(_) | Happened::Ended => {
                self.of.remove(&record.server);
            }
            Happened::Warned { .. } | Happened::Cancelled { .. } => {}
        }
    }

    /// Lines that tell of as many servers as fit in so many bytes.
    pub(super) fn lines(&self, bytes: u64) -> Vec<u8> {
        let mut lines = Vec::new();
        for (start, verdict) in self.of.values() {
            let mut both = start.line();
            both.extend(verdict.iter().flat_map(Record::line));
            if (lines.len() + both.len()) as u64 > bytes {
                break;
            }
            lines.append(&mut both);
        }
        lines
    }
}
