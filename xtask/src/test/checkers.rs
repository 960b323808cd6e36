//! What is checked by programs of others, which are built for it once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::book;
use super::tally::Tally;
use crate::cargo::cargo;
use crate::home;
use crate::programs;
use crate::progress::Step;

/// The versions that CI checks with; others may know other rules.
const CARGO_DENY: &str = "0.20.2";
const MDBOOK: &str = "0.5.4";

/// The programs.
pub(super) struct Checkers {
    deny: Result<PathBuf>,
    mdbook: Result<PathBuf>,
    actionlint: Result<PathBuf>,
}

impl Checkers {
    /// Builds them, and gives way to whatever else runs: what this thread starts is as nice as the thread. `yes`: install a
    /// missing Go without asking.
    pub(super) fn build(yes: bool) -> Self {
        // Who can't be nice is only quicker.
        let _ = rustix::process::nice(19);
        Self {
            deny: tool("cargo-deny", CARGO_DENY, &[]),
            // Without its web server, which nobody needs here.
            mdbook: tool("mdbook", MDBOOK, &["--no-default-features", "--features=search"]),
            actionlint: programs::actionlint(yes),
        }
    }

    /// Checks with each.
    pub(super) fn check(self, tally: &mut Tally) {
        // Licences, sources and bans of what we depend on.
        tally.check("dependencies", || run(&self.deny?, &["--workspace", "check", "bans", "licenses", "sources"]));
        tally.check("the book", || book::build(&self.mdbook?));
        // What the world's CI is told to do, as far as that can be checked without it, and without the checkers of shell and Python
        // that it would call: not each machine has them, or the same.
        tally.check("workflows", || run(&self.actionlint?, &["-shellcheck=", "-pyflakes="]));
    }
}

fn run(program: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program).args(arguments).current_dir(home::repository()).status()?;
    ensure!(status.success(), "{}: {status}", program.display());
    Ok(())
}

/// Builds a program of crates.io once, not optimized, as it runs for seconds and is built for minutes; the build is kept beside the
/// cluster's programs.
fn tool(name: &str, version: &str, features: &[&str]) -> Result<PathBuf> {
    let root = home::home()?.join("tools").join(format!("{name}-{version}"));
    let tool = root.join("bin").join(name);
    if !tool.exists() {
        let _lock = home::Lock::take(name)?;
        let step = Step::start(&format!("building {name}"));
        let mut build = cargo(&["install", name, "--locked", "--debug", "--quiet", "--version", version, "--root"]);
        let build = build.arg(&root).args(features).env("CARGO_TARGET_DIR", root.join("target"));
        let status = build.status()?;
        ensure!(status.success(), "cargo install {name}: {status}");
        std::fs::remove_dir_all(root.join("target"))?;
        step.done();
    }
    Ok(tool)
}
