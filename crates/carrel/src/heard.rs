//! What was heard of a server, in words.

use std::fmt::Write;

use carrel_api::activity::{Activity, Evidence};
use jiff::Timestamp;

use crate::age::short;

/// A verdict, the evidence that decided it, and whether its owner asked to keep the server.
pub(crate) fn heard(activity: &Activity, now: Timestamp) -> String {
    let age = short(now.duration_since(activity.since));
    let mut text = format!("{} since {:.0} ({age} ago).\n", activity.verdict.as_str(), activity.since);
    text.push_str(&evidence(&activity.evidence));
    if let Some(kept) = activity.kept.as_ref().filter(|kept| kept.until > now) {
        let _ = writeln!(text, "Kept until {:.0}, as its owner asked.", kept.until);
    }
    text
}

/// What each signal said, a line each; those that say the same share one.
pub(crate) fn evidence(evidence: &[Evidence]) -> String {
    let line = |same: &[Evidence]| {
        let first = same.first()?;
        let signals: Vec<_> = same.iter().map(|one| format!("{:?}", one.signal)).collect();
        let say = if same.len() == 1 { "says" } else { "say" };
        Some(format!("  {} {say} {:?}: {}\n", signals.join(", "), first.vote, first.value))
    };
    evidence.chunk_by(|one, next| (one.vote, &one.value) == (next.vote, &next.value)).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_verdict_is_told_with_its_evidence_and_who_keeps_the_server() {
        let one = |signal: &str, vote: &str, value: &str| json!({"signal": signal, "vote": vote, "value": value, "at": "2026-01-02T09:00:00Z"});
        let activity = json!({
            "verdict": "Unknown", "since": "2026-01-02T09:00:00Z",
            "evidence": [
                one("Kernels", "Unknown", "no answer"), one("Terminals", "Unknown", "no answer"), one("Cpu", "Idle", "1%")],
            "kept": {"asked": "a", "from": "2026-01-02T09:00:00Z", "until": "2026-01-02T11:00:00Z", "usedSeconds": 7200},
        });
        let expected = "\
Unknown since 2026-01-02T09:00:00Z (1h ago).
  Kernels, Terminals say Unknown: no answer
  Cpu says Idle: 1%
Kept until 2026-01-02T11:00:00Z, as its owner asked.
";
        let now = "2026-01-02T10:00:00Z".parse().unwrap();
        assert_eq!(heard(&serde_json::from_value(activity).unwrap(), now), expected);
    }
}
