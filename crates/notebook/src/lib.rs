//! The Notebook controller: a StatefulSet, a Service and a route for each Notebook, and a status that says what it waits for.
//!
//! One change goes: feeds fill stores and wake keys ([`start`]); [`observe`] reads memory; [`resolve`] turns spec, names
//! and stop state once into a value that can't be wrong, or a refusal; [`children`], [`plan`] and [`status`] compute
//! from it; `reconcile` writes what differs, and `judge` asks before a start where a quota bounds it. Only `feeds`, `hear`,
//! `route_feed`, `leftovers`, `judge`, `reconcile` and `start` do I/O.

pub mod children;
mod feeds;
mod hear;
mod holders;
mod judge;
mod leftovers;
pub mod names;
pub mod notices;
pub mod observe;
pub mod plan;
#[cfg(test)]
mod properties;
mod reconcile;
mod rejection;
pub mod resolve;
pub mod room;
mod route_feed;
pub mod routing;
pub mod slim_node;
pub mod slim_pod;
mod start;
pub mod status;
pub mod surroundings;
#[cfg(test)]
mod testing;
mod waiting;

pub use start::{Controller, start};

/// What an admin sets for all notebooks of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether pods without a security context get `fsGroup: 100`, so that the server's user can write its volumes
    /// (Kubeflow's `ADD_FSGROUP`).
    pub add_fs_group: bool,
    /// Whether nodes are watched, to explain in numbers why none takes a pod. Needs rights on the whole cluster.
    pub watch_nodes: bool,
    /// What is made so that notebooks are reached from outside.
    pub routing: routing::Routing,
}

impl Default for Settings {
    fn default() -> Self {
        Self { add_fs_group: true, watch_nodes: true, routing: routing::Routing::None }
    }
}
