//! Of which object is asked.

use std::fmt;

use crate::kind::Kind;

/// An object of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(super) kind: Kind,
    pub(super) name: String,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind.as_str(), self.name)
    }
}

/// A name of which nobody can tell what it means.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("{word:?} is no kind that carrel knows; it must be notebook, tensorboard, pvcviewer or volumerequest")]
    NoKind { word: String },
    #[error("{text:?} says one kind and --kind another; leave out one of the two")]
    TwoKinds { text: String },
    #[error("{text:?} must be NAME or KIND/NAME, such as notebook/iris")]
    NoName { text: String },
}

/// What a text and `--kind` mean together.
pub(super) fn target(text: &str, kind: Option<Kind>) -> Result<Target, TargetError> {
    let (said, name) = match text.split_once('/') {
        None => (None, text),
        Some((word, name)) => {
            let said = Kind::of_word(word).ok_or_else(|| TargetError::NoKind { word: word.to_owned() })?;
            (Some(said), name)
        }
    };
    if name.is_empty() || name.contains('/') {
        return Err(TargetError::NoName { text: text.to_owned() });
    }
    match (said, kind) {
        (Some(said), Some(kind)) if said != kind => Err(TargetError::TwoKinds { text: text.to_owned() }),
        (said, kind) => Ok(Target { kind: said.or(kind).unwrap_or(Kind::Notebook), name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_notebooks_unless_a_kind_is_said() {
        let of = |text: &str, kind| target(text, kind).map(|target| target.to_string());
        assert_eq!(of("iris", None).unwrap(), "Notebook iris");
        assert_eq!(of("tb/runs", None).unwrap(), "Tensorboard runs");
        assert_eq!(of("runs", Some(Kind::Tensorboard)).unwrap(), "Tensorboard runs");
        assert_eq!(of("volumerequests.carrel.dev/data", Some(Kind::VolumeRequest)).unwrap(), "VolumeRequest data");
        for (text, kind, expected) in [
            ("pod/iris-0", None, "\"pod\" is no kind that carrel knows"),
            ("tb/runs", Some(Kind::Notebook), "leave out one"),
            ("tb/", None, "must be NAME or KIND/NAME"),
            ("tb/a/b", None, "must be NAME or KIND/NAME"),
        ] {
            let error = of(text, kind).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
