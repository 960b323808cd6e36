//! Asks servers, beside reconciling and never on it.
//!
//! Each server has its own time in the period, by a hash of its pod's UID, so that the questions of many spread over it.
//! Servers that answer at once and servers that don't never wait for each other: see [`Settings::patience`]. What the
//! answers mean is for whoever hears them.

mod ask;
mod lanes;
mod place;
mod run;
mod target;

pub use ask::{Asker, MOST_BYTES};
pub use place::{NoSuchWay, Place, Reach, Via};
pub use run::{AskNow, Prober, Settings};
pub use target::{Question, Server, Target};
