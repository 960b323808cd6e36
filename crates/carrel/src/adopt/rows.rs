//! What becomes of each child: a row says whose it is now and what Carrel makes of it. Pure.

use carrel_runtime::Key;
use serde::Serialize;

use super::chosen::Chosen;
use super::read::Found;
use super::{companions, notebooks};

/// Whose a child is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Now {
    /// Made by Kubeflow's controller for this owner, or left by Carrel to it.
    Kubeflow,
    /// Carrel wrote it, and nobody else since.
    Carrel,
    /// Somebody else's, with its owner in words.
    Other(String),
    /// On its way out.
    Leaving,
    /// There is none.
    None,
}

/// What becomes of a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Fate {
    /// Carrel's controllers take it over as it stands.
    TakenOver,
    /// Carrel's controllers make it.
    Made,
    /// It is as it should be.
    Nothing,
    /// It stays as it is, and why.
    Stays(String),
    /// Carrel will not do it, and why.
    Refused(String),
}

/// What becomes of the pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum PodFate {
    /// The same pod goes on.
    GoesOn,
    /// Another takes its place once.
    Replaced,
    /// It starts again, as its owner asked; the sentence says how.
    Restarts(String),
}

/// A child of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) child: Child,
    pub(super) now: Now,
    pub(super) becomes: Fate,
    /// Of who makes the pod, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pod: Option<PodFate>,
    /// The fields that reach the pod only when it next starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) waits_for_restart: Vec<String>,
}

/// Which child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Child {
    pub(super) kind: &'static str,
    pub(super) name: String,
}

impl Child {
    pub(super) fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    pub(super) fn is_route(&self) -> bool {
        self.kind == VIRTUAL_SERVICE
    }
}

pub(super) const VIRTUAL_SERVICE: &str = "VirtualService";

impl Row {
    pub(super) fn key(&self) -> Key {
        Key::new(&self.namespace, &self.name)
    }

    /// Whether Carrel's controllers have still to write it.
    pub(super) fn is_due(&self) -> bool {
        matches!(self.becomes, Fate::TakenOver | Fate::Made)
    }
}

/// A row for each child of each server, the servers by kind, namespace and name.
pub(super) fn rows(found: &Found, chosen: &Chosen) -> Vec<Row> {
    let mut rows = notebooks::rows(found, chosen);
    rows.extend(companions::rows(&found.tensorboards, found, chosen, chosen.tensorboards));
    rows.extend(companions::rows(&found.viewers, found, chosen, chosen.pvc_viewers));
    rows
}
