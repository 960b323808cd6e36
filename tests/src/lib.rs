//! What the tests share: the cluster that they are run against, a namespace of its own for each test, controllers as
//! processes, and the audit log that says what these asked of the API server.
//!
//! `cargo xtask test` starts the cluster and says where it is; nothing here is a fake.

mod audit;
mod blocked;
mod controllers;
pub mod crowd;
mod desk;
pub mod figures;
mod foreign;
mod kubeflow;
mod listener;
pub mod pages;
mod policy;
mod stand_in;
mod stand_ins;

pub use audit::{Audit, Request};
pub use blocked::Blocked;
pub use controllers::Controllers;
pub use desk::Desk;
pub use foreign::{install, remove};
pub use kubeflow::{OfKubeflow, owned_by, virtual_service};
pub use listener::Listener;
pub use policy::{Policy, policies};
pub use stand_in::{ASKING, Says, StandIn};
pub use stand_ins::StandIns;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// How long to wait for what should come within seconds: long, since a busy machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The value of an environment variable that `cargo xtask test` sets.
pub fn given(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set; these tests are run by cargo xtask test"))
}

/// The administrator's kubeconfig.
pub fn kubeconfig() -> Result<PathBuf> {
    Ok(given("KUBECONFIG")?.into())
}

/// A client for a kubeconfig.
pub async fn client(kubeconfig: PathBuf) -> Result<Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// `kubectl` of the local cluster, as its administrator, with these arguments. What it printed, if it succeeded.
pub fn kubectl(arguments: &[&str]) -> Result<String> {
    run(Command::new(given("KUBECTL")?).args(arguments))
}

/// Runs a command to its end. What it printed to standard output, if it succeeded.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("can't start {command:?}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("{command:?}: {}\n{out}{err}", output.status);
    }
    Ok(out.into_owned())
}

/// Tries until `attempt` succeeds, for as long as [`PATIENCE`]; then fails with the last error.
pub async fn eventually<T>(what: &str, attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    within(PATIENCE, what, attempt).await
}

/// Tries until `attempt` succeeds, for this long; then fails with the last error.
pub async fn within<T>(patience: Duration, what: &str, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let started = tokio::time::Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if started.elapsed() > patience => return Err(error.context(format!("{what} did not come"))),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
