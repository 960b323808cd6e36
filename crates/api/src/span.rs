//! Time spans as people write them in specs, annotations and arguments.

use std::fmt;
use std::str::FromStr;

use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span such as `30m`, `12h`, `2w` or `1d12h`; never negative. A day has 24 hours, whatever clocks do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpan(SignedDuration);

/// A text that is no [`TimeSpan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It can't be read.
    #[error("must be a time span such as 30m, 12h, 2w or 1d12h")]
    Unreadable,
    /// It is below zero.
    #[error("must not be negative")]
    Negative,
}

impl TimeSpan {
    /// No time at all.
    pub const ZERO: Self = Self(SignedDuration::ZERO);

    /// So many seconds; none for a negative number.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(SignedDuration::from_secs(if seconds < 0 { 0 } else { seconds }))
    }

    /// So many minutes; none for a negative number.
    pub const fn from_mins(minutes: i64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }

    /// So many hours; none for a negative number.
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_mins(hours.saturating_mul(60))
    }

    /// What it is to calculate with.
    pub const fn duration(self) -> SignedDuration {
        self.0
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for TimeSpan {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let span: Span = text.trim().parse().map_err(|_| SpanError::Unreadable)?;
        let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| SpanError::Unreadable)?;
        if span.is_negative() { Err(SpanError::Negative) } else { Ok(Self(span)) }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printer = SpanPrinter::new().designator(Designator::Compact).spacing(Spacing::None);
        let seconds = self.0.as_secs();
        let span = Span::new().try_days(seconds / 86_400).and_then(|span| span.try_hours(seconds % 86_400 / 3_600));
        let span = span.and_then(|span| span.try_minutes(seconds % 3_600 / 60));
        match span.and_then(|span| span.try_seconds(seconds % 60)) {
            Ok(span) => f.write_str(&printer.span_to_string(&span)),
            // Beyond what a calendar holds.
            Err(_) => write!(f, "{}h", seconds / 3_600),
        }
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("{text:?} {error}")))
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for TimeSpan {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeSpan".into()
    }

    /// What the API server lets through is what [`TimeSpan::from_str`] reads, but for rare spellings.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 32,
            "pattern": r"^([0-9]{1,6}(w|d|h|m|s) ?){1,5}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_people_write_it_and_written_so_that_it_is_read_again() {
        for (text, hours, written) in
            [("30d", 720, "30d"), ("2w", 336, "14d"), ("12h", 12, "12h"), ("1d 12h", 36, "1d12h"), ("0s", 0, "0s")]
        {
            let span: TimeSpan = text.parse().unwrap();
            assert_eq!(span, TimeSpan::from_hours(hours), "{text}");
            assert_eq!(span.to_string(), written);
            assert_eq!(written.parse(), Ok(span));
        }
        assert_eq!(TimeSpan::from_secs(5_430).to_string(), "1h30m30s");
        for text in ["30", "", "soon", "1mo", "1y"] {
            assert_eq!(text.parse::<TimeSpan>(), Err(SpanError::Unreadable), "{text}");
        }
        assert_eq!("-3d".parse::<TimeSpan>(), Err(SpanError::Negative));
    }
}
