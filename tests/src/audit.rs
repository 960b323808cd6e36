//! The API server's audit log, which holds the requests of Carrel's user and service accounts and nobody else's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// `get`, `list`, `watch`, `create`, `patch`, …
    pub verb: String,
    /// Path and query.
    #[serde(rename = "requestURI")]
    pub uri: String,
    /// What it was about.
    #[serde(default)]
    pub object_ref: Object,
    response_status: Option<Status>,
    stage: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// When it came, RFC 3339 with microseconds.
    pub request_received_timestamp: String,
}

/// What a request is about.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The API group, or empty.
    #[serde(default)]
    pub api_group: String,
    /// The plural of the kind.
    #[serde(default)]
    pub resource: String,
    /// `status`, or empty.
    #[serde(default)]
    pub subresource: String,
    /// The namespace, or empty.
    #[serde(default)]
    pub namespace: String,
    /// The name, or empty.
    #[serde(default)]
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

impl Request {
    /// The status code of the answer; 0 if there is none yet.
    pub fn code(&self) -> u16 {
        self.response_status.as_ref().map_or(0, |status| status.code)
    }

    /// Whether it keeps a lease or a watch alive, which goes on at rest.
    pub fn is_renewal(&self) -> bool {
        self.verb == "watch" || self.object_ref.resource == "leases"
    }

    /// Whether it changes something.
    pub fn is_write(&self) -> bool {
        !["get", "list", "watch"].contains(&self.verb.as_str())
    }

    /// Whether who asked had no right to. Admission refuses with the same status code, and a quota does.
    pub fn was_forbidden(&self) -> bool {
        self.annotations.get("authorization.k8s.io/decision").is_some_and(|decision| decision == "forbid")
    }

    /// Verb, kind and name in short, e.g. `patch notebooks/status iris`.
    pub fn word(&self) -> String {
        let Object { resource, subresource, name, .. } = &self.object_ref;
        let slash = if subresource.is_empty() { "" } else { "/" };
        format!("{} {resource}{slash}{subresource} {name}", self.verb)
    }
}

/// The audit log of the cluster under test.
#[derive(Clone, Debug)]
pub struct Audit {
    file: PathBuf,
}

impl Audit {
    /// The log that `cargo xtask test` names.
    pub fn given() -> Result<Self> {
        Ok(Self { file: crate::given("AUDIT_LOG")?.into() })
    }

    /// Requests are written at most a second late; after this the log holds all that were answered before.
    pub async fn settle() {
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }

    /// Every request that began, once each, in the order of the log.
    pub fn requests(&self) -> Result<Vec<Request>> {
        let text =
            std::fs::read_to_string(&self.file).with_context(|| format!("can't read {}", self.file.display()))?;
        let mut requests = Vec::new();
        for line in text.lines() {
            let request: Request = serde_json::from_str(line).with_context(|| format!("no audit event: {line}"))?;
            // A watch is logged when it starts and when it ends.
            if request.stage == "ResponseStarted" || (request.stage == "ResponseComplete" && request.verb != "watch") {
                requests.push(request);
            }
        }
        Ok(requests)
    }

    /// The requests about objects of a namespace.
    pub fn of(&self, namespace: &str) -> Result<Vec<Request>> {
        Ok(self.requests()?.into_iter().filter(|request| request.object_ref.namespace == namespace).collect())
    }

    /// The requests that come within this time.
    pub async fn within(&self, time: Duration) -> Result<Vec<Request>> {
        Self::settle().await;
        let before = self.requests()?.len();
        tokio::time::sleep(time).await;
        Self::settle().await;
        Ok(self.requests()?.split_off(before))
    }

    /// The writes to objects of a namespace, in short.
    pub fn writes(&self, namespace: &str) -> Result<Vec<String>> {
        Ok(writes(self.requests()?, namespace))
    }

    /// The writes to objects of a namespace that took effect, in short. What is written on condition of a version is
    /// refused when a status came between, and then tried again.
    pub fn effects(&self, namespace: &str) -> Result<Vec<String>> {
        let done = self.requests()?.into_iter().filter(|request| (200..300).contains(&request.code()));
        Ok(writes(done.collect(), namespace))
    }
}

/// Those of the requests that write to objects of a namespace, in short.
pub(crate) fn writes(requests: Vec<Request>, namespace: &str) -> Vec<String> {
    let ours = requests.into_iter().filter(|request| request.is_write() && request.object_ref.namespace == namespace);
    ours.map(|request| request.word()).collect()
}
