//! Carrel's own image, from the workspace as it is now.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::pack::Layer;
use super::store::Store;
use crate::cargo::cargo;
use crate::home::{Lock, repository};
use crate::progress::Step;

const WEEK: Duration = Duration::from_hours(7 * 24);

/// Builds the `carrel` binary without any library beside it, publishes it as an image, and returns the image's
/// reference. The tag ends with 12 digits of the image's digest, so a changed binary is another image.
pub fn carrel() -> Result<String> {
    let step = Step::start("building the image of carrel");
    let binary = binary(&step)?;
    let _lock = Lock::take("images")?;
    let store = Store::open()?;
    let dockerfile = repository().join("Dockerfile");
    let config =
        config(&fs::read_to_string(&dockerfile).with_context(|| format!("cannot read {}", dockerfile.display()))?)?;
    let name = |digest: &str| {
        let short: String = digest.trim_start_matches("sha256:").chars().take(12).collect();
        format!("localhost/carrel:{}-{short}", env!("CARGO_PKG_VERSION"))
    };
    let reference = store.publish(name, "", &config, &[Layer::files([("carrel", &binary, 0o755)])])?;
    // A tag is a state of the code; clusters run those of the last days.
    store.prune(|other, age| other.starts_with("localhost/carrel:") && other != reference && age > WEEK)?;
    step.done();
    Ok(reference)
}

/// The configuration that a Dockerfile gives the image of its last stage: its user, its entry point and its labels.
fn config(dockerfile: &str) -> Result<Value> {
    let stage = dockerfile.rsplit_once("\nFROM ").context("the Dockerfile has no FROM")?.1;
    let instruction = |name: &str| {
        let mut found = stage.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.next().with_context(|| format!("the Dockerfile's last stage has no {name}"))
    };
    let entry: Value = serde_json::from_str(instruction("ENTRYPOINT")?).context("ENTRYPOINT is no list")?;
    let labels = stage.lines().filter_map(|line| line.strip_prefix("LABEL ")?.split_once('='));
    let labels: BTreeMap<_, _> = labels.map(|(key, value)| (key, value.trim_matches('"'))).collect();
    Ok(json!({"User": instruction("USER")?, "Entrypoint": entry, "Labels": labels}))
}

/// The binary that is in the image.
pub fn carrel_binary() -> Result<PathBuf> {
    let step = Step::start("building carrel");
    let binary = binary(&step)?;
    step.done();
    Ok(binary)
}

/// cargo's arguments for a release build with no library beside it.
pub(crate) fn static_release() -> Result<Vec<String>> {
    let target = host()?;
    // Not by RUSTFLAGS: those would apply to build scripts and to what else uses the folder.
    let flags = format!("target.{target}.rustflags=[\"-Ctarget-feature=+crt-static\"]");
    Ok(vec!["--release".to_owned(), "--target".to_owned(), target, "--config".to_owned(), flags])
}

/// Compiles it with glibc inside, which needs no other target than the machine's own, and resolves cluster names.
fn binary(step: &Step) -> Result<PathBuf> {
    let mut child = cargo(&["build", "--package=carrel", "--message-format=json"])
        .args(static_release()?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run cargo")?;
    let (mut binary, mut compiled, mut errors) = (None, 0_usize, String::new());
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let message: Value = serde_json::from_str(&line?).unwrap_or_default();
            let text = |path: &str| message.pointer(path).and_then(Value::as_str);
            match text("/reason") {
                Some("compiler-artifact") => {
                    compiled = compiled.saturating_add(1);
                    step.far(format!("{compiled} crates compiled"));
                    if text("/target/name") == Some("carrel") {
                        binary = text("/executable").map(PathBuf::from).or(binary);
                    }
                }
                Some("compiler-message") if text("/message/level") == Some("error") => {
                    errors.push_str(text("/message/rendered").unwrap_or_default());
                }
                _ => {}
            }
        }
    }
    if !child.wait()?.success() {
        bail!("carrel does not compile; `cargo build --package=carrel` says why\n{errors}");
    }
    binary.context("cargo named no binary of carrel")
}

/// The machine's own target, such as `x86_64-unknown-linux-gnu`.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = Command::new(rustc).arg("-vV").current_dir(repository()).output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_what_the_dockerfile_says() {
        let read = config(&fs::read_to_string(repository().join("Dockerfile")).unwrap()).unwrap();
        assert_eq!(read["User"], "65532:65532");
        assert_eq!(read["Entrypoint"], json!(["/carrel"]));
        assert_eq!(read["Labels"]["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(read["Labels"]["org.opencontainers.image.title"], "Carrel");
    }
}
