//! Where things lie: what xtask keeps between runs, and the repository it works on.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// The folder of all that xtask keeps: `$CARREL_HOME`, or `carrel` in the user's cache folder.
///
/// It holds `bin`, `images`, `work` (build trees), `clusters` and `locks`; removing it, with no cluster running,
/// costs nothing but the time to build again.
pub fn home() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = match (set("CARREL_HOME"), set("XDG_CACHE_HOME"), set("HOME")) {
        (Some(home), _, _) => home,
        (None, Some(cache), _) => cache.join("carrel"),
        (None, None, Some(user)) => user.join(".cache/carrel"),
        (None, None, None) => anyhow::bail!("set CARREL_HOME to a folder for clusters and images, as HOME is not set"),
    };
    fs::create_dir_all(&home)
        .with_context(|| format!("cannot make {}; CARREL_HOME chooses another folder", home.display()))?;
    // Programs get paths below it, and those run elsewhere.
    home.canonicalize().with_context(|| format!("cannot resolve {}", home.display()))
}

/// A number that stands for a path, so that what different homes make on one machine has different names.
pub(crate) fn fingerprint(path: &Path) -> u32 {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    digest.first_chunk().copied().map_or(0, u32::from_be_bytes)
}

/// The workspace's root: where `Cargo.toml`, `deploy` and `dev` lie.
pub fn repository() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// An exclusive lock on `NAME` for all xtask processes that share this home; it ends with the value or the process.
#[derive(Debug)]
pub struct Lock {
    // The lock belongs to the open file. Children don't inherit it: Rust opens files close-on-exec.
    _file: File,
}

impl Lock {
    /// Takes the lock; while another process holds it, says so and waits.
    pub fn take(name: &str) -> Result<Self> {
        let (file, path) = Self::open(name)?;
        if file.try_lock().is_err() {
            eprintln!("waiting for another cargo xtask, which holds {}", path.display());
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(Self { _file: file })
    }

    /// Whether another process holds the lock now.
    pub fn held(name: &str) -> Result<bool> {
        Ok(Self::open(name)?.0.try_lock().is_err())
    }

    fn open(name: &str) -> Result<(File, PathBuf)> {
        let folder = home()?.join("locks");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open the lock {}", path.display()))?;
        Ok((file, path))
    }
}

/// Writes a file whole or not at all: another process never reads half of it.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().with_context(|| format!("{} has no folder", path.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // Such a file is made for its owner alone; nothing secret is written here.
    let mode = Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new()
        .permissions(mode)
        .tempfile_in(folder)
        .with_context(|| format!("cannot write in {}", folder.display()))?;
    std::io::Write::write_all(&mut file, content).with_context(|| format!("cannot write {}", path.display()))?;
    file.persist(path).with_context(|| format!("cannot replace {}", path.display()))?;
    Ok(())
}

/// The binary `carrel` of the same build as this one.
pub fn carrel() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find the binary of xtask")?;
    // A build replaces the file of a running program, whose name then gets a note at its end; its folder does not.
    Ok(own.parent().context("the binary of xtask is in no folder")?.join("carrel"))
}
