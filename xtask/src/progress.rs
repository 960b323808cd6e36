//! What a long step shows while it runs: what it does, how far it is, how long the last time.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::home;

/// How often a running step says where it is.
const TICK: Duration = Duration::from_secs(10);

/// A step under way. Dropped without [`Step::done`], it failed: nothing is said, and its duration is not remembered.
#[derive(Debug)]
pub struct Step {
    what: String,
    started: Instant,
    far: Arc<Mutex<String>>,
    // Dropping it ends the thread that prints.
    _ticker: Sender<()>,
}

/// Lines of a command's standard error that are each a unit of progress.
#[derive(Debug, Clone, Copy)]
pub struct Units<'a> {
    /// What is counted, such as `packages`.
    pub name: &'a str,
    /// How many there will be, where that is known.
    pub total: Option<usize>,
    /// Whether a line is one of them.
    pub counts: fn(&str) -> bool,
}

impl Step {
    /// Says on standard error what begins, and how long it took the last time.
    pub fn start(what: &str) -> Self {
        match durations().get(what) {
            Some(seconds) => eprintln!("{what} … (last time: {})", words(Duration::from_secs_f64(*seconds))),
            None => eprintln!("{what} …"),
        }
        let (ticker, ended) = mpsc::channel::<()>();
        let (far, started) = (Arc::new(Mutex::new(String::new())), Instant::now());
        let (line, seen) = (what.to_owned(), Arc::clone(&far));
        thread::spawn(move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let far = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let so_far = words(started.elapsed());
                if far.is_empty() { eprintln!("  {line}: {so_far}") } else { eprintln!("  {line}: {so_far}, {far}") }
            }
        });
        Self { what: what.to_owned(), started, far, _ticker: ticker }
    }

    /// How far the step is, in a few words for the next line of progress.
    pub fn far(&self, text: String) {
        *self.far.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Says how long it took, and remembers that for the next time.
    pub fn done(self) {
        let took = self.started.elapsed();
        eprintln!("  {}: done in {}", self.what, words(took));
        remember(&self.what, took);
    }

    /// Runs a command to its end with the last lines of its standard error kept for the error; those that are units of
    /// progress are counted instead.
    pub fn run(&self, command: &mut Command, units: Option<Units>) -> Result<()> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {program}"))?;
        let mut tail = VecDeque::new();
        let mut count = 0_usize;
        if let Some(stderr) = child.stderr.take() {
            for line in BufReader::new(stderr).split(b'\n') {
                let line = String::from_utf8_lossy(&line?).into_owned();
                if let Some(Units { name, total, counts }) = units
                    && counts(&line)
                {
                    count = count.saturating_add(1);
                    self.far(
                        total.map_or_else(|| format!("{count} {name}"), |total| format!("{count} of {total} {name}")),
                    );
                    continue;
                }
                tail.push_back(line);
                if tail.len() > 30 {
                    tail.pop_front();
                }
            }
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("{program} failed ({status}):\n{}", Vec::from(tail).join("\n"));
        }
        Ok(())
    }
}

/// A duration as a person says it: `0.4 s`, `12 s`, `8 min 53 s`, `2 h 5 min`.
pub fn words(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn durations() -> BTreeMap<String, f64> {
    let read = || -> Result<_> { Ok(serde_json::from_slice(&std::fs::read(home::home()?.join("durations.json"))?)?) };
    // What was forgotten is only not shown.
    read().unwrap_or_default()
}

fn remember(what: &str, took: Duration) {
    let write = || -> Result<()> {
        let _lock = home::Lock::take("durations")?;
        let mut all = durations();
        all.insert(what.to_owned(), took.as_secs_f64());
        home::write_whole(&home::home()?.join("durations.json"), &serde_json::to_vec_pretty(&all)?)
    };
    if let Err(error) = write() {
        eprintln!("cannot remember how long it took: {error:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_words() {
        assert_eq!(words(Duration::from_millis(430)), "0.4 s");
        assert_eq!(words(Duration::from_secs(12)), "12 s");
        assert_eq!(words(Duration::from_secs(533)), "8 min 53 s");
        assert_eq!(words(Duration::from_mins(125)), "2 h 5 min");
    }
}
