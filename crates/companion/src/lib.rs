//! The controllers of companions: servers that stand beside a volume, and give way to who needs it. A Tensorboard and a
//! PVCViewer are both a Deployment, a Service and a route; they differ in what they are made of.
//!
//! One change goes: feeds fill stores and wake keys ([`start`]); [`observe`] reads memory; a [`Companion`] says what is
//! [`wanted`] of one, or why it can't be; [`beside`] decides where it may stand; [`children`], [`plan`] and [`status`] compute
//! from it; `reconcile` writes what differs, and `judge` asks before a start where a quota bounds it.

pub mod affinity;
mod asked;
pub mod beside;
pub mod children;
pub mod companion;
mod feeds;
mod judge;
pub mod notices;
pub mod observe;
pub mod plan;
mod reconcile;
mod rights;
pub mod room;
mod start;
pub mod status;
pub mod tensorboard;
#[cfg(test)]
mod testing;
pub mod viewer;
pub mod wanted;

pub use companion::{Companion, Settings};
pub use rights::RIGHTS;
pub use start::{Watches, start};
