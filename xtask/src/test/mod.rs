//! `cargo xtask test`: everything that CI runs, and its `--fast` part.
//!
//! The last line counts every test and check: `N passed, M failed, K skipped`. What can't run on a machine is named and
//! counted as skipped, never passed.

mod book;
mod checkers;
mod parts;
mod scene;
mod tally;

use std::time::Instant;

use anyhow::{Result, bail, ensure};

use crate::progress::words;
use checkers::Checkers;
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
    let (started, yes) = (Instant::now(), arguments.yes);
    let mut tally = Tally::default();
    let scene = Scene::set(yes)?;
    parts::check(&mut tally);
    parts::unit(&mut tally, arguments.fast);
    parts::deployment(&scene, &mut tally);
    parts::apiserver(&scene, &mut tally, arguments.fast);
    if !arguments.fast {
        // The tests on nodes mostly wait, and leave processors to the builds.
        let checkers = std::thread::spawn(move || Checkers::build(yes));
        parts::node(&scene, &mut tally);
        match checkers.join() {
            Ok(checkers) => checkers.check(&mut tally),
            Err(_) => drop(tally.check("the checkers", || bail!("building them panicked"))),
        }
    }
    let cleared = scene.clear();
    tally.check("clean up", || cleared);
    eprintln!("\nall of it took {}", words(started.elapsed()));
    tally.say();
    println!("{}", tally.line());
    ensure!(tally.failed() == 0, "{} failed; see above", tally.failed());
    Ok(())
}
