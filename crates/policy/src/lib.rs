//! The controller of LabPolicies: it says of each whether it can be followed, and in which namespaces it decides. What
//! policies do to servers is decided in `carrel-activity` and done by the controllers of servers.

mod start;
mod status;

pub use start::start;
