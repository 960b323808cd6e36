//! Whether somebody works with a server, what the policies make of that, and how servers are asked.
//!
//! `answers` turns what a server answers into [`Reading`]s, [`judge`] turns those into a verdict, `policy` and `schedule` say
//! what holds for a server, and `contract` decides what becomes of it: all of them are pure and take the time as an argument.
//! `history` keeps what happened, `simulate` replays it under other policies and `report` adds it up.
//! `table` holds in memory who is asked and what was heard; `prober` asks. `monitor` makes verdicts of the answers for
//! controllers, and `rulebook` knows the policies. Only `prober`, `monitor`, `usage`, `rulebook`, and of the
//! history its journal, its scribe and the reader of its files do I/O.

pub mod answers;
pub mod contract;
pub mod counts;
pub mod history;
pub mod judge;
pub mod monitor;
pub mod policy;
pub mod prober;
mod reading;
pub mod report;
pub mod rulebook;
pub mod schedule;
pub mod simulate;
pub mod table;
pub mod usage;
pub mod way;

#[cfg(test)]
mod rivals;
#[cfg(test)]
mod year;

pub use reading::Reading;
