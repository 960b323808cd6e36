//! The runs of servers in a history: from each start of a container to its end.

use jiff::Timestamp;

use super::{Happened, History, Holds, Record, Server, Started, Stopped};

/// One run of a server.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Whose.
    pub server: &'a Server,
    /// The uid of its pod, where it was known.
    pub pod: Option<&'a str>,
    /// When it was noted that it runs; later than its start where a process found it running.
    pub noted: Timestamp,
    /// From when on it counts: from the start of its container, or later where it had been taken for ended.
    pub from: Timestamp,
    /// How it started.
    pub started: &'a Started,
    /// What happened until it ended, in the order of time.
    pub records: Vec<&'a Record>,
    /// When it ended, and how; it still runs if absent.
    pub end: Option<(Timestamp, End<'a>)>,
    /// When the server's next run started.
    pub next: Option<Timestamp>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End<'a> {
    /// Carrel stopped it.
    Stopped(&'a Stopped),
    /// Its owner stopped it, it was lost, or its container started anew.
    Gone,
}

impl<'a> Run<'a> {
    fn new(record: &'a Record, started: &'a Started) -> Self {
        Self {
            server: &record.server,
            pod: record.pod.as_deref(),
            noted: record.at,
            from: started.container,
            started,
            records: Vec::new(),
            end: None,
            next: None,
        }
    }

    /// When it ended, or `now` while it runs.
    pub fn until(&self, now: Timestamp) -> Timestamp {
        self.end.map_or(now, |(at, _)| at)
    }

    /// What it held.
    pub fn holds(&self) -> &'a Holds {
        &self.started.holds
    }

    fn end(&mut self, at: Timestamp, how: End<'a>) {
        self.end.get_or_insert((at, how));
    }
}

impl History {
    /// All runs, by server and time, and how many servers there are of which something is known before any start: the
    /// history begins later, and says nothing of that.
    pub fn runs(&self) -> (Vec<Run<'_>>, usize) {
        let (mut all, mut without_start) = (Vec::new(), 0);
        for records in self.by_server().into_values() {
            without_start += usize::from(records.first().is_some_and(|first| {
                !matches!(first.happened, Happened::Started(_) | Happened::Ended | Happened::Stopped(_))
            }));
            let mut runs: Vec<Run<'_>> = Vec::new();
            for record in records {
                let open = runs.last_mut().filter(|run| run.end.is_none());
                match (&record.happened, open) {
                    (Happened::Started(started), open) => {
                        let goes_on = open.filter(|run| {
                            run.pod == record.pod.as_deref() && run.started.container == started.container
                        });
                        if let Some(run) = goes_on {
                            run.records.push(record);
                            continue;
                        }
                        if let Some(last) = runs.last_mut() {
                            last.next = Some(started.container.max(last.until(started.container)));
                            last.end(started.container.max(last.noted), End::Gone);
                        }
                        let ended = runs.last().map_or(Timestamp::MIN, |last| last.until(Timestamp::MIN));
                        let run = Run::new(record, started);
                        runs.push(Run { from: run.from.max(ended), ..run });
                    }
                    (Happened::Stopped(stopped), Some(run)) => run.end(record.at, End::Stopped(stopped)),
                    (Happened::Ended, Some(run)) => run.end(record.at, End::Gone),
                    (_, Some(run)) => run.records.push(record),
                    (_, None) => {}
                }
            }
            all.append(&mut runs);
        }
        (all, without_start)
    }
}
