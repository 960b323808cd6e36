//! What benches measure and print. They assert nothing: times are another machine's tomorrow.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{Audit, Controllers, given};

const REST: Duration = Duration::from_mins(1);

/// A number that `cargo xtask bench` sets.
pub fn number(name: &str) -> Result<usize> {
    given(name)?.parse().with_context(|| format!("{name} is no number"))
}

/// Prints a figure.
pub fn line(what: &str, figure: &str) {
    println!("{what:<40} {figure}");
}

/// A time to read.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// A quotient with one digit behind the point.
pub fn tenths(sum: usize, count: usize) -> String {
    format!("{}.{}", sum / count, sum * 10 / count % 10)
}

/// The controllers as they run in a cluster: all namespaces, with their lease.
pub fn start() -> Result<Controllers> {
    start_with(&[])
}

/// The same, with these arguments too.
pub fn start_with(arguments: &[&str]) -> Result<Controllers> {
    Controllers::start_as_deployed(&PathBuf::from(given("CARREL_KUBECONFIG")?), &[&["--log=warn"], arguments].concat())
}

/// The resident memory of the controllers.
pub fn memory(controllers: &Controllers) -> Result<String> {
    size(controllers, "VmRSS")
}

/// The most resident memory that the controllers ever had.
pub fn most_memory(controllers: &Controllers) -> Result<String> {
    size(controllers, "VmHWM")
}

fn size(controllers: &Controllers, field: &str) -> Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", controllers.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let line = line.with_context(|| format!("no {field}"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(format!("{} MiB", kilobytes / 1024))
}

/// What the controllers have computed so far, in all threads.
pub fn cpu(controllers: &Controllers) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", controllers.pid()))?;
    ticks(&stat).map(|ticks| Duration::from_millis(ticks * 10)).context("no times in /proc/PID/stat")
}

/// Hundredths of a second, whatever the kernel counts in: `utime` and `stime` of what proc(5) calls stat.
fn ticks(stat: &str) -> Option<u64> {
    // The name before it may hold spaces and brackets.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut field = || fields.next()?.parse::<u64>().ok();
    Some(field()? + field()?)
}

/// Prints what is asked in a minute in which nothing happens.
pub async fn at_rest(audit: &Audit) -> Result<()> {
    tokio::time::sleep(Duration::from_secs(10)).await;
    let at_rest = audit.within(REST).await?;
    let others = at_rest.iter().filter(|request| !request.is_renewal()).count();
    line("requests at rest in 60 s", &format!("{others}, and {} renewals", at_rest.len() - others));
    Ok(())
}

/// Ends the controllers and starts them again; prints when their caches are filled, and what was written in the namespace.
pub async fn restart(controllers: Controllers, audit: &Audit, namespace: &str) -> Result<Controllers> {
    controllers.stop().await?;
    let (before, restarted) = (audit.writes(namespace)?.len(), std::time::Instant::now());
    let controllers = start()?;
    controllers.ready().await?;
    let filled = restarted.elapsed();
    tokio::time::sleep(Duration::from_secs(10)).await;
    Audit::settle().await;
    let writes = audit.writes(namespace)?.len() - before;
    line("restart: caches filled after", &format!("{}, {writes} writes", seconds(filled)));
    line("memory after the restart (VmRSS)", &memory(&controllers)?);
    Ok(controllers)
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) 1 (b) S 1 7 7 0 -1 4194560 1 0 0 0 120 34 9 9 20 0 3 0 55";
        assert_eq!(ticks(stat), Some(154));
        assert_eq!(ticks("7 (a) S 1"), None);
    }
}
