//! Jupyter's `/api/terminals`: what counts is when a terminal last had input or output.

use carrel_api::activity::{Signal, Vote};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Answer, reading};
use crate::Reading;

#[derive(Deserialize)]
struct Terminal {
    last_activity: Timestamp,
}

/// What Jupyter's terminals say. A server that has them turned off answers 404, which says nothing.
pub fn read(answer: &Answer, asked: Timestamp) -> Reading {
    if *answer == Answer::NotFound {
        return reading(Signal::Terminals, Vote::Silent, "the server has no terminals", asked);
    }
    super::read(Signal::Terminals, answer, asked, "the answer is no list of terminals", |terminals: Vec<Terminal>| {
        let last_active = terminals.iter().map(|terminal| terminal.last_activity).max();
        Ok((Vote::Idle, format!("{} terminals", terminals.len()), last_active))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_used_last_counts() {
        let body = r#"[{"name":"1","last_activity":"2026-03-02T10:00:00Z"},
                       {"name":"2","last_activity":"2026-03-02T11:00:00Z"}]"#;
        let reading = read(&Answer::Body(body.to_owned()), Timestamp::UNIX_EPOCH);
        assert_eq!((reading.vote, reading.last_active), (Vote::Idle, "2026-03-02T11:00:00Z".parse().ok()));
    }

    #[test]
    fn a_server_without_terminals_says_nothing_of_them() {
        assert_eq!(read(&Answer::NotFound, Timestamp::UNIX_EPOCH).vote, Vote::Silent);
    }
}
