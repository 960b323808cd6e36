//! What process 1 of a node mounts in its own mount namespace.

use std::ffi::CString;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, MountPropagationFlags, mount_bind, mount_change};

use super::cgroups;

/// Kubelet sets these for the whole machine where they differ: it is to find what it wants.
const KERNEL_SETTINGS: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

pub(super) fn all(dir: &Path) -> Result<()> {
    // Volumes of pods propagate, inside this namespace.
    mount_change("/", MountPropagationFlags::SHARED | MountPropagationFlags::REC)
        .context("cannot share mounts in the node")?;
    mount("proc", "proc", Path::new("/proc"), "")?;
    let version_1 = version_1_hierarchies(&fs::read_to_string("/proc/self/mountinfo").context("cannot read mounts")?);
    mount("sysfs", "sysfs", Path::new("/sys"), "")?;
    if version_1.is_empty() {
        unified_cgroups()?;
    } else {
        hybrid_cgroups(&version_1)?;
    }
    mount("tmpfs", "tmpfs", Path::new("/run"), "")?;
    for (own, usual) in [("node/lib", "/var/lib"), ("node/log", "/var/log")] {
        bind(&dir.join(own), Path::new(usual), true)?;
    }
    for (name, value) in KERNEL_SETTINGS {
        let setting = Path::new("/proc/sys").join(name);
        if setting.exists() {
            let wanted = Path::new("/run/kernel-settings").join(name.replace('/', "."));
            fs::create_dir_all("/run/kernel-settings").context("cannot write in the node's /run")?;
            fs::write(&wanted, format!("{value}\n")).context("cannot write in the node's /run")?;
            bind(&wanted, &setting, false)?;
        }
    }
    Ok(())
}

/// The names of version 1's hierarchies by the last part of their mount points, such as `cpu,cpuacct`.
fn version_1_hierarchies(mountinfo: &str) -> Vec<String> {
    let lines = mountinfo.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?;
        (after.split(' ').next()? == "cgroup" && point.starts_with("/sys/fs/cgroup/"))
            .then(|| point.rsplit('/').next().unwrap_or_default().to_owned())
    });
    let mut names: Vec<_> = lines.collect();
    names.sort();
    names.dedup();
    names
}

/// Each hierarchy anew: its root is then the node's own cgroup.
fn hybrid_cgroups(hierarchies: &[String]) -> Result<()> {
    let root = Path::new("/sys/fs/cgroup");
    mount("tmpfs", "tmpfs", root, "")?;
    for hierarchy in hierarchies {
        let point = root.join(hierarchy);
        fs::create_dir(&point).with_context(|| format!("cannot make {}", point.display()))?;
        let option = if hierarchy == "systemd" { "none,name=systemd" } else { hierarchy };
        mount("cgroup", "cgroup", &point, option)?;
    }
    Ok(())
}

fn unified_cgroups() -> Result<()> {
    let root = Path::new("/sys/fs/cgroup");
    mount("cgroup2", "cgroup2", root, "")?;
    let own = root.join("init");
    fs::create_dir(&own).context("cannot make a cgroup in the node")?;
    fs::write(own.join("cgroup.procs"), "0").context("cannot join a cgroup in the node")?;
    // Refused until the process outside has left the group too.
    let mut last = cgroups::delegate(root);
    for _ in 0..100 {
        if last.is_ok() {
            break;
        }
        sleep(Duration::from_millis(50));
        last = cgroups::delegate(root);
    }
    last
}

fn mount(source: &str, kind: &str, target: &Path, options: &str) -> Result<()> {
    let options = CString::new(options)?;
    rustix::mount::mount(source, target, kind, MountFlags::empty(), Some(options.as_c_str()))
        .with_context(|| format!("cannot mount {kind} at {} in the node", target.display()))
}

fn bind(source: &Path, target: &Path, folder: bool) -> Result<()> {
    if folder {
        fs::create_dir_all(source).with_context(|| format!("cannot make {}", source.display()))?;
    }
    mount_bind(source, target).with_context(|| format!("cannot put {} at {}", source.display(), target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_read_from_mountinfo() {
        let text = "31 24 0:27 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n\
                    32 31 0:28 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n\
                    34 31 0:30 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,name=systemd\n\
                    35 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
        assert_eq!(version_1_hierarchies(text), ["cpu,cpuacct", "systemd"]);
    }
}
