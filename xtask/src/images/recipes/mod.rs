//! How each image is made.

mod python;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Image;
use super::pack::Layer;
use crate::home::{home, repository};
use crate::packages;
use crate::programs;
use crate::progress::Step;
use python::Python;

/// An image's configuration and layers, lowest first.
pub(crate) struct Built {
    pub(crate) config: Value,
    pub(crate) layers: Vec<Layer>,
}

/// The kinds of recipes.
enum Recipe {
    Pause,
    Coredns,
    Python(Python),
}

impl From<Image> for Recipe {
    fn from(image: Image) -> Self {
        match image {
            Image::Pause => Self::Pause,
            Image::Coredns => Self::Coredns,
            Image::Jupyter => Self::Python(python::jupyter()),
            Image::CodeServer => Self::Python(python::code_server()),
            Image::Tensorboard => Self::Python(python::tensorboard()),
            Image::FileViewer => Self::Python(python::file_viewer()),
        }
    }
}

/// A fingerprint of all that decides what the image is.
pub(crate) fn fingerprint(image: Image) -> Result<String> {
    let (files, settings) = match Recipe::from(image) {
        Recipe::Pause => (vec!["dev/cluster/kube/go.mod".to_owned()], String::new()),
        Recipe::Coredns => return programs::node_fingerprint(),
        Recipe::Python(python) => (python.files(), python.settings()),
    };
    let mut hash = Sha256::new();
    for file in files {
        let path = repository().join(&file);
        // The lock of versions is made by the first build, and few have a script.
        if path.exists() {
            hash.update(fs::read(&path).with_context(|| format!("cannot read {file}"))?);
        }
    }
    hash.update(settings);
    Ok(format!("{:x}", hash.finalize()))
}

/// Brings what the build needs, before its time is counted.
pub(crate) fn prepare(image: Image, yes: bool) -> Result<()> {
    match Recipe::from(image) {
        Recipe::Pause => packages::ensure(packages::C, yes, "")?,
        Recipe::Coredns => drop(programs::ensure(yes)?),
        Recipe::Python(_) => {
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
    match Recipe::from(image) {
        Recipe::Pause => pause(&work.join("pause"), yes, step),
        Recipe::Coredns => Ok(Built {
            config: json!({"Entrypoint": ["/coredns"]}),
            layers: vec![Layer::files([("coredns", &home()?.join("bin/coredns"), 0o755)])],
        }),
        Recipe::Python(python) => python.build(&work, step),
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
