//! Images of a Python environment, made of `dev/cluster/images/NAME.{txt,lock}` on a Debian layer that they share.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::super::pack::Layer;
use super::Built;
use crate::home::repository;
use crate::progress::{Step, Units};

/// Where the recipes' files lie in the repository.
const FILES: &str = "dev/cluster/images";

const PATH: &str = "PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin";

/// The user and group that Kubeflow's notebooks have, whose files the others read.
const USER: (u32, u32) = (1000, 100);

/// What tells one of these images from another.
pub(super) struct Python {
    /// The name of its layer and its lists of packages.
    pub(super) name: &'static str,
    program: Program,
    config: Value,
}

/// What lies in /usr/local/bin.
#[derive(Clone, Copy)]
enum Program {
    /// A file of the recipes.
    Own(&'static str),
    /// A link to a program of a package, where other images have it.
    Packaged(&'static str),
}

/// JupyterLab.
pub(super) fn jupyter() -> Python {
    let config = json!({
        "User": user(),
        "WorkingDir": "/home/jovyan",
        "ExposedPorts": {"8888/tcp": {}},
        "Env": [
            PATH,
            "HOME=/home/jovyan",
            "NB_USER=jovyan",
            "NB_UID=1000",
            "NB_PREFIX=/",
            "SHELL=/bin/bash",
            "LANG=C.UTF-8",
        ],
        "Entrypoint": ["start-notebook"],
    });
    Python { name: "jupyter", program: Program::Own("start-notebook"), config }
}

/// code-server, where Kubeflow's image has it.
pub(super) fn code_server() -> Python {
    let config = json!({
        "User": user(),
        "WorkingDir": "/home/jovyan",
        "ExposedPorts": {"8888/tcp": {}},
        "Env": ["PATH=/opt/node/bin:/usr/local/bin:/usr/bin:/bin", "HOME=/home/jovyan", "SHELL=/bin/bash", "LANG=C.UTF-8"],
        "Entrypoint": ["start-code-server"],
    });
    Python { name: "code-server", program: Program::Own("start-code-server"), config }
}

/// TensorBoard without TensorFlow.
pub(super) fn tensorboard() -> Python {
    let config = json!({
        "User": user(),
        "WorkingDir": "/tmp",
        "ExposedPorts": {"6006/tcp": {}},
        "Env": [PATH, "HOME=/tmp", "LANG=C.UTF-8"],
        "Entrypoint": ["tensorboard", "--bind_all"],
    });
    Python { name: "tensorboard", program: Program::Packaged("tensorboard"), config }
}

/// The file viewer. Folder and port are those of filebrowser's image, whose place it takes.
pub(super) fn file_viewer() -> Python {
    let config = json!({
        "User": user(),
        "WorkingDir": "/srv",
        "ExposedPorts": {"80/tcp": {}},
        "Env": [PATH, "HOME=/tmp", "LANG=C.UTF-8"],
        "Entrypoint": ["file-viewer"],
    });
    Python { name: "file-viewer", program: Program::Own("file-viewer"), config }
}

fn user() -> String {
    let (user, group) = USER;
    format!("{user}:{group}")
}

impl Python {
    /// The files that decide what the image is.
    pub(super) fn files(&self) -> Vec<String> {
        let lists = ["txt", "lock", "sh"].map(|list| format!("{FILES}/{}.{list}", self.name));
        let script = match self.program {
            Program::Own(file) => Some(format!("{FILES}/{file}")),
            Program::Packaged(_) => None,
        };
        lists.into_iter().chain([format!("{FILES}/python-layer.sh")]).chain(script).collect()
    }

    /// What decides it beside them.
    pub(super) fn settings(&self) -> String {
        self.config.to_string()
    }

    pub(super) fn build(self, work: &Path, step: &Step) -> Result<Built> {
        let layer = self.layer(work, step)?;
        let home = layer.join("home/jovyan");
        fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
        let (user, group) = USER;
        chown(&home, Some(user), Some(group)).with_context(|| format!("cannot give away {}", home.display()))?;
        self.add_program(&layer.join("usr/local/bin"))?;
        Ok(Built { config: self.config, layers: vec![Layer::Tree(work.join("debian")), Layer::Tree(layer)] })
    }

    fn add_program(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let place = |name| folder.join(name);
        match self.program {
            Program::Own(file) => {
                let program = place(file);
                fs::copy(repository().join(FILES).join(file), &program)
                    .with_context(|| format!("cannot write {}", program.display()))?;
                fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
            }
            Program::Packaged(name) => {
                let link = place(name);
                symlink(Path::new("/opt/venv/bin").join(name), &link)
                    .with_context(|| format!("cannot make {}", link.display()))?;
            }
        }
        Ok(())
    }

    /// The layer with a Python environment in /opt/venv, on top of a Debian layer that is made once, in `work/debian`.
    fn layer(&self, work: &Path, step: &Step) -> Result<PathBuf> {
        fs::create_dir_all(work).with_context(|| format!("cannot make {}", work.display()))?;
        let (recipe, name) = (repository().join(FILES), self.name);
        // What is mounted to build stays in a mount namespace of its own, and ends with the script.
        let mut script = Command::new("unshare");
        script.arg("--mount").arg("bash").arg(recipe.join("python-layer.sh")).arg(work).arg(name);
        script.arg(recipe.join(format!("{name}.txt"))).arg(recipe.join(format!("{name}.lock")));
        let more = usize::from(recipe.join(format!("{name}.sh")).exists());
        let stages = Units { name: "stages", total: Some(4 + more), counts: |line| line.starts_with("stage: ") };
        step.run(&mut script, Some(stages))
            .with_context(|| format!("what it did is in {}/python-layer.log", work.display()))?;
        Ok(work.join(name))
    }
}
