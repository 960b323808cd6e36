//! The VolumeRequest controller: a claim for each VolumeRequest, checked before it is made, grown when more is asked for,
//! and never deleted unless its owner says so.
//!
//! One change goes: feeds fill stores and wake keys ([`start`]); [`observe`] reads memory; [`resolve`] turns the spec once
//! into a value that can't be wrong, or a refusal; [`obstacle`], [`growth`], [`plan`] and [`status`] compute from it;
//! `reconcile` writes what differs, and `judge` asks before a claim is made or grown where a quota bounds it. Only `feeds`,
//! `snapshot_feed`, `hear`, `judge`, `reconcile` and `start` do I/O.

pub mod claim;
mod feeds;
pub mod forgotten;
pub mod growth;
mod hear;
mod judge;
pub mod notices;
pub mod observe;
pub mod obstacle;
pub mod plan;
mod reconcile;
mod rejection;
pub mod resolve;
mod rights;
pub mod room;
pub mod slim_class;
pub mod snapshot;
mod snapshot_feed;
mod start;
pub mod status;
#[cfg(test)]
mod testing;

pub use rights::RIGHTS;
pub use start::{Watches, start};
