//! Why a write did not happen, and the one place that says whether to try it again.

use std::time::Duration;

use kube::core::Status;

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another process has the lease, or may have it soon; it does the work.
    #[error("this process does not hold the lease")]
    NotLeader,
    /// An object of that name exists that is not ours.
    #[error("a {kind} named {name} exists and belongs to somebody else: {message}")]
    Taken {
        /// The kind, as in its manifest.
        kind: String,
        /// The name.
        name: String,
        /// What the API server says.
        message: String,
    },
    /// The API server does not accept the object (validation, policy, quota, rights).
    #[error("{message}")]
    Refused {
        /// What the API server says.
        message: String,
        /// Whether the object itself is at fault, as far as the answer tells: a policy that may be lifted answers so too.
        invalid: bool,
    },
    /// The object, its owner or its namespace is going or gone: nothing to write to.
    #[error("gone: {0}")]
    Gone(String),
    /// No answer in time.
    #[error("no answer from the API server within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The object can't be written as JSON: a defect.
    #[error("the object can't be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
    /// Anything else.
    #[error("{0}")]
    Failed(Box<kube::Error>),
}

/// When to try a write again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Only when something changes that brings the key back.
    Never,
    /// Soon, and then ever later.
    Soon,
    /// After the longest wait: a change of the object should help, and will wake the key by itself.
    Late,
}

impl WriteError {
    /// Whether and when to try again without being woken.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NotLeader | Self::Gone(_) | Self::Encode(_) => Retry::Never,
            Self::Refused { invalid: true, .. } => Retry::Late,
            Self::Taken { .. } | Self::Refused { .. } | Self::Timeout(_) | Self::Failed(_) => Retry::Soon,
        }
    }

    /// One word for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotLeader => "NotLeader",
            Self::Taken { .. } => "Taken",
            Self::Refused { .. } => "Refused",
            Self::Gone(_) => "Gone",
            Self::Timeout(_) => "Timeout",
            Self::Encode(_) => "Encode",
            Self::Failed(_) => "Failed",
        }
    }

    pub(super) fn of(error: kube::Error, kind: &str, name: &str) -> Self {
        let kube::Error::Api(status) = error else { return Self::Failed(Box::new(error)) };
        let cause = |reason: &str| {
            status.details.as_ref().is_some_and(|details| details.causes.iter().any(|cause| cause.reason == reason))
        };
        if status.is_not_found() || cause("NamespaceTerminating") {
            Self::Gone(status.message.clone())
        } else if status.is_conflict() && cause("FieldManagerConflict") || status.is_already_exists() {
            Self::Taken { kind: kind.to_owned(), name: name.to_owned(), message: status.message.clone() }
        } else if is_refusal(&status) {
            Self::Refused { message: status.message.clone(), invalid: status.is_invalid() || is_unreadable(&status) }
        } else {
            Self::Failed(Box::new(kube::Error::Api(status)))
        }
    }
}

fn is_refusal(status: &Status) -> bool {
    status.is_invalid() || status.is_forbidden() || status.code == 400 || is_unreadable(status)
}

/// Server-side apply says by a 500 without a reason that its kind can't hold a value (a quantity that is none); a create
/// of the same object answers with 400.
fn is_unreadable(status: &Status) -> bool {
    status.code == 500 && status.reason.is_empty() && status.message.starts_with("failed to convert new object")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: u16, message: &str) -> WriteError {
        let status = Status { code, message: message.to_owned(), ..Status::default() };
        WriteError::of(kube::Error::Api(Box::new(status)), "StatefulSet", "iris")
    }

    #[test]
    fn a_value_that_the_kind_can_not_hold_is_refused_and_another_fault_of_the_server_is_none() {
        let words =
            "failed to convert new object (a/iris; apps/v1, Kind=StatefulSet) to proper version: quantities must match";
        assert_eq!(error(500, words).retry(), Retry::Late);
        assert!(matches!(error(500, words), WriteError::Refused { invalid: true, .. }));
        assert!(matches!(error(500, "etcdserver: request timed out"), WriteError::Failed(_)));
    }
}
