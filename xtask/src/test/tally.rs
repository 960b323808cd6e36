//! Counts what passed, failed and was skipped, over cargo's tests and our own checks.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::progress::words;

/// The counts so far, and the names of what did not pass.
#[derive(Debug, Default)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    notes: Vec<String>,
}

impl Tally {
    /// Runs a check that counts as one test.
    pub(super) fn check(&mut self, what: &str, check: impl FnOnce() -> Result<()>) -> bool {
        let started = begin(what);
        let result = check();
        match &result {
            Ok(()) => self.passed += 1,
            Err(error) => self.fail(what, &format!("{error:#}")),
        }
        end(what, started);
        result.is_ok()
    }

    /// Runs a command that counts as one test.
    pub(super) fn command(&mut self, what: &str, command: &mut Command) -> bool {
        self.check(what, || {
            let status = command.status().with_context(|| format!("can't start {}", line(command)))?;
            ensure!(status.success(), "{}: {status}", line(command));
            Ok(())
        })
    }

    /// Runs `cargo test …` and counts the tests that it ran. Its output is passed on as it comes.
    pub(super) fn tests(&mut self, what: &str, command: &mut Command) {
        let started = begin(what);
        if let Err(error) = self.count(what, command) {
            self.fail(what, &format!("{error:#}"));
        }
        end(what, started);
    }

    fn count(&mut self, what: &str, command: &mut Command) -> Result<()> {
        let mut child =
            command.stdout(Stdio::piped()).spawn().with_context(|| format!("can't start {}", line(command)))?;
        let (mut ran, mut failed) = (0, 0);
        let mut out = std::io::stdout();
        for line in BufReader::new(child.stdout.take().context("no standard output")?).lines() {
            let line = line?;
            writeln!(out, "{line}")?;
            if let Some(counts) = Counts::of(&line) {
                ran += counts.passed + counts.failed;
                failed += counts.failed;
                self.passed += counts.passed;
                self.failed += counts.failed;
                self.skipped += counts.ignored;
                if counts.ignored > 0 {
                    self.notes.push(format!("skipped: {} tests of {what}, by their own word", counts.ignored));
                }
            } else if let Some(name) = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED")) {
                self.notes.push(format!("failed: {name}"));
            }
        }
        let status = child.wait()?;
        ensure!(status.success() || failed > 0, "{}: {status}", line(command));
        ensure!(ran > 0, "{} ran no test", line(command));
        Ok(())
    }

    /// Notes a part that can't run here.
    pub(super) fn skip(&mut self, what: &str, why: &str) {
        eprintln!("\n== {what}: skipped, {why}");
        self.skipped += 1;
        self.notes.push(format!("skipped: {what}, {why}"));
    }

    fn fail(&mut self, what: &str, error: &dyn Display) {
        eprintln!("{what} failed: {error}");
        self.failed += 1;
        self.notes.push(format!("failed: {what}: {error}"));
    }

    /// Names what did not pass.
    pub(super) fn say(&self) {
        for note in &self.notes {
            eprintln!("{note}");
        }
    }

    /// How many failed.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// The closing line.
    pub(super) fn line(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// A command as a person would type it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn begin(what: &str) -> Instant {
    eprintln!("\n== {what}");
    Instant::now()
}

fn end(what: &str, started: Instant) {
    eprintln!("== {what}: {}", words(started.elapsed()));
}

/// The numbers of a closing line of Rust's test runner.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Counts {
    fn of(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let number = |what: &str| {
            let part = counts.split(';').find(|part| part.trim_end().ends_with(what))?;
            part.split_whitespace().next()?.parse().ok()
        };
        Some(Self { passed: number("passed")?, failed: number("failed")?, ignored: number("ignored")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_the_test_runner_are_read() {
        let line = "test result: FAILED. 28 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.14s";
        assert_eq!(Counts::of(line), Some(Counts { passed: 28, failed: 1, ignored: 2 }));
        assert_eq!(Counts::of("test a ... ok"), None);
    }

    #[test]
    fn failures_and_skips_are_counted_and_named() {
        let mut tally = Tally::default();
        tally.check("good", || Ok(()));
        tally.check("bad", || anyhow::bail!("broken"));
        tally.skip("root's part", "no root");
        tally.command("a false command", &mut Command::new("false"));
        assert_eq!(tally.line(), "1 passed, 2 failed, 1 skipped");
        assert_eq!(tally.notes.len(), 3);
    }

    #[test]
    fn a_run_without_a_test_is_a_failure() {
        let mut tally = Tally::default();
        tally.tests("nothing", &mut Command::new("true"));
        assert_eq!(tally.line(), "0 passed, 1 failed, 0 skipped");
    }
}
