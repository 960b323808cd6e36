//! What happened to servers, as it is kept for simulations and reports: transitions only, a line of JSON each.
//!
//! [`Record`] is one transition and [`read`] makes a [`History`] of lines; both are pure. [`Journal`] writes them to a file
//! that is bounded, beside whoever notes them, and [`of_files`] reads such files.

mod carried;
mod files;
mod holds;
mod journal;
mod read;
mod record;

pub use files::{ReadError, of_files, old_of};
pub use holds::Holds;
pub use journal::{Journal, JournalError};
pub use read::{History, read};
pub use record::{Happened, Heard, Record, Said, Server, Started, Stopped};

#[cfg(test)]
mod tests;
