//! How each image is made.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Image;
use super::pack::Layer;
use crate::home::{home, repository};
use crate::packages;
use crate::programs;
use crate::progress::{Step, Units};

/// An image's configuration and layers, lowest first.
pub(crate) struct Built {
    pub(crate) config: Value,
    pub(crate) layers: Vec<Layer>,
}

/// A fingerprint of all that decides what the image is.
pub(crate) fn fingerprint(image: Image) -> Result<String> {
    let files: &[&str] = match image {
        Image::Pause => &["dev/cluster/kube/go.mod"],
        Image::Coredns => return programs::node_fingerprint(),
        Image::Jupyter => &[
            "dev/cluster/images/jupyter.txt",
            "dev/cluster/images/jupyter.lock",
            "dev/cluster/images/python-layer.sh",
            "dev/cluster/images/start-notebook",
        ],
    };
    let mut hash = Sha256::new();
    for file in files {
        let path = repository().join(file);
        // The lock of versions is made by the first build.
        if path.exists() {
            hash.update(fs::read(&path).with_context(|| format!("cannot read {file}"))?);
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}

/// Brings what the build needs, before its time is counted.
pub(crate) fn prepare(image: Image, yes: bool) -> Result<()> {
    match image {
        Image::Pause => packages::ensure(packages::C, yes, "")?,
        Image::Coredns => drop(programs::ensure(yes)?),
        Image::Jupyter => {
            if !packages::root() {
                bail!("the image {image} is built with debootstrap, which needs root");
            }
            packages::ensure(packages::PYTHON_IMAGES, yes, "")?;
        }
    }
    Ok(())
}

pub(crate) fn build(image: Image, yes: bool, step: &Step) -> Result<Built> {
    let work = home()?.join("work");
    match image {
        Image::Pause => pause(&work.join("pause"), yes, step),
        Image::Coredns => Ok(Built {
            config: json!({"Entrypoint": ["/coredns"]}),
            layers: vec![Layer::files([("coredns", &home()?.join("bin/coredns"), 0o755)])],
        }),
        Image::Jupyter => jupyter(&work, step),
    }
}

fn pause(work: &Path, yes: bool, step: &Step) -> Result<Built> {
    fs::create_dir_all(work).with_context(|| format!("cannot make {}", work.display()))?;
    let program = work.join("pause");
    let source = programs::kube_source("k8s.io/kubernetes", yes)?.join("build/pause/linux/pause.c");
    let mut cc = Command::new("cc");
    cc.args(["-Os", "-Wall", "-static", "-s", "-DVERSION=3", "-o"]).arg(&program).arg(source);
    step.run(&mut cc, None)?;
    Ok(Built {
        config: json!({"User": "65535:65535", "Entrypoint": ["/pause"]}),
        layers: vec![Layer::files([("pause", &program, 0o755)])],
    })
}

fn jupyter(work: &Path, step: &Step) -> Result<Built> {
    let recipe = repository().join("dev/cluster/images");
    let python = python_layer(work, "jupyter", &recipe, step)?;
    let home = python.join("home/jovyan");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    chown(&home, Some(1000), Some(100)).with_context(|| format!("cannot give away {}", home.display()))?;
    let start = python.join("usr/local/bin/start-notebook");
    fs::create_dir_all(python.join("usr/local/bin"))?;
    fs::copy(recipe.join("start-notebook"), &start).with_context(|| format!("cannot write {}", start.display()))?;
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755))?;
    let config = json!({
        "User": "1000:100",
        "WorkingDir": "/home/jovyan",
        "ExposedPorts": {"8888/tcp": {}},
        "Env": [
            "PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME=/home/jovyan",
            "NB_USER=jovyan",
            "NB_UID=1000",
            "NB_PREFIX=/",
            "SHELL=/bin/bash",
            "LANG=C.UTF-8",
        ],
        "Entrypoint": ["start-notebook"],
    });
    Ok(Built { config, layers: vec![Layer::Tree(work.join("debian")), Layer::Tree(python)] })
}

/// A layer with a Python environment in /opt/venv, on top of a Debian layer that is made once, in `work/debian`.
fn python_layer(work: &Path, name: &str, recipe: &Path, step: &Step) -> Result<PathBuf> {
    fs::create_dir_all(work).with_context(|| format!("cannot make {}", work.display()))?;
    // What is mounted to build stays in a mount namespace of its own, and ends with the script.
    let mut script = Command::new("unshare");
    script.arg("--mount").arg("bash").arg(recipe.join("python-layer.sh")).arg(work).arg(name);
    script.arg(recipe.join(format!("{name}.txt"))).arg(recipe.join(format!("{name}.lock")));
    let stages = Units { name: "stages", total: Some(4), counts: |line| line.starts_with("stage: ") };
    step.run(&mut script, Some(stages))
        .with_context(|| format!("what it did is in {}/python-layer.log", work.display()))?;
    Ok(work.join(name))
}
