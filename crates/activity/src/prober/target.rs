//! Who is asked, and what.

use std::hash::{DefaultHasher, Hash, Hasher};

use carrel_api::vocabulary::ACTIVITY_PATH;
use carrel_runtime::Key;

use super::place::Reach;

/// A server, of whatever kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Its kind, such as `Notebook`.
    pub kind: &'static str,
    /// Its namespace and name.
    pub key: Key,
}

/// A server as it is asked: one pod of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The server.
    pub server: Server,
    /// The UID of the pod. An answer speaks of this pod only.
    pub pod_uid: String,
    /// Where it is.
    pub reach: Reach,
    /// What its paths begin with, such as `/notebook/ns/name`; empty for none. Without a slash at the end.
    pub base_path: String,
    /// What it is asked, in this order.
    pub questions: Vec<Question>,
}

impl Target {
    /// The server's place in a period, as a fraction of 2^64; never [`u64::MAX`], so that a range can end after it. The same
    /// for as long as the pod lives, and spread evenly over many pods.
    pub fn phase(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.pod_uid.hash(&mut hasher);
        hasher.finish().min(u64::MAX - 1)
    }

    /// The path of a question, with its query.
    pub fn path(&self, question: Question) -> String {
        format!("{}{}", self.base_path, question.path())
    }
}

/// What a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Jupyter's kernels.
    Kernels,
    /// Jupyter's terminals.
    Terminals,
    /// code-server's heartbeat.
    CodeServer,
    /// Carrel's own endpoint.
    Endpoint,
}

impl Question {
    /// Its name for counting.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Kernels => "kernels",
            Self::Terminals => "terminals",
            Self::CodeServer => "code_server",
            Self::Endpoint => "endpoint",
        }
    }

    /// The path below the server's base, with its query. To ask Jupyter is no activity of its own.
    pub fn path(self) -> &'static str {
        match self {
            Self::Kernels => "/api/kernels?no_track_activity=1",
            Self::Terminals => "/api/terminals?no_track_activity=1",
            Self::CodeServer => "/healthz",
            Self::Endpoint => ACTIVITY_PATH,
        }
    }
}
