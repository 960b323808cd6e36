//! The Notebook controller: a StatefulSet, a Service and a route for each Notebook, and a status that says what it waits for.
//!
//! One change goes: feeds fill stores and wake keys ([`start`]); [`observe`] reads memory; [`resolve`] turns spec, names
//! and stop state once into a value that can't be wrong, or a refusal; [`children`], [`plan`] and [`status`] compute
//! from it; `reconcile` writes what differs. Only `feeds`, `route_feed`, `leftovers`, `reconcile` and
//! `start` do I/O.

pub mod children;
mod feeds;
mod leftovers;
pub mod names;
pub mod notices;
pub mod observe;
pub mod plan;
mod reconcile;
pub mod resolve;
mod route_feed;
pub mod routing;
pub mod slim_pod;
mod start;
pub mod status;
#[cfg(test)]
mod testing;
mod waiting;

pub use feeds::Scope;
pub use start::{Controller, start};

/// What an admin sets for all notebooks of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether pods without a security context get `fsGroup: 100`, so that the server's user can write its volumes
    /// (Kubeflow's `ADD_FSGROUP`).
    pub add_fs_group: bool,
    /// What is made so that notebooks are reached from outside.
    pub routing: routing::Routing,
}

impl Default for Settings {
    fn default() -> Self {
        Self { add_fs_group: true, routing: routing::Routing::None }
    }
}
