//! Which Kubernetes the cluster is.

use super::finding::{Finding, Seen};

const CHECK: &str = "version";

/// The oldest minor version of Kubernetes 1 that is supported: the CRDs need validation ratcheting.
const OLDEST: u32 = 30;

/// What the API server says of itself.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) minor: String,
    pub(super) git_version: String,
}

pub(super) fn findings(version: &Seen<Version>) -> Vec<Finding> {
    let version = match version {
        Ok(version) => version,
        Err(unread) => return vec![Finding::unread(CHECK, unread)],
    };
    // Providers write such as 30+.
    let digits: String = version.minor.chars().take_while(char::is_ascii_digit).collect();
    let saw = format!("Kubernetes {}; supported from 1.{OLDEST}", version.git_version);
    vec![match digits.parse::<u32>() {
        Ok(minor) if minor >= OLDEST => Finding::ok(CHECK, saw),
        Ok(_) => Finding::problem(
            CHECK,
            saw,
            "upgrade the cluster: the CRDs' rules compare with the old object, which older API servers do not",
        ),
        Err(_) => Finding::warning(CHECK, saw, "see that it is new enough"),
    }]
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn the_minor_version_decides() {
        for (minor, level) in [("37", Level::Ok), ("30+", Level::Ok), ("29", Level::Problem), ("", Level::Warning)] {
            let found = findings(&Ok(Version { minor: minor.to_owned(), git_version: format!("v1.{minor}.1") }));
            assert_eq!(found.first().unwrap().level, level, "{minor}");
        }
    }
}
