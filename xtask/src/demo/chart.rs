//! Installs Carrel by its Helm chart, packed as a release is.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::home;
use crate::programs;

use super::images::Images;
use super::install::CARREL;
use super::target::Target;

/// Packs `deploy/charts/carrel` and installs it, or upgrades what is installed; waits until it is ready.
pub(super) fn install(target: &Target, images: &Images, yes: bool) -> Result<()> {
    let helm = programs::helm(yes)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let chart = home::repository().join("deploy/charts/carrel");
    run(Command::new(&helm).arg("package").arg(&chart).arg("--destination").arg(folder.path()))?;
    let packed = std::fs::read_dir(folder.path())?.next().context("helm package wrote nothing")??.path();

    // The demo's cluster has Carrel's roles for its user `carrel`; Helm takes over nothing that it did not make.
    let not_helms = ["-n", CARREL, "-l", "!app.kubernetes.io/managed-by", "--field-selector=metadata.name=carrel"];
    let roles = ["delete", "clusterroles,clusterrolebindings,roles,rolebindings"];
    target.run([&roles[..], &not_helms].concat())?;

    let (repository, tag) = images
        .carrel
        .rsplit_once(':')
        .with_context(|| format!("{}: the chart wants an image with a tag", images.carrel))?;
    let mut install = target.beside_kubectl(&helm);
    install.args(["upgrade", "--install", "carrel"]).arg(packed).args(["--namespace", CARREL, "--create-namespace"]);
    install.args(["--set", &format!("image.repository={repository}"), "--set-string", &format!("image.tag={tag}")]);
    run(install.args(["--wait", "--timeout=180s"]))?;
    // As the chart's notes say: a namespace that --create-namespace made has no labels.
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    target.run(["label", "--overwrite", "namespace", CARREL, restricted]).map(drop)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().context("cannot run helm")?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
