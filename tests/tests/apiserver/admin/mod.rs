//! What people ask of a cluster: `carrel why`, `carrel doctor` and `carrel adopt`. They change nothing.

mod adopt;
mod bare;
mod doctor;
mod why;

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use carrel_tests::{Desk, eventually, given};
use serde_json::{Value, json};

/// `carrel` with these arguments, as the user of this kubeconfig.
fn carrel(kubeconfig: &std::path::Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(given("CARREL_BINARY")?);
    command.args(arguments).arg("--kubeconfig").arg(kubeconfig).output().context("can't start carrel")
}

/// A kubeconfig of somebody who has no rights but those of everybody.
fn poor() -> Result<tempfile::NamedTempFile> {
    let mut config: Value =
        serde_json::from_str(&carrel_tests::kubectl(&["config", "view", "--raw", "--flatten", "-o", "json"])?)?;
    config["users"][0]["user"]["as"] = "somebody".into();
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), config.to_string())?;
    Ok(file)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The findings of `carrel doctor`, and what it ended with.
fn diagnosed(kubeconfig: &std::path::Path, arguments: &[&str]) -> Result<(Vec<Value>, Option<i32>)> {
    let output = carrel(kubeconfig, &[&["doctor", "-o", "json"], arguments].concat())?;
    ensure!(!output.stdout.is_empty(), "{}", err(&output));
    Ok((serde_json::from_slice(&output.stdout)?, output.status.code()))
}

/// The findings of one check, as what was seen and how bad it is.
fn of_check<'a>(findings: &'a [Value], check: &str) -> Vec<(&'a str, &'a str)> {
    let text = |one: &'a Value, key: &str| one[key].as_str().unwrap();
    findings.iter().filter(|one| one["check"] == check).map(|one| (text(one, "finding"), text(one, "saw"))).collect()
}
