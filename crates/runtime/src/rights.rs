//! What Carrel may do with a cluster: each right stands beside the code that needs it. `carrel rights` prints all of them as
//! roles, of which the manifests are made.

/// The rights of a part of Carrel on objects of one API group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// Why it is needed, in words for the admin who grants it.
    pub why: &'static str,
    /// The API group; empty for the core's.
    pub group: &'static str,
    /// Plurals of kinds, a subresource after a slash.
    pub resources: &'static [&'static str],
    /// Only objects of these names; of any name where there are none.
    pub names: &'static [&'static str],
    /// What may be done with them.
    pub verbs: &'static [&'static str],
}

impl Right {
    /// The right to do this with all objects of these kinds.
    pub const fn new(
        why: &'static str,
        group: &'static str,
        resources: &'static [&'static str],
        verbs: &'static [&'static str],
    ) -> Self {
        Self { why, group, resources, names: &[], verbs }
    }

    /// Of objects with these names alone.
    #[must_use]
    pub const fn of(self, names: &'static [&'static str]) -> Self {
        Self { names, ..self }
    }
}

/// What a cache needs.
pub const WATCHED: &[&str] = &["list", "watch"];
