//! Why something can't be done as it is asked.

use carrel_api::server::Reason;

/// Why something can't be done as it is asked: a reason and a sentence that names the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The condition's reason.
    pub reason: Reason,
    /// The condition's message.
    pub message: String,
}

impl Refusal {
    /// The spec can't be followed.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { reason: Reason::InvalidSpec, message: message.into() }
    }
}
