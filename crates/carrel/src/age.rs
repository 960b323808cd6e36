//! A time span as people write it.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// A span such as `30d`, `2w` or `12h30m`; a day has 24 hours.
pub(crate) fn span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "must be a time span such as 30d, 2w or 12h".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if span.is_negative() { Err("must not be negative".to_owned()) } else { Ok(span) }
}

/// A span in the one unit that says most of it: 41d, 7h, 12m or 5s.
pub(crate) fn short(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        86_400.. => format!("{}d", seconds / 86_400),
        3_600.. => format!("{}h", seconds / 3_600),
        60.. => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_people_write_it() {
        for (text, hours) in [("30d", 720), ("2w", 336), ("12h", 12), ("1d 12h", 36), ("0s", 0)] {
            assert_eq!(span(text), Ok(SignedDuration::from_hours(hours)), "{text}");
        }
        for text in ["30", "", "soon", "1mo", "1y", "-3d"] {
            assert!(span(text).is_err(), "{text}");
        }
        let short: Vec<_> =
            [5, 60, 7_199, 86_400 * 41 + 3].map(|seconds| short(SignedDuration::from_secs(seconds))).into();
        assert_eq!(short, ["5s", "1m", "1h", "41d"]);
    }
}
