//! What a server answers, and what each kind of answer says of its activity.
//!
//! An answer that can't be read is never taken for idleness: it is [`Vote::Unknown`], in words that an admin can act on.

pub mod code_server;
pub mod endpoint;
pub mod kernels;
pub mod terminals;
pub mod usage;

use carrel_api::activity::{Signal, Vote};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::Reading;

/// The most characters that a reading's words have.
pub const LONGEST_VALUE: usize = 120;

/// What came back from a server that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It answered with success; the body.
    Body(String),
    /// It, or something on the way, answered with this status, which is neither success, nor a redirect, nor 404.
    Refused(u16),
    /// It answered 404.
    NotFound,
    /// It sent elsewhere, which is not followed; the `Location`.
    Redirected(String),
    /// Its body is longer than what is read.
    TooLong,
    /// It did not answer in time.
    Timeout,
    /// No connection came about; why.
    Unreachable(String),
}

impl Answer {
    /// What came back, in a word for counting.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Body(_) => "answered",
            Self::Refused(_) => "refused",
            Self::NotFound => "not_found",
            Self::Redirected(_) => "redirected",
            Self::TooLong => "too_long",
            Self::Timeout => "timeout",
            Self::Unreachable(_) => "unreachable",
        }
    }

    /// The body, or in words why there is none.
    fn body(&self) -> Result<&str, String> {
        Err(match self {
            Self::Body(body) => return Ok(body),
            Self::Refused(status) => format!("refused with status {status}"),
            Self::NotFound => "not found (status 404)".to_owned(),
            Self::Redirected(to) => format!("redirected to {to}"),
            Self::TooLong => "the answer is too long".to_owned(),
            Self::Timeout => "no answer in time".to_owned(),
            Self::Unreachable(why) => format!("unreachable: {why}"),
        })
    }
}

/// The text without control characters, cut to [`LONGEST_VALUE`].
pub fn bounded(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut kept: String = printable.clone().take(LONGEST_VALUE).collect();
    if printable.count() > LONGEST_VALUE {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// What an answer that could be read means: a vote, in which words, and the last activity where it tells.
type Meaning = (Vote, String, Option<Timestamp>);

/// Reads an answer as JSON. One that is none of this kind, or that `meaning` can't tell the meaning of, is Unknown.
fn read<T: DeserializeOwned>(
    signal: Signal,
    answer: &Answer,
    asked: Timestamp,
    not_of_this_kind: &str,
    meaning: impl FnOnce(T) -> Result<Meaning, String>,
) -> Reading {
    let read = |body| serde_json::from_str(body).map_err(|_| not_of_this_kind.to_owned());
    let (vote, value, last_active) =
        answer.body().and_then(read).and_then(meaning).unwrap_or_else(|why| (Vote::Unknown, why, None));
    let forbidden = *answer == Answer::Refused(403);
    Reading { last_active, forbidden, ..reading(signal, vote, &value, asked) }
}

/// A reading without a time of last activity.
fn reading(signal: Signal, vote: Vote, value: &str, at: Timestamp) -> Reading {
    Reading { signal, vote, value: bounded(value), at, last_active: None, forbidden: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread() -> Vec<Answer> {
        vec![
            Answer::Body("<html>\u{1b}[31mlogin".to_owned()),
            Answer::Body("null".to_owned()),
            Answer::Refused(503),
            Answer::Redirected("/login\r\nx".repeat(90)),
            Answer::TooLong,
            Answer::Timeout,
            Answer::Unreachable("é".repeat(500)),
        ]
    }

    #[test]
    fn what_cannot_be_read_is_unknown_in_bounded_words() {
        for answer in unread() {
            for read in [kernels::read, terminals::read, code_server::read, endpoint::read] {
                let reading = read(&answer, Timestamp::UNIX_EPOCH);
                assert_eq!(reading.vote, Vote::Unknown, "{answer:?}");
                assert!(!reading.value.is_empty() && reading.value.chars().count() <= LONGEST_VALUE, "{answer:?}");
                assert!(!reading.value.chars().any(char::is_control), "{answer:?}");
            }
        }
    }

    #[test]
    fn a_refusal_by_403_is_told_from_others() {
        assert!(terminals::read(&Answer::Refused(403), Timestamp::UNIX_EPOCH).forbidden);
        assert!(!terminals::read(&Answer::Refused(401), Timestamp::UNIX_EPOCH).forbidden);
    }
}
