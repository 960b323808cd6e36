//! code-server's `/healthz`: its heartbeat, which beats while somebody has it open. Asking is no beat.

use carrel_api::activity::{Signal, Vote};
use jiff::Timestamp;
use serde::Deserialize;

use super::Answer;
use crate::Reading;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    status: String,
    /// Milliseconds since 1970; 0 before the first beat.
    last_heartbeat: i64,
}

/// What code-server's heartbeat says.
pub fn read(answer: &Answer, asked: Timestamp) -> Reading {
    super::read(Signal::CodeServer, answer, asked, "the answer is no health of code-server", |health: Health| {
        let vote = match health.status.as_str() {
            "alive" => Vote::Busy,
            "expired" => Vote::Idle,
            other => return Err(format!("code-server is in an unknown state: {other}")),
        };
        let last = Timestamp::from_millisecond(health.last_heartbeat);
        let last = last.map_err(|_| "code-server's last heartbeat is no time".to_owned())?;
        Ok((vote, health.status, Some(last)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_busy_while_its_heart_beats() {
        let of = |status: &str, beat: i64| {
            let body = format!(r#"{{"status":"{status}","lastHeartbeat":{beat}}}"#);
            read(&Answer::Body(body), Timestamp::UNIX_EPOCH)
        };
        assert_eq!(of("alive", 1000).vote, Vote::Busy);
        assert_eq!(
            (of("expired", 1000).vote, of("expired", 1000).last_active),
            (Vote::Idle, Timestamp::new(1, 0).ok())
        );
        assert_eq!(of("odd", 1000).vote, Vote::Unknown);
        assert_eq!(of("expired", i64::MAX).vote, Vote::Unknown);
    }
}
