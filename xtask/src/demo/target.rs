//! The cluster that the demo runs in: its own, or one that was given.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::cluster::{Cluster, Nodes, Options};
use crate::packages;
use crate::programs;
use crate::progress::Step;

use super::served::Served;
use super::{Arguments, CLUSTER, NAMESPACE};

/// A cluster and the kubectl that reaches it.
pub(super) enum Target {
    Own(Cluster),
    Foreign { kubectl: PathBuf, flags: Vec<String> },
}

/// Where a server is reached from this machine.
pub(super) enum Address {
    /// The machine reaches Services by their addresses.
    Service(String),
    /// Through kubectl, as long as this value lives.
    Forwarded { url: String, _forward: Forward },
}

/// A running `kubectl port-forward`.
pub(super) struct Forward(Child);

impl Drop for Forward {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Address {
    /// The server's base, without a slash at its end.
    pub(super) fn url(&self) -> &str {
        match self {
            Self::Service(url) | Self::Forwarded { url, .. } => url.trim_end_matches('/'),
        }
    }

    /// How long it is worth waiting for an answer there, out of `all`: kubectl stops forwarding when a connection is
    /// refused once, so that way must be opened again and again.
    pub(super) fn patience(&self, all: Duration) -> Duration {
        match self {
            Self::Service(_) => all,
            Self::Forwarded { .. } => all.min(Duration::from_secs(5)),
        }
    }
}

/// Takes the demo's own cluster down.
pub(super) fn remove_own() -> Result<()> {
    let step = Step::start("removing the demo's cluster");
    let was = Cluster::down(CLUSTER)?;
    step.done();
    println!("{}", if was { "The demo is removed, with its cluster." } else { "There is no demo to remove." });
    Ok(())
}

impl Target {
    /// The demo's own cluster, with a node that runs containers; started unless it runs.
    pub(super) fn own(yes: bool) -> Result<Self> {
        let options = Options { name: CLUSTER.to_owned(), nodes: Nodes::Real, yes, ..Options::default() };
        Ok(Self::Own(Cluster::up(&options)?))
    }

    /// The cluster that the arguments name, if it answers.
    pub(super) fn foreign(arguments: &Arguments) -> Result<Self> {
        let kubectl = match packages::find("kubectl") {
            Some(kubectl) => kubectl,
            None => programs::ensure(arguments.yes)?.join("kubectl"),
        };
        let mut flags = Vec::new();
        if let Some(file) = &arguments.kubeconfig {
            flags.push(format!("--kubeconfig={}", file.display()));
        }
        if let Some(context) = &arguments.context {
            flags.push(format!("--context={context}"));
        }
        let target = Self::Foreign { kubectl, flags };
        target.run(["version", "--request-timeout=10s"]).context("the given cluster does not answer")?;
        Ok(target)
    }

    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// kubectl for this cluster.
    pub(super) fn kubectl(&self) -> Command {
        match self {
            Self::Own(cluster) => cluster.kubectl(),
            Self::Foreign { kubectl, flags } => {
                let mut command = Command::new(kubectl);
                command.args(flags);
                command
            }
        }
    }

    /// Another program that reads the kubeconfig as kubectl does, for the demo's own cluster.
    pub(super) fn beside_kubectl(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self::Own(cluster) = self {
            command.env("KUBECONFIG", cluster.kubeconfig());
        }
        command
    }

    /// Runs kubectl and returns what it printed.
    pub(super) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        self.feed(arguments, "")
    }

    /// Runs kubectl with `input` on its standard input.
    pub(super) fn feed<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, input: &str) -> Result<String> {
        let arguments: Vec<_> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        let mut command = self.kubectl();
        command.args(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run kubectl")?;
        if let Some(mut stdin) = child.stdin.take() {
            // Where kubectl ended early, its own words tell more than a broken pipe.
            let _broken = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        let words = arguments.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ");
        ensure!(output.status.success(), "kubectl {words}: {}", String::from_utf8_lossy(&output.stderr).trim());
        String::from_utf8(output.stdout).with_context(|| format!("kubectl {words} printed what is not text"))
    }

    /// Finds out how to reach a server, and opens the way where there is none.
    pub(super) fn address(&self, server: &Served) -> Result<Address> {
        let Served { service, path, .. } = server;
        if self.is_own() {
            let address = ["-n", NAMESPACE, "get", "service", service, "-o", "jsonpath={.spec.clusterIP}"];
            return Ok(Address::Service(format!("http://{}/{path}", self.run(address)?.trim())));
        }
        self.forward(service, path)
    }

    /// Forwards a free port of this machine to port 80 of a Service.
    fn forward(&self, service: &str, path: &str) -> Result<Address> {
        let mut errors = tempfile::tempfile().context("cannot make a temporary file")?;
        let mut command = self.kubectl();
        command.args(["-n", NAMESPACE, "port-forward", "--address=127.0.0.1", &format!("service/{service}"), ":80"]);
        // It says there at length that a server which is still starting refused a connection.
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors.try_clone()?).spawn();
        let mut forward = Forward(child.context("cannot run kubectl")?);
        let stdout = forward.0.stdout.take().context("kubectl port-forward has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let Some(line) = lines.next().transpose()? else {
            let mut said = String::new();
            errors.rewind()?;
            errors.read_to_string(&mut said)?;
            bail!("kubectl port-forward: {}", said.trim());
        };
        let local = line.strip_prefix("Forwarding from ").and_then(|line| line.split(' ').next());
        let local = local.with_context(|| format!("kubectl port-forward said {line:?} and no address"))?;
        let url = format!("http://{local}/{path}");
        // It says a line for each connection, and would end with a pipe that nobody reads.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Address::Forwarded { url, _forward: forward })
    }

    /// kubectl as one types it to reach this cluster, after [`Self::shell_environment`].
    pub(super) fn shell_kubectl(&self) -> String {
        let (built, flags) = match self {
            Self::Own(cluster) => (cluster.bin().join("kubectl"), &[][..]),
            Self::Foreign { kubectl, flags } => (kubectl.clone(), flags.as_slice()),
        };
        let program =
            if packages::find("kubectl").is_some() { "kubectl".to_owned() } else { built.display().to_string() };
        std::iter::once(program).chain(flags.iter().cloned()).map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
    }

    /// The line that makes a shell know the demo's own cluster.
    pub(super) fn shell_environment(&self) -> Option<String> {
        self.is_own().then(|| format!("eval \"$(cargo xtask cluster env --name {CLUSTER})\""))
    }

    /// The line that removes the demo.
    pub(super) fn shell_down(&self) -> String {
        let flags = match self {
            Self::Own(_) => &[][..],
            Self::Foreign { flags, .. } => flags.as_slice(),
        };
        let words = ["cargo", "xtask", "demo", "--down"].map(str::to_owned);
        words.iter().chain(flags).map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_to_paste_are_quoted() {
        let flags = vec!["--kubeconfig=/a b/c".to_owned(), "--context=it's".to_owned()];
        let target = Target::Foreign { kubectl: "/usr/bin/kubectl".into(), flags };
        assert_eq!(target.shell_down(), r"cargo xtask demo --down '--kubeconfig=/a b/c' '--context=it'\''s'");
    }
}
