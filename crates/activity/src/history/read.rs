//! From lines to what happened, in the order of time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead};

use jiff::Timestamp;

use super::{Happened, Record, Server};

/// The longest line that is read; a longer one was not written by a [`Journal`](super::Journal).
const LONGEST: u64 = 1 << 20;

/// What happened to servers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// In the order of time. It begins with the start of the oldest server that still ran at `since`.
    pub records: Vec<Record>,
    /// From when on it is asked for; what was before only tells how things stood then. The beginning if absent.
    pub since: Option<Timestamp>,
    /// Lines that could not be read.
    pub unreadable: usize,
}

impl History {
    /// The history of these records, from `since` on.
    pub fn new(mut records: Vec<Record>, since: Option<Timestamp>, unreadable: usize) -> Self {
        // Stable: what a process noted at one time stays in its order.
        records.sort_by_key(|record| record.at);
        records.dedup();
        if let Some(since) = since {
            forget_before(&mut records, since);
        }
        Self { records, since, unreadable }
    }

    /// The records of each server, in the order of time.
    pub fn by_server(&self) -> BTreeMap<&Server, Vec<&Record>> {
        let mut of = BTreeMap::<_, Vec<_>>::new();
        for record in &self.records {
            of.entry(&record.server).or_default().push(record);
        }
        of
    }
}

/// Leaves out what was before a time, but for what tells how each server stood then: its records since its last start, and
/// the stop of one that was stopped.
fn forget_before(records: &mut Vec<Record>, since: Timestamp) {
    let mut kept_from: HashMap<Server, (usize, Option<Timestamp>)> = HashMap::new();
    let mut stopped = HashSet::new();
    for (index, record) in records.iter().enumerate().take_while(|(_, record)| record.at < since) {
        let known = kept_from.get(&record.server);
        let container = match &record.happened {
            // Found running once more: what was heard before still holds.
            Happened::Started(started) if known.is_some_and(|(_, known)| *known == Some(started.container)) => continue,
            Happened::Started(started) => {
                stopped.remove(&record.server);
                Some(started.container)
            }
            Happened::Stopped(_) => {
                stopped.insert(record.server.clone());
                continue;
            }
            Happened::Ended if !stopped.contains(&record.server) => None,
            _ if known.is_none() => None,
            _ => continue,
        };
        kept_from.insert(record.server.clone(), (index, container));
    }
    let mut index = 0;
    records.retain(|record| {
        let keep = record.at >= since || kept_from.get(&record.server).is_none_or(|(from, _)| index >= *from);
        index += 1;
        keep
    });
}

/// Reads lines. One that can't be read, such as the last one before a crash, is counted and left out.
pub fn read(readers: impl IntoIterator<Item = impl BufRead>, since: Option<Timestamp>) -> io::Result<History> {
    let (mut records, mut unreadable) = (Vec::new(), 0);
    for mut reader in readers {
        let mut line = Vec::new();
        loop {
            line.clear();
            let whole = io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut line)?;
            if whole == 0 {
                break;
            }
            match Record::parse(&line) {
                Some(record) => records.push(record),
                None if line.trim_ascii().is_empty() => {}
                None => unreadable += 1,
            }
        }
    }
    Ok(History::new(records, since, unreadable))
}
