//! What is said of a server's activity: whether somebody works with it, how that is known, and what becomes of it.
//! A part of the status of each kind of server, written on transitions only.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::reasons::reasons;

/// Whether somebody works with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum Verdict {
    /// Something runs in it, or somebody asked to keep it.
    Busy,
    /// Nothing does, since a time.
    Idle,
    /// Nobody can tell. Never a reason to stop it.
    Unknown,
}

impl Verdict {
    /// The verdict as it stands in a status and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "Busy",
            Self::Idle => "Idle",
            Self::Unknown => "Unknown",
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Signal {
    /// Jupyter's kernels, by `/api/kernels`.
    Kernels,
    /// Jupyter's terminals, by `/api/terminals`.
    Terminals,
    /// code-server's heartbeat, by `/healthz`.
    CodeServer,
    /// Carrel's own endpoint, by `/.carrel/activity`.
    Endpoint,
    /// The pod's use of CPU, by `metrics.k8s.io`.
    Cpu,
    /// The pod's use of GPUs, by a query to Prometheus.
    Gpu,
    /// Whether the owner asked to keep it.
    KeepAlive,
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum Vote {
    /// It is used.
    Busy,
    /// It is not.
    Idle,
    /// The signal should tell and can't.
    Unknown,
    /// The signal does not speak of this server at all.
    Silent,
}

/// What one signal said when the verdict came to be.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The signal.
    pub signal: Signal,
    /// What it says.
    pub vote: Vote,
    /// In what words, such as `1 of 2 kernels busy`. Bounded.
    pub value: String,
    /// When it was asked.
    pub at: Timestamp,
}

/// A verdict with the evidence that decided it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Whether somebody works with the server.
    pub verdict: Verdict,
    /// Since when: of Idle, the last activity.
    pub since: Timestamp,
    /// What each signal said at the transition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The stop that comes unless something happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingStop>,
    /// The snooze that holds, or the last one that counts against the budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// A stop that is announced.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingStop {
    /// When it comes.
    pub at: Timestamp,
    /// Why.
    pub cause: StopCause,
    /// When it was announced.
    pub warned: Timestamp,
}

/// A snooze: the owner asks to keep the server for a while.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The value of the annotation that it was granted for, so that one value is granted once.
    pub asked: String,
    /// When it was granted.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Seconds of all snoozes since the server started, this one whole: what counts against the budget.
    pub used_seconds: i64,
}

reasons! {
    /// Why Carrel stops a server: the reason of the condition `StopPending`, and `cause` in a status.
    StopCause {
        Idle = "Nobody used the server for longer than `idleAfter` of the policy, or than its owner's own limit.",
        MaxRunning = "The server ran for longer than `maxRunning`, and nobody uses it.",
        HardLimit = "The server ran for longer than `maxRunning` and the hard limit after it, used or not.",
        Schedule = "The hours of the policy's schedule ended.",
        Done = "Its owner asked, by the annotation `carrel.dev/stop-when-done`, to stop it when what ran is done.",
    }
}

/// The last time that Carrel stopped a server. Kept when it starts again.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastStop {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: StopCause,
    /// The LabPolicy, `Kubeflow's settings`, or the owner.
    pub by: String,
    /// In words for a person.
    pub message: String,
    /// What the signals said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// The last time that a server lost its pod, or its container, without anybody stopping it. Kept when it runs again.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastLoss {
    /// When it was noticed.
    pub at: Timestamp,
    /// One word: `Evicted`, `NodeLost` or `OutOfMemory`.
    pub reason: String,
    /// What happened, since when it had run and what ran in it as far as that was known, in words for a person.
    pub message: String,
    /// The node that it was on, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// What a status says of a server's life, beside how it does now.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Life {
    /// Whether it is used; absent while it does not run, and until that is known.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// The last stop by Carrel.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub last_stop: Option<LastStop>,
}

/// A part that can't be read counts as absent: a newer Carrel may have written it, with words that this one does not know, and
/// servers are asked again anyway.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// The schemas of the fields of a [`Life`], by their names.
pub(crate) fn schema() -> Value {
    let string = json!({"type": "string"});
    let time = json!({"type": "string", "format": "date-time"});
    let evidence = json!({"type": "array", "items": {"type": "object", "properties": {
        "signal": string, "vote": string, "value": string, "at": time,
    }}});
    json!({
        "activity": {
            "type": "object",
            "description": "Whether somebody works with the server, by which evidence, and the stop that comes.",
            "properties": {
                "verdict": string, "since": time, "evidence": evidence,
                "pending": {"type": "object", "properties": {"at": time, "cause": string, "warned": time}},
                "kept": {"type": "object", "properties": {
                    "asked": string, "from": time, "until": time,
                    "usedSeconds": {"type": "integer", "format": "int64"},
                }},
            },
        },
        "lastStop": {
            "type": "object",
            "description": "The last time that Carrel stopped the server.",
            "properties": {"at": time, "cause": string, "by": string, "message": string, "evidence": evidence},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_newer_carrel_cost_no_more_than_the_part_that_has_them() {
        let life: Life = serde_json::from_value(json!({
            "activity": {"verdict": "Dreaming", "since": "2026-01-02T10:00:00Z"},
            "lastStop": {"at": "2026-01-02T10:00:00Z", "cause": "Idle", "by": "nights", "message": "m"},
        }))
        .unwrap();
        assert_eq!(life.activity, None);
        assert_eq!(life.last_stop.unwrap().cause, StopCause::Idle);
    }

    #[test]
    fn names_agree_with_what_is_stored() {
        for cause in StopCause::ALL {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
        }
        for verdict in [Verdict::Busy, Verdict::Idle, Verdict::Unknown] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.as_str());
        }
    }
}
