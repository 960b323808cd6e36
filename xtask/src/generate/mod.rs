//! `cargo xtask generate`: the files of the repository that come out of something else.
//!
//! `crates/api/src/generated/` comes from the OpenAPI of the pinned Kubernetes, and `deploy/crds/` from `carrel crds`,
//! which embeds the former. `carrel` prints its roles and pages of the docs too.

mod crds;
mod documents;
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo::{BUILD, cargo};
use crate::cluster::{Cluster, Nodes, Options};
use crate::home;
use crate::progress::Step;

/// The cluster that is asked for its OpenAPI. Nothing else uses it.
const CLUSTER: &str = "generate";

/// What Carrel's kinds embed.
const POD_SPEC: &str = "io.k8s.api.core.v1.PodSpec";

const POD_SPEC_FILE: &str = "crates/api/src/generated/pod_spec.schema.json";
const CRDS: &str = "deploy/crds";
const REASONS: &str = "docs/reasons.md";
const METRICS: &str = "docs/metrics.md";
const ROLES: [&str; 2] = ["deploy/manifests/base/cluster-role.yaml", "deploy/manifests/base/role.yaml"];

/// `cargo xtask generate`
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write nothing; fail if a file is not what would be written.
    #[arg(long)]
    check: bool,
    /// Install missing packages without asking.
    #[arg(long)]
    yes: bool,
}

/// Writes the generated files, or with `--check` compares them.
pub fn run(arguments: &Arguments) -> Result<()> {
    let generated = from_own_cluster(arguments);
    // It served one answer; leaving it up would only cost memory.
    let down = Cluster::down(CLUSTER);
    generated?;
    down?;
    Ok(())
}

fn from_own_cluster(arguments: &Arguments) -> Result<()> {
    let options = Options { name: CLUSTER.to_owned(), nodes: Nodes::None, yes: arguments.yes, ..Options::default() };
    let cluster = Cluster::up(&options)?;
    if arguments.check {
        let stale = stale(&cluster)?;
        ensure!(stale.is_empty(), "{} not up to date; run cargo xtask generate", names(&stale));
        println!("the generated files are up to date");
        return Ok(());
    }
    let mut written = write(&schemas(&cluster)?)?;
    written.extend(write(&printed()?)?);
    written.extend(remove_others()?);
    match written.as_slice() {
        [] => println!("the generated files were up to date"),
        _ => println!("changed: {}", list(&written)),
    }
    Ok(())
}

/// The generated files that are not what `cargo xtask generate` would write, by their path in the repository.
pub fn stale(cluster: &Cluster) -> Result<Vec<PathBuf>> {
    let mut wanted = schemas(cluster)?;
    wanted.extend(printed()?);
    let differs = |(path, text): (&PathBuf, &String)| (read(path).as_ref() != Some(text)).then(|| path.clone());
    let mut stale: Vec<_> = wanted.iter().filter_map(differs).collect();
    stale.extend(present()?.into_iter().filter(|path| !wanted.contains_key(path)));
    Ok(stale)
}

/// The files made of the API server's OpenAPI.
fn schemas(cluster: &Cluster) -> Result<BTreeMap<PathBuf, String>> {
    let output = cluster.kubectl().args(["get", "--raw", "/openapi/v3/apis/apps/v1"]).output()?;
    ensure!(output.status.success(), "no OpenAPI from the cluster: {}", String::from_utf8_lossy(&output.stderr).trim());
    let document: Value = serde_json::from_slice(&output.stdout).context("the OpenAPI document is not JSON")?;
    let schema = schema::structural(&document, POD_SPEC)?;
    let text = format!("{}\n", serde_json::to_string_pretty(&schema)?);
    Ok(BTreeMap::from([(PathBuf::from(POD_SPEC_FILE), text)]))
}

/// What `carrel` prints of itself: CRDs and roles, a file each, the kustomization that names the CRDs, and pages of the docs.
fn printed() -> Result<BTreeMap<PathBuf, String>> {
    let files = crds::files(&carrel("crds")?)?;
    let mut files: BTreeMap<_, _> = files.into_iter().map(|(name, text)| (Path::new(CRDS).join(name), text)).collect();
    files.insert(REASONS.into(), carrel("reasons")?);
    files.insert(METRICS.into(), carrel("metrics")?);
    files.extend(ROLES.iter().map(Into::into).zip(documents::files(&carrel("rights")?)));
    Ok(files)
}

/// What a subcommand of carrel prints. Built anew, as the binary holds the schemas.
fn carrel(subcommand: &str) -> Result<String> {
    let step = Step::start(&format!("building carrel for its {subcommand}"));
    let built = cargo(&BUILD).status().context("cannot run cargo")?;
    ensure!(built.success(), "carrel does not build");
    let output = Command::new(home::carrel()?).arg(subcommand).output().context("cannot run carrel")?;
    ensure!(output.status.success(), "carrel {subcommand}:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    step.done();
    String::from_utf8(output.stdout).with_context(|| format!("carrel {subcommand} printed what is not text"))
}

/// Writes what differs, and gives its paths.
fn write(files: &BTreeMap<PathBuf, String>) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (path, text) in files.iter().filter(|(path, text)| read(path).as_ref() != Some(text)) {
        let file = home::repository().join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        written.push(path.clone());
    }
    Ok(written)
}

/// Removes the CRDs that are no longer ours.
fn remove_others() -> Result<Vec<PathBuf>> {
    let wanted = read(&Path::new(CRDS).join(crds::KUSTOMIZATION)).unwrap_or_default();
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name == crds::KUSTOMIZATION || wanted.lines().any(|line| line == format!("- {name}"))
    };
    let others: Vec<_> = present()?.into_iter().filter(|path| !is_wanted(path)).collect();
    for path in &others {
        fs::remove_file(home::repository().join(path)).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(others)
}

/// What lies in the folder of CRDs.
fn present() -> Result<Vec<PathBuf>> {
    let folder = home::repository().join(CRDS);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(Path::new(CRDS).join(entry?.file_name()))).collect()
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(home::repository().join(path)).ok()
}

fn names(paths: &[PathBuf]) -> String {
    format!("{} {}", list(paths), if paths.len() == 1 { "is" } else { "are" })
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
