//! The controller of LabPolicies: it says of each whether it can be followed, and in which namespaces it decides. What
//! policies do to servers is decided in `carrel-activity` and done by the controllers of servers.

mod start;
mod status;

use carrel_runtime::rights::Right;

pub use start::start;

/// What the controller does with the cluster, beside knowing policies and namespaces.
pub const RIGHTS: &[Right] =
    &[Right::new("Where each LabPolicy decides.", "carrel.dev", &["labpolicies/status"], &["patch"])];
