//! One transition of one server, and the line that it is kept in.

use std::collections::BTreeMap;

use carrel_api::activity::{Evidence, StopCause, Verdict};
use carrel_api::vocabulary::LAST_STOP;
use carrel_runtime::Key;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Holds;
use crate::judge::Judged;
use crate::prober;

/// The version of the lines that are written. A reader leaves out lines of a later one.
const VERSION: u32 = 1;

/// Annotations that are kept of a server begin with this; no other says anything to a policy.
const OURS: &str = "carrel.dev/";

/// Whose record it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct Server {
    /// `Notebook`, `Tensorboard` or `PVCViewer`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What happened to a server at one time.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Record {
    /// When; of a verdict, when the round of questions was.
    pub at: Timestamp,
    /// To whom.
    #[serde(flatten)]
    pub server: Server,
    /// The uid of its pod, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// What.
    #[serde(flatten)]
    pub happened: Happened,
}

/// What happened to a server.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Happened {
    /// Its container started; or a process that begins to keep records found it running, which is no new start.
    Started(Started),
    /// What policies look at changed while it ran.
    Changed(Said),
    /// Another verdict was heard, or another time since when it holds. What was heard of the server and its pod itself,
    /// without snoozes: those depend on policies.
    Verdict(Heard),
    /// A stop was announced.
    Warned {
        /// Why it is to be stopped.
        cause: StopCause,
        /// When.
        due: Timestamp,
    },
    /// A stop that was announced does not come.
    Cancelled {
        /// Why it was to be stopped.
        cause: StopCause,
    },
    /// Carrel stopped it.
    Stopped(Stopped),
    /// Its pod is gone for another reason: its owner stopped it, or it was lost.
    Ended,
}

/// A start.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// When the server's container started.
    pub container: Timestamp,
    /// What its pod asks for.
    #[serde(default)]
    pub holds: Holds,
    /// What policies look at.
    #[serde(flatten)]
    pub said: Said,
}

/// What policies look at, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// The server's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The server's annotations that begin with `carrel.dev/`, but for its last stop.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The labels of its namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_labels: BTreeMap<String, String>,
}

/// A verdict that was heard.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Heard {
    /// Whether somebody works with it.
    pub verdict: Verdict,
    /// Since when; of Idle, the last activity.
    pub since: Timestamp,
    /// What each signal said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// When it was last asked before, where that is longer ago than it should be: nobody looked in between, or the clock
    /// jumped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_since: Option<Timestamp>,
}

/// A stop by Carrel.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Stopped {
    /// Why.
    pub cause: StopCause,
    /// The LabPolicy, `Kubeflow's settings`, or the owner.
    pub by: String,
    /// What the signals said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Said {
    /// What is kept of a server with these `labels` and `annotations` in a namespace with these labels.
    pub fn of(
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
        namespace_labels: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            labels: labels.clone(),
            annotations: ours(annotations).map(|(key, value)| (key.clone(), value.clone())).collect(),
            namespace_labels: namespace_labels.clone(),
        }
    }

    /// Whether it is what is kept of these.
    pub fn is(
        &self,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
        namespace_labels: &BTreeMap<String, String>,
    ) -> bool {
        self.labels == *labels
            && self.namespace_labels == *namespace_labels
            && self.annotations.iter().eq(ours(annotations))
    }
}

/// The annotations that say something to a policy. The last stop is told by a record of its own.
fn ours(annotations: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    annotations.iter().filter(|(key, _)| key.starts_with(OURS) && *key != LAST_STOP)
}

impl From<&prober::Server> for Server {
    fn from(server: &prober::Server) -> Self {
        let Key { namespace, name } = server.key.clone();
        Self { kind: server.kind.to_owned(), namespace, name }
    }
}

impl Heard {
    /// What is to be noted of a verdict after the `last` one of the same pod, if anything is. `longest_gap` is that of the
    /// judge's rules.
    pub fn after(last: Option<&Judged>, now: &Judged, longest_gap: carrel_api::TimeSpan) -> Option<Self> {
        let gap = last.filter(|last| now.at.duration_since(last.at) > longest_gap.duration());
        let same = last.is_some_and(|last| last.verdict == now.verdict && last.since == now.since);
        (!same || gap.is_some()).then(|| Self {
            verdict: now.verdict,
            since: now.since,
            evidence: now.evidence.clone(),
            unseen_since: gap.map(|last| last.at),
        })
    }
}

#[derive(Deserialize)]
struct Line {
    v: u32,
    #[serde(flatten)]
    record: Record,
}

#[derive(Serialize)]
struct LineOf<'a> {
    v: u32,
    #[serde(flatten)]
    record: &'a Record,
}

impl Record {
    /// Its line, with the newline.
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(&LineOf { v: VERSION, record: self }).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// The record in a line; none if the line has none, or one of a later version.
    pub fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Line>(line).ok().filter(|line| line.v == VERSION).map(|line| line.record)
    }
}
