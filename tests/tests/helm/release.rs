//! What Helm does with the release of the demo.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use carrel_tests::{given, kubectl, run};
use serde_json::Value;
use tempfile::TempDir;
use xtask::home;

/// Carrel's own namespace.
pub(crate) const NAMESPACE: &str = "carrel-system";

/// The release, and the image that it runs.
pub(crate) struct Release {
    image: String,
    packed: TempDir,
}

fn helm(arguments: &[&str]) -> Result<String> {
    run(Command::new(given("HELM")?).args(arguments))
}

impl Release {
    /// The one that the demo installed.
    pub(crate) fn installed() -> Result<Self> {
        let values: Value = serde_json::from_str(&helm(&["get", "values", "carrel", "-n", NAMESPACE, "-o", "json"])?)?;
        let part = |name: &str| values["image"][name].as_str().with_context(|| format!("no image.{name} in {values}"));
        let image = format!("{}:{}", part("repository")?, part("tag")?);
        Ok(Self { image, packed: tempfile::tempdir()? })
    }

    /// Upgrades it to the chart packed as this version, with these settings, and waits until it is ready.
    pub(crate) fn upgrade(&self, version: &str, settings: &[&str]) -> Result<()> {
        let packed = self.pack(version)?;
        let set: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let upgrade = ["upgrade", "carrel", &packed, "-n", NAMESPACE, "--reuse-values", "--wait", "--timeout=180s"];
        helm(&[&upgrade[..], &set].concat()).map(drop)
    }

    /// The chart packed as this version.
    fn pack(&self, version: &str) -> Result<String> {
        let folder = self.packed.path().to_str().context("a path that is no text")?;
        let chart = home::repository().join("deploy/charts/carrel");
        let chart = chart.to_str().context("a path that is no text")?;
        helm(&["package", chart, "--version", version, "--destination", folder])?;
        Ok(format!("{folder}/carrel-{version}.tgz"))
    }

    /// Installs the same image over what kustomize made, with these settings, and waits until it is ready.
    pub(crate) fn over_kustomize(&self, settings: &[&str]) -> Result<()> {
        let (packed, (name, tag)) = (self.pack("0.1.0")?, self.name_and_tag()?);
        let image = [format!("image.repository={name}"), format!("image.tag={tag}")];
        let set: Vec<_> = image.iter().map(String::as_str).chain(settings.iter().copied()).collect();
        let set: Vec<_> = set.into_iter().flat_map(|value| ["--set", value]).collect();
        let over = ["--take-ownership", "--force-conflicts", "--wait", "--timeout=180s"];
        helm(&[&["install", "carrel", &packed, "-n", NAMESPACE], &over[..], &set].concat()).map(drop)
    }

    fn name_and_tag(&self) -> Result<(&str, &str)> {
        self.image.rsplit_once(':').context("an image without a tag")
    }

    /// Installs the same image by kustomize.
    pub(crate) fn by_kustomize(&self) -> Result<()> {
        let (name, tag) = self.name_and_tag()?;
        // Kustomize reads no folder outside of the one that it is given but by a path from there.
        let folder = tempfile::tempdir_in(home::repository().join("target"))?;
        let kustomization = format!(
            "resources: [../../deploy/manifests/overlays/standalone]\nimages: [{{name: carrel, newName: {name}, newTag: '{tag}'}}]\n"
        );
        std::fs::write(folder.path().join("kustomization.yaml"), kustomization)?;
        let folder = folder.path().to_str().context("a path that is no text")?;
        let said = kubectl(&["apply", "--server-side", "--force-conflicts", "-k", folder])?;
        ensure!(said.contains("deployment.apps/carrel"), "{said}");
        kubectl(&["rollout", "status", "deployment/carrel", "-n", NAMESPACE, "--timeout=180s"]).map(drop)
    }
}

/// Takes the last upgrade back.
pub(crate) fn rollback() -> Result<()> {
    helm(&["rollback", "carrel", "-n", NAMESPACE, "--wait", "--timeout=180s"]).map(drop)
}

/// Removes the release.
pub(crate) fn uninstall() -> Result<()> {
    helm(&["uninstall", "carrel", "-n", NAMESPACE, "--wait", "--timeout=180s"]).map(drop)
}
