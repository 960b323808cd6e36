//! The cgroups of a node: one named for its cluster in each hierarchy, which is that hierarchy's root inside the node.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::home;

const ROOT: &str = "/sys/fs/cgroup";

/// Whether the machine has version 2 alone. The hybrid form has version 1 for all controllers, and version 2 beside them.
pub(super) fn unified() -> bool {
    Path::new(ROOT).join("cgroup.controllers").exists()
}

/// The mount points of the hierarchies that a node has a cgroup in.
fn hierarchies() -> Result<Vec<PathBuf>> {
    if unified() {
        return Ok(vec![PathBuf::from(ROOT)]);
    }
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(ROOT) else { return Ok(found) };
    for entry in entries {
        let path = entry?.path();
        // `cpu` may be a link to `cpu,cpuacct`.
        if path.is_dir()
            && !path.is_symlink()
            && path.join("cgroup.procs").exists()
            && !path.join("cgroup.controllers").exists()
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// Named for the cluster's folder, as clusters of several homes may have one name.
fn group(hierarchy: &Path, dir: &Path) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    hierarchy.join(format!("carrel-{name}-{:08x}", home::fingerprint(dir)))
}

/// Moves this process into the node's cgroups, which it makes.
pub(super) fn join(dir: &Path) -> Result<()> {
    for hierarchy in hierarchies()? {
        let group = group(&hierarchy, dir);
        if unified() {
            delegate(&hierarchy)?;
        }
        if !group.exists() {
            fs::create_dir(&group).with_context(|| format!("cannot make the cgroup {}", group.display()))?;
        }
        // A new cpuset has no processor and no memory.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if !unified() && group.join(file).exists() {
                let all = fs::read(hierarchy.join(file)).with_context(|| format!("cannot read {file}"))?;
                fs::write(group.join(file), all)
                    .with_context(|| format!("cannot write {file} of {}", group.display()))?;
            }
        }
        fs::write(group.join("cgroup.procs"), "0").with_context(|| format!("cannot join {}", group.display()))?;
    }
    Ok(())
}

/// Version 2: lets the children of a group have all its controllers.
pub(super) fn delegate(group: &Path) -> Result<()> {
    let controllers = fs::read_to_string(group.join("cgroup.controllers")).context("cannot read cgroup.controllers")?;
    for controller in controllers.split_whitespace() {
        fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"))
            .with_context(|| format!("cannot let the children of {} have {controller}", group.display()))?;
    }
    Ok(())
}

/// Version 2: moves the program that made the namespaces, and stays outside, back to the root, since a group with children
/// may hold no process.
pub(super) fn leave(pid: u32) -> Result<()> {
    if unified() {
        fs::write(Path::new(ROOT).join("cgroup.procs"), pid.to_string()).context("cannot leave the node's cgroup")?;
    }
    Ok(())
}

/// Removes the node's cgroups with all below them. A cgroup is busy until the last of its processes is wholly gone.
pub(super) fn remove(dir: &Path) -> Result<()> {
    let mut left = Vec::new();
    for _ in 0..100 {
        left.clear();
        for hierarchy in hierarchies()? {
            let group = group(&hierarchy, dir);
            if group.exists() && remove_tree(&group).is_err() {
                left.push(group.display().to_string());
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        sleep(Duration::from_millis(100));
    }
    bail!("these cgroups can't be removed: {}", left.join(", "))
}

/// Only folders can be removed, the lowest first; the files in them are the kernel's.
fn remove_tree(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_tree(&path)?;
        }
    }
    fs::remove_dir(group)
}
