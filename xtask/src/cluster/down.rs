//! Ending a cluster, whatever state it is in. Nothing here trusts that a file of the cluster is still there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{check_name, folder, lock_name, node, processes};
use crate::home::{Lock, home};
use crate::packages;
use crate::progress::words;

pub(crate) fn down(name: &str) -> Result<bool> {
    check_name(name)?;
    let _lock = Lock::take(&lock_name(name))?;
    remove(&folder(&home()?, name))
}

pub(crate) fn down_all() -> Result<Vec<String>> {
    let home = home()?;
    let mut names = BTreeSet::new();
    let folder = home.join("clusters");
    if folder.exists() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            names.insert(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    // Of a cluster whose folder is gone, its processes still say its name.
    names.extend(processes::clusters_below(&folder)?);
    for name in &names {
        let started = Instant::now();
        down(name)?;
        eprintln!("cluster {name} is down ({})", words(started.elapsed()));
    }
    Ok(names.into_iter().collect())
}

/// Ends the processes, then what real nodes leave outside their namespaces, then the files. The caller holds the lock.
pub(crate) fn remove(dir: &Path) -> Result<bool> {
    let ended = processes::end(dir)?;
    let existed = dir.exists();
    if packages::root() {
        node::clean(dir)?;
    }
    if existed {
        remove_folder(dir)?;
    }
    Ok(existed || ended > 0)
}

/// A process that is just being ended may still write.
fn remove_folder(dir: &Path) -> Result<()> {
    let mut last = Ok(());
    for _ in 0..50 {
        last = fs::remove_dir_all(dir);
        if !dir.exists() {
            return Ok(());
        }
        sleep(Duration::from_millis(100));
    }
    last.with_context(|| format!("cannot remove {}", dir.display()))
}
