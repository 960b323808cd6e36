//! CRDs of other projects. They are everybody's: tests that take one away must not meet those that need it.

use anyhow::{Context, Result};
use xtask::cluster::Foreign;

use crate::{eventually, kubectl};

/// Gives the cluster the CRDs of a project.
pub async fn install(foreign: Foreign) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), foreign.manifest(true)?)?;
    let path = file.path().to_str().context("a path that is no text")?;
    kubectl(&["apply", "--server-side", "--field-manager=tests", "-f", path])?;
    for crd in foreign.crds() {
        let crd = format!("crd/{crd}");
        // kubectl gives up at once on one that has no conditions yet.
        let wait = ["wait", "--for=condition=Established", &crd, "--timeout=10s"];
        eventually(&crd, async || kubectl(&wait).map(drop)).await?;
    }
    Ok(())
}

/// Takes the CRDs of a project away, and all objects with them.
pub fn remove(foreign: Foreign) -> Result<()> {
    let crds = foreign.crds();
    kubectl(&[&["delete", "crd", "--ignore-not-found", "--timeout=60s"], crds.as_slice()].concat()).map(drop)
}
