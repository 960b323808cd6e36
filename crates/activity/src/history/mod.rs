//! What happened to servers, as it is kept for simulations and reports: transitions only, a line of JSON each.
//!
//! [`Record`] is one transition and [`read`] makes a [`History`] of lines; both are pure. [`Journal`] writes them to a file
//! that is bounded, beside whoever notes them, and [`of_files`] reads such files. A [`Scribe`] notes each transition once.

mod carried;
mod files;
mod holds;
mod hours;
mod journal;
mod notes;
mod read;
mod record;
mod runs;
mod scribe;

pub use files::{ReadError, of_files, old_of};
pub use holds::Holds;
pub use hours::Hours;
pub use journal::{Journal, JournalError, LEAST};
pub use notes::Seen;
pub use read::{History, read};
pub use record::{Happened, Heard, Record, Said, Server, Started, Stopped};
pub use runs::{End, Run};
pub use scribe::Scribe;

#[cfg(test)]
mod tests;
