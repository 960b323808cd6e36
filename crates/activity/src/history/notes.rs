//! What was noted last of each server, so that each transition is noted once.

use std::collections::{BTreeMap, HashMap, HashSet};

use carrel_api::TimeSpan;
use carrel_api::activity::{LastStop, PendingStop};
use jiff::Timestamp;

use super::{Happened, Heard, Holds, Record, Said, Started, Stopped};
use crate::judge::Judged;
use crate::prober::Server;

/// A server that has a pod, as its controller sees it.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The uid of the pod.
    pub pod: &'a str,
    /// When the server's container started; absent while it does not run.
    pub container: Option<Timestamp>,
    /// Whether the pod is on its way out.
    pub ending: bool,
    /// What the pod asks for.
    pub holds: &'a dyn Fn() -> Holds,
    /// The server's labels.
    pub labels: &'a BTreeMap<String, String>,
    /// The server's annotations.
    pub annotations: &'a BTreeMap<String, String>,
    /// The labels of its namespace.
    pub namespace_labels: &'a BTreeMap<String, String>,
    /// The stop that is announced, as it is stored.
    pub announced: Option<&'a PendingStop>,
}

/// What was noted last of each server that has a pod.
#[derive(Debug, Default)]
pub(super) struct Notes {
    of: HashMap<Server, Last>,
}

#[derive(Debug)]
struct Last {
    pod: String,
    container: Timestamp,
    said: Said,
    announced: Option<PendingStop>,
    heard: Option<Judged>,
    /// It was stopped, and its pod is on its way out.
    over: bool,
}

impl Notes {
    /// A server is seen with a pod, or without one.
    pub(super) fn see(&mut self, server: &Server, seen: Option<&Seen<'_>>, now: Timestamp) -> Vec<Record> {
        let Some(seen) = seen else { return self.end(server, now).into_iter().collect() };
        let same_pod = self.of.get(server).is_some_and(|last| last.pod == seen.pod);
        let mut records: Vec<_> = if same_pod { Vec::new() } else { self.end(server, now).into_iter().collect() };
        let Some(container) = seen.container else { return records };
        if let Some(last) = self.of.get_mut(server).filter(|last| last.container == container) {
            if !last.over && !last.said.is(seen.labels, seen.annotations, seen.namespace_labels) {
                last.said = Said::of(seen.labels, seen.annotations, seen.namespace_labels);
                records.push(record(server, seen.pod, now, Happened::Changed(last.said.clone())));
            }
        } else if !seen.ending {
            let said = Said::of(seen.labels, seen.annotations, seen.namespace_labels);
            let last = Last {
                pod: seen.pod.to_owned(),
                container,
                said: said.clone(),
                announced: seen.announced.filter(|stop| stop.warned >= container).cloned(),
                heard: None,
                over: false,
            };
            self.of.insert(server.clone(), last);
            let started = Started { container, holds: (seen.holds)(), said };
            records.push(record(server, seen.pod, now, Happened::Started(started)));
        }
        records
    }

    /// A verdict was heard of its pod.
    pub(super) fn hear(&mut self, server: &Server, pod: &str, judged: &Judged, gap: TimeSpan) -> Option<Record> {
        let last = self.of.get_mut(server).filter(|last| last.pod == pod && !last.over)?;
        if judged.at < last.container {
            return None;
        }
        let heard = Heard::after(last.heard.as_ref(), judged, gap);
        // The evidence is not compared.
        last.heard = Some(Judged { evidence: Vec::new(), ..*judged });
        heard.map(|heard| record(server, pod, judged.at, Happened::Verdict(heard)))
    }

    /// This stop is announced, or none is.
    pub(super) fn announce(&mut self, server: &Server, stop: Option<&PendingStop>, now: Timestamp) -> Option<Record> {
        let last = self.of.get_mut(server).filter(|last| !last.over)?;
        let key = |stop: &PendingStop| (stop.cause, stop.at);
        if last.announced.as_ref().map(key) == stop.map(key) {
            return None;
        }
        let before = std::mem::replace(&mut last.announced, stop.cloned());
        let happened = match (stop, before) {
            (Some(stop), _) => Happened::Warned { cause: stop.cause, due: stop.at },
            (None, before) => Happened::Cancelled { cause: before?.cause },
        };
        Some(record(server, &last.pod, now, happened))
    }

    /// It was stopped.
    pub(super) fn stop(&mut self, server: &Server, stop: &LastStop) -> Option<Record> {
        let last = self.of.get_mut(server).filter(|last| !last.over)?;
        last.over = true;
        let stopped = Stopped { cause: stop.cause, by: stop.by.clone(), evidence: stop.evidence.clone() };
        Some(record(server, &last.pod, stop.at, Happened::Stopped(stopped)))
    }

    /// The servers that have a pod, as records name them.
    pub(super) fn known(&self) -> HashSet<super::Server> {
        self.of.keys().map(super::Server::from).collect()
    }

    fn end(&mut self, server: &Server, now: Timestamp) -> Option<Record> {
        let last = self.of.remove(server)?;
        (!last.over).then(|| record(server, &last.pod, now, Happened::Ended))
    }
}

fn record(server: &Server, pod: &str, at: Timestamp, happened: Happened) -> Record {
    Record { at, server: super::Server::from(server), pod: Some(pod.to_owned()), happened }
}

#[cfg(test)]
mod tests;
