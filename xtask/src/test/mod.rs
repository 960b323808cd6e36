//! `cargo xtask test`: everything that CI runs, and its `--fast` part.
//!
//! The last line counts every test and check: `N passed, M failed, K skipped`. What can't run on a machine is named and
//! counted as skipped, never passed.

mod book;
mod parts;
mod scene;
mod tally;

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::progress::words;
use scene::Scene;
use tally::Tally;

/// `cargo xtask test`
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only what needs neither root nor a cluster that runs containers, and a sample of what has thousands of cases; about two
    /// minutes when everything is built.
    #[arg(long)]
    fast: bool,
    /// Install missing packages without asking.
    #[arg(long)]
    yes: bool,
}

/// Runs the parts one after the other; a part that fails does not keep the next from running.
pub fn run(arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    let mut tally = Tally::default();
    let scene = Scene::set(arguments.yes)?;
    parts::check(&mut tally);
    parts::unit(&mut tally, arguments.fast);
    parts::deployment(&scene, &mut tally);
    parts::apiserver(&scene, &mut tally, arguments.fast);
    if !arguments.fast {
        parts::dependencies(&mut tally);
        parts::book(&mut tally);
        parts::workflows(&scene, &mut tally);
        parts::node(&scene, &mut tally);
    }
    let cleared = scene.clear();
    tally.check("clean up", || cleared);
    eprintln!("\nall of it took {}", words(started.elapsed()));
    tally.say();
    println!("{}", tally.line());
    ensure!(tally.failed() == 0, "{} failed; see above", tally.failed());
    Ok(())
}
