//! Carrel's own `/.carrel/activity`, which any server may answer: `{"busy": false, "lastActivity": "2026-03-02T10:00:00Z"}`.

use carrel_api::activity::{Signal, Vote};
use jiff::Timestamp;
use serde::Deserialize;

use super::Answer;
use crate::Reading;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    busy: bool,
    last_activity: Option<Timestamp>,
}

/// What a server says of itself at Carrel's endpoint.
pub fn read(answer: &Answer, asked: Timestamp) -> Reading {
    let other = "the answer is not of the form {\"busy\": false, \"lastActivity\": \"2026-03-02T10:00:00Z\"}";
    super::read(Signal::Endpoint, answer, asked, other, |told: Told| {
        let (vote, value) = if told.busy { (Vote::Busy, "busy") } else { (Vote::Idle, "not busy") };
        Ok((vote, value.to_owned(), told.last_activity))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_activity_may_be_left_out() {
        let of = |body: &str| read(&Answer::Body(body.to_owned()), Timestamp::UNIX_EPOCH);
        assert_eq!(of(r#"{"busy":true}"#).vote, Vote::Busy);
        let idle = of(r#"{"busy":false,"lastActivity":"1970-01-01T00:00:01Z"}"#);
        assert_eq!((idle.vote, idle.last_active), (Vote::Idle, Timestamp::new(1, 0).ok()));
        for strange in [r#"{"lastActivity":"1970-01-01T00:00:01Z"}"#, r#"{"busy":false,"lastActivity":"today"}"#] {
            assert_eq!(of(strange).vote, Vote::Unknown, "{strange}");
        }
    }
}
