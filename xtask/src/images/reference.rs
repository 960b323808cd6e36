//! Image references, and the table of foreign ones that stand for images built here.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A foreign reference and the image that answers in its stead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// A whole reference, or the beginning of some with `*` at the end.
    pub foreign: String,
    /// The reference of an image in the store.
    pub local: String,
}

impl Alias {
    /// Whether the alias stands for this reference, which is in its full form.
    fn stands_for(&self, reference: &str) -> bool {
        match self.foreign.strip_suffix('*') {
            Some(beginning) => reference.starts_with(beginning),
            None => full(&self.foreign) == reference,
        }
    }
}

impl FromStr for Alias {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((foreign, local)) if !foreign.is_empty() && !local.is_empty() => {
                Ok(Self { foreign: foreign.to_owned(), local: local.to_owned() })
            }
            _ => Err("write FOREIGN=LOCAL, such as quay.io/team/lab:1=localhost/jupyter:4.6".to_owned()),
        }
    }
}

/// Reads `aliases.txt`: lines of a foreign and a local reference; `#` begins a comment.
pub(crate) fn parse(text: &str) -> Result<Vec<Alias>, String> {
    let lines =
        text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [foreign, local] => Ok(Alias { foreign: (*foreign).to_owned(), local: (*local).to_owned() }),
            _ => Err(format!("{line:?} is not a foreign and a local reference")),
        })
        .collect()
}

/// The reference that answers for `reference`; the first alias that fits decides.
pub(crate) fn resolve<'a>(aliases: &'a [Alias], reference: &'a str) -> &'a str {
    aliases.iter().find(|alias| alias.stands_for(reference)).map_or(reference, |alias| alias.local.as_str())
}

/// A reference with all that a container runtime adds: `docker.io`, `library/` and `:latest`.
pub(crate) fn full(reference: &str) -> String {
    let (host, path) = match reference.split_once('/') {
        Some((host, path)) if host == "localhost" || host.contains(['.', ':']) => (host, path.to_owned()),
        Some(_) => ("docker.io", reference.to_owned()),
        None => ("docker.io", format!("library/{reference}")),
    };
    let last = path.rsplit('/').next().unwrap_or_default();
    let tag = if last.contains([':', '@']) { "" } else { ":latest" };
    format!("{host}/{path}{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_completed_as_a_runtime_does() {
        assert_eq!(full("busybox"), "docker.io/library/busybox:latest");
        assert_eq!(full("jupyter/base-notebook:2"), "docker.io/jupyter/base-notebook:2");
        assert_eq!(full("localhost/pause:3"), "localhost/pause:3");
        assert_eq!(full("registry.example:5000/a/b"), "registry.example:5000/a/b:latest");
        assert_eq!(full("quay.io/a@sha256:00"), "quay.io/a@sha256:00");
    }

    #[test]
    fn the_first_alias_that_fits_decides() {
        let aliases = parse("# comment\nghcr.io/a/lab:1 localhost/one:1 # why\nghcr.io/a/* localhost/two:2\n").unwrap();
        assert_eq!(resolve(&aliases, "ghcr.io/a/lab:1"), "localhost/one:1");
        assert_eq!(resolve(&aliases, "ghcr.io/a/lab:latest"), "localhost/two:2");
        assert_eq!(resolve(&aliases, "ghcr.io/b:1"), "ghcr.io/b:1");
        assert!(parse("only-one").is_err());
    }
}
