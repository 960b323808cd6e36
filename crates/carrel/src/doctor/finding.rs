//! A finding, and how findings are told.

use serde::Serialize;

use crate::printed::{columns, line};

/// What can't be read, in a sentence.
pub(crate) type Unread = String;

/// What was read, or why it can't be.
pub(crate) type Seen<T> = Result<T, Unread>;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// Carrel works, but not all of it, or it could not be looked at.
    Warning,
    /// Carrel does not work as it should.
    Problem,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in a word.
    pub(super) check: &'static str,
    #[serde(rename = "finding")]
    pub(crate) level: Level,
    /// What it saw.
    pub(crate) saw: String,
    /// How to mend it; absent where there is nothing to mend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, saw: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, saw: saw.into(), mend: None }
    }

    pub(super) fn warning(check: &'static str, saw: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, saw: saw.into(), mend: Some(mend.into()) }
    }

    pub(super) fn problem(check: &'static str, saw: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, level: Level::Problem, saw: saw.into(), mend: Some(mend.into()) }
    }

    /// Nobody knows whether it is as it should be.
    pub(super) fn unread(check: &'static str, unread: &Unread) -> Self {
        Self::warning(check, format!("not looked at: {unread}"), "run carrel doctor as somebody who may read it")
    }
}

/// The findings in columns, and below each how to mend it.
pub(super) fn lines(findings: &[Finding]) -> String {
    let mut lines = vec![line(["CHECK", "FINDING", "WHAT WAS SEEN"])];
    for one in findings {
        lines.push(line([one.check, one.level.as_str(), &one.saw]));
        lines.extend(one.mend.iter().map(|mend| line(["", "", &format!("-> {mend}")])));
    }
    columns(&lines)
}

/// What was found, in a sentence.
pub(super) fn sum(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    let words = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (count(Level::Problem), count(Level::Warning)) {
        (0, 0) => format!("all {} findings are well", findings.len()),
        (problems, warnings) => format!("{} and {}", words(problems, "problem"), words(warnings, "warning")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_told_with_how_to_mend_them() {
        let findings = [Finding::ok("version", "1.37"), Finding::problem("leader", "nobody", "start it")];
        let expected = "\
CHECK    FINDING  WHAT WAS SEEN
version  ok       1.37
leader   problem  nobody
                  -> start it
";
        assert_eq!(lines(&findings), expected);
        assert_eq!(sum(&findings), "1 problem and 0 warnings");
        assert_eq!(sum(&findings[..1]), "all 1 findings are well");
        let json = serde_json::to_value(&findings[1]).unwrap();
        let expected =
            serde_json::json!({"check": "leader", "finding": "problem", "saw": "nobody", "mend": "start it"});
        assert_eq!(json, expected);
    }
}
