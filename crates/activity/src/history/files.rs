//! A history in files.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{History, read};

/// A history that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file can't be opened.
    #[error("can't open the history {file}: {source}; give the file that the controller writes, or a copy of it")]
    Open {
        /// Which.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A file can't be read on.
    #[error("can't read the history {file}: {source}")]
    Read {
        /// Which.
        file: String,
        /// Why.
        source: io::Error,
    },
}

/// Where the older half of a history is, that is written to `path`.
pub fn old_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// Reads a history that a journal wrote to `path`, with its older half where there is one. Blocks.
pub fn of_files(path: &Path, since: Option<Timestamp>) -> Result<History, ReadError> {
    let file = || path.display().to_string();
    let open = |path: &Path| File::open(path).map(BufReader::new);
    let old = match open(&old_of(path)) {
        Ok(old) => Some(old),
        Err(source) if source.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(ReadError::Open { file: old_of(path).display().to_string(), source }),
    };
    let new = match open(path) {
        Ok(new) => Some(new),
        // For a moment, while one file takes the other's place.
        Err(source) if source.kind() == io::ErrorKind::NotFound && old.is_some() => None,
        Err(source) => return Err(ReadError::Open { file: file(), source }),
    };
    read(old.into_iter().chain(new), since).map_err(|source| ReadError::Read { file: file(), source })
}
