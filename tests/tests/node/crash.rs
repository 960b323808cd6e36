//! After a `kill -9` of everything, `cargo xtask cluster down --all` leaves the machine as it was.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use carrel_tests::{given, run};

/// What a cluster could leave behind, by name, so that a difference says what it is.
fn traces(home: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let home = home.to_str().context("a path that is no text")?;
    let lines = |command: &str, arguments: &[&str]| -> Result<Vec<String>> {
        Ok(run(Command::new(command).args(arguments))?.lines().map(str::to_owned).collect())
    };
    found.extend(
        lines("ip", &["-o", "link"])?.iter().filter_map(|line| Some(format!("link {}", line.split(": ").nth(1)?))),
    );
    found.extend(lines("ip", &["-o", "route"])?.iter().map(|line| format!("route {line}")));
    found.extend(lines("ip", &["netns"])?.iter().map(|line| format!("netns {line}")));
    found.extend(lines("nft", &["list", "tables"])?.iter().map(|line| format!("nft {line}")));
    found.extend(
        std::fs::read_to_string("/proc/self/mountinfo")?
            .lines()
            .filter(|line| line.contains(home))
            .map(|line| format!("mount {line}")),
    );
    for entry in walk(Path::new("/sys/fs/cgroup"), 1) {
        found.insert(format!("cgroup {}", entry.display()));
    }
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        if pid != std::process::id() && belongs(pid, home) {
            found.insert(format!("process {pid}"));
        }
    }
    Ok(found)
}

/// Whether a process is of a cluster of this home: by what it was started with.
fn belongs(pid: u32, home: &str) -> bool {
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let marked = String::from_utf8_lossy(&read("environ"))
        .split('\0')
        .any(|variable| variable.starts_with("CARREL_CLUSTER=") && variable.contains(home));
    marked || String::from_utf8_lossy(&read("cmdline")).contains(&format!("{home}/clusters/"))
}

fn walk(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = entries.filter(|path| path.is_dir() && !path.is_symlink());
    folders
        .flat_map(|path| {
            let below = if depth > 0 { walk(&path, depth - 1) } else { Vec::new() };
            below.into_iter().chain([path])
        })
        .filter(|path| path.to_string_lossy().contains("carrel"))
        .collect()
}

/// Two clusters side by side: one with a node and pods, one with fake nodes.
#[test]
fn nothing_is_left_after_a_kill_of_everything() -> Result<()> {
    let shared = PathBuf::from(given("CARREL_HOME")?);
    let home = tempfile::Builder::new().prefix("carrel-crash-").tempdir_in(&shared)?;
    for cache in ["bin", "images"] {
        std::os::unix::fs::symlink(std::fs::canonicalize(shared.join(cache))?, home.path().join(cache))?;
    }
    let xtask = |arguments: &[&str]| -> Result<String> {
        run(Command::new(given("CARREL_XTASK")?).args(["cluster"]).args(arguments).env("CARREL_HOME", home.path()))
    };
    let of_ours = |found: &BTreeSet<String>| found.iter().filter(|line| line.starts_with("process")).count();
    let before = traces(home.path())?;
    xtask(&["up", "--name", "crash-real", "--nodes", "real"])?;
    xtask(&["up", "--name", "crash-fake", "--nodes", "fake:2"])?;
    let during = traces(home.path())?;
    ensure!(of_ours(&during) > 15, "the two are there: {during:?}");
    ensure!(
        during.iter().any(|line| line.starts_with("link carrel"))
            && during.iter().any(|line| line.starts_with("cgroup"))
    );

    while let Some(pid) = traces(home.path())?.iter().find_map(|line| line.strip_prefix("process ").map(str::to_owned))
    {
        // It may be gone by now, with the namespace that it lived in.
        let _ = Command::new("kill").args(["-9", &pid]).output()?;
    }
    let status = xtask(&["status"])?;
    ensure!(status.matches("dead").count() == 2, "{status}");
    xtask(&["down", "--all"])?;
    let after = traces(home.path())?;
    let left: Vec<_> = after.difference(&before).collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    let clusters = std::fs::read_dir(home.path().join("clusters")).map_or(0, Iterator::count);
    ensure!(clusters == 0, "{clusters} folders of clusters");
    Ok(())
}
