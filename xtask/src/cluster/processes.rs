//! The processes of a cluster, found by what they carry: the variable `CARREL_CLUSTER`. Files with process ids could be
//! lost, and ids are used again.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::num::NonZeroI32;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// The variable that each process of a cluster carries; its value is the cluster's folder.
pub(crate) const MARK: &str = "CARREL_CLUSTER";

/// A process that carries a cluster's mark.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    /// The program's name, as it was called.
    pub(crate) name: String,
    /// Whether it is process 1 of a node; with it ends all that lives in its namespaces.
    pub(crate) first: bool,
}

/// All processes of the cluster in `dir`, but for the one that asks.
pub(crate) fn of(dir: &Path) -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for (pid, marked) in marked()? {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let (Ok(status), Ok(line)) = (fs::read_to_string(folder.join("status")), fs::read(folder.join("cmdline")))
        else {
            continue;
        };
        if marked != dir {
            continue;
        }
        let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = Path::new(OsStr::from_bytes(program)).file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.push(Process { pid, name, first: is_first(&status) });
    }
    Ok(found)
}

/// The names of clusters in this folder that have processes, whether they have files or not.
pub(crate) fn clusters_below(folder: &Path) -> Result<Vec<String>> {
    let dirs = marked()?.into_iter().map(|(_, dir)| dir).filter(|dir| dir.parent() == Some(folder));
    Ok(dirs.filter_map(|dir| Some(dir.file_name()?.to_str()?.to_owned())).collect())
}

/// All processes that carry a mark, with the folder that it names.
fn marked() -> Result<Vec<(Pid, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list /proc")? {
        let Ok(entry) = entry else { continue };
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        // Other users' processes can't be read, and are none of ours.
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        let value = environment
            .split(|byte| *byte == 0)
            .find_map(|variable| variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="));
        if let Some(value) = value
            && pid != rustix::process::getpid()
        {
            found.push((pid, PathBuf::from(OsStr::from_bytes(value))));
        }
    }
    Ok(found)
}

/// Whether `/proc/PID/status` is of process 1 in a namespace directly below this one. Containers are deeper.
fn is_first(status: &str) -> bool {
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    ids.is_some_and(|ids| matches!(ids.split_whitespace().collect::<Vec<_>>().as_slice(), [_, "1"]))
}

/// Ends all processes of the cluster in `dir`, and returns how many there were.
pub(crate) fn end(dir: &Path) -> Result<usize> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut ended = 0_usize;
    let mut seen = BTreeSet::new();
    loop {
        let left = of(dir)?;
        // A number that is used again by then belongs to somebody else.
        if left.is_empty() && (seen.iter().all(|pid| is_gone(*pid)) || Instant::now() > deadline) {
            return Ok(ended);
        }
        seen.extend(left.iter().map(|process| process.pid.as_raw_nonzero()));
        ended = ended.max(left.len());
        if Instant::now() > deadline {
            let names: Vec<_> = left.iter().map(|process| process.name.as_str()).collect();
            bail!("these processes of {} do not end: {}", dir.display(), names.join(", "));
        }
        let has_first = left.iter().any(|process| process.first);
        for process in left {
            // Its data goes away, so nothing needs to end gently. Process 1 is killed alone, and the kernel ends the rest.
            if process.first || !has_first {
                // It may be gone already.
                let _gone = kill_process(process.pid, Signal::KILL);
            }
        }
        sleep(Duration::from_millis(30));
    }
}

/// Whether a process is wholly gone, with its ports and open files, or a zombie that only its parent can remove. One that
/// is ending has lost its environment before.
fn is_gone(pid: NonZeroI32) -> bool {
    // `PID (NAME) STATE …`, and the name may have anything in it.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// A program of the cluster: what it is called and its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) arguments: Vec<String>,
}

/// A program that this process started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) name: &'static str,
    pub(crate) child: Child,
}

impl Program {
    pub(crate) fn new(name: &'static str, arguments: Vec<String>) -> Self {
        Self { name, arguments }
    }

    /// Starts it in the background with its output in `log/NAME.log`. `alone` gives it a session of its own, so that
    /// it outlives the terminal and gets none of its signals.
    pub(crate) fn start(&self, bin: &Path, dir: &Path, alone: bool) -> Result<Started> {
        let program = bin.join(self.name);
        let mut command = if alone {
            let mut command = Command::new("setsid");
            command.arg(&program);
            command
        } else {
            Command::new(&program)
        };
        without_proxies(&mut command).args(&self.arguments).env(MARK, dir);
        let child = start(&mut command, &log(dir, self.name))?;
        Ok(Started { name: self.name, child })
    }
}

/// A proxy that the shell names can't reach a cluster's addresses.
pub(crate) fn without_proxies(command: &mut Command) -> &mut Command {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name);
    }
    command
}

/// Starts a command in the background with its output in a file.
pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Child> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let copy = file.try_clone()?;
    let program = command.get_program().to_string_lossy().into_owned();
    // Not the folder from which xtask was called: it could not be unmounted while the cluster runs.
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(copy)
        .spawn()
        .with_context(|| format!("cannot start {program}"))
}

/// The file that a program of the cluster writes to.
pub(crate) fn log(dir: &Path, name: &str) -> PathBuf {
    dir.join("log").join(format!("{name}.log"))
}

/// The last line that a program wrote, for a message about its end.
pub(crate) fn last_words(dir: &Path, name: &str) -> String {
    let text = fs::read(log(dir, name)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it wrote nothing").to_owned()
}

/// An error when one of these programs has ended.
pub(crate) fn all_alive(dir: &Path, programs: &mut [Started]) -> Result<()> {
    for program in programs {
        if let Some(status) = program.child.try_wait()? {
            bail!("{} ended ({status}): {}", program.name, last_words(dir, program.name));
        }
    }
    Ok(())
}

/// Asks again and again until the answer is yes (`None`); `Some` says what is still missing. An error ends it at once.
pub(crate) fn wait_for(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<Option<String>>) -> Result<()> {
    let deadline = Instant::now() + limit;
    while let Some(missing) = ask()? {
        if Instant::now() > deadline {
            bail!("{what} did not come within {} s: {missing}", limit.as_secs());
        }
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_1_of_a_node_is_told_from_those_of_containers() {
        assert!(is_first("Name:\txtask\nNSpid:\t4711\t1\n"));
        assert!(!is_first("NSpid:\t4712\t2\n"));
        assert!(!is_first("NSpid:\t4713\t20\t1\n"));
        assert!(!is_first("NSpid:\t1\n"));
    }

    #[test]
    fn a_marked_process_is_found_and_ended() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("60").env(MARK, dir.path()).spawn().unwrap();
        // Until it has become the new program, it carries the old environment.
        wait_for("sleep", Duration::from_secs(5), || Ok(of(dir.path())?.is_empty().then(String::new))).unwrap();
        assert_eq!(of(dir.path()).unwrap()[0].name, "sleep");
        let reaper = std::thread::spawn(move || child.wait().unwrap());
        assert_eq!(end(dir.path()).unwrap(), 1);
        assert!(!reaper.join().unwrap().success());
    }
}
