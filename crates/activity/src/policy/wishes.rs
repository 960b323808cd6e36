//! What a server's owner asks for, by annotations.

use std::collections::BTreeMap;

use carrel_api::vocabulary::{KEEP_ALIVE, START_WITH_WINDOW, STOP_WHEN_DONE};
use jiff::Timestamp;

/// What a server's owner asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// To keep it for a while.
    pub keep_alive: Option<KeepUntil>,
    /// To stop it when what runs is done.
    pub stop_when_done: bool,
    /// To start it before the schedule's window begins.
    pub start_with_window: bool,
}

/// Until when the owner asks to keep a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepUntil {
    /// The annotation's value, by which one wish is known from the next.
    pub asked: String,
    /// What it says.
    pub until: Timestamp,
}

impl Wishes {
    /// The wishes in a server's annotations, and a sentence for each that can't be read.
    pub fn read(annotations: &BTreeMap<String, String>) -> (Self, Vec<String>) {
        let mut refused = Vec::new();
        let keep_alive = annotations.get(KEEP_ALIVE).and_then(|text| {
            if let Ok(until) = text.trim().parse() {
                return Some(KeepUntil { asked: text.clone(), until });
            }
            refused.push(format!("{KEEP_ALIVE} is refused: it must be a time such as 2026-03-01T18:00:00Z"));
            None
        });
        let mut wish = |name: &str| match annotations.get(name).map(|text| text.trim()) {
            Some("true") => true,
            Some("false") | None => false,
            Some(_) => {
                refused.push(format!("{name} is refused: it must be \"true\" or \"false\""));
                false
            }
        };
        let (stop_when_done, start_with_window) = (wish(STOP_WHEN_DONE), wish(START_WITH_WINDOW));
        (Self { keep_alive, stop_when_done, start_with_window }, refused)
    }
}
