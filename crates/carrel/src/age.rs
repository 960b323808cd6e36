//! How long something lasts, in a word.

use jiff::SignedDuration;

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
    fn a_span_is_said_in_the_unit_that_says_most() {
        let short: Vec<_> =
            [5, 60, 7_199, 86_400 * 41 + 3].map(|seconds| short(SignedDuration::from_secs(seconds))).into();
        assert_eq!(short, ["5s", "1m", "1h", "41d"]);
    }
}
