//! The Notebook controller: a StatefulSet, a Service and a route for each Notebook, and a status that says what it waits for.
//!
//! One change goes: feeds fill stores and wake keys ([`start`]); [`observe`] reads memory; [`resolve`] turns spec, names
//! and stop state once into a value that can't be wrong, or a refusal; [`children`], [`plan`] and [`status`] compute
//! from it; `reconcile` writes what differs, and `judge` asks before a start where a quota bounds it. Only `feeds`, `hear`, `judge`,
//! `reconcile` and `start` do I/O. What other servers need too is in `carrel_server`.

mod asked;
pub mod children;
mod feeds;
mod hear;
mod judge;
pub mod names;
pub mod notices;
pub mod observe;
pub mod plan;
#[cfg(test)]
mod properties;
mod reconcile;
pub mod resolve;
mod rights;
pub mod room;
mod start;
pub mod status;
#[cfg(test)]
mod testing;
mod waiting;

use carrel_server::route::Routing;

pub use rights::RIGHTS;
pub use start::{Watches, start};

/// What an admin sets for all notebooks of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether pods without a security context get `fsGroup: 100`, so that the server's user can write its volumes
    /// (Kubeflow's `ADD_FSGROUP`).
    pub add_fs_group: bool,
    /// What is made so that notebooks are reached from outside.
    pub routing: Routing,
}

impl Default for Settings {
    fn default() -> Self {
        Self { add_fs_group: true, routing: Routing::None }
    }
}
