//! Container images without a registry: built from packages, kept in [`home`](crate::home::home), and served to nodes by
//! a mirror on the node.

mod carrel;
mod mirror;
mod pack;
mod recipes;
mod reference;
mod store;

use std::fmt;
use std::fs;

use anyhow::{Context as _, Result, anyhow};

pub(crate) use carrel::static_release;
pub use carrel::{carrel, carrel_binary};
pub(crate) use mirror::{configure_mirror, serve_mirror};
pub use reference::Alias;

use crate::home::{Lock, repository};
use crate::progress::Step;
use store::Store;

/// An image with a recipe in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Image {
    /// Kubernetes' own program that holds a pod's namespaces.
    Pause,
    /// The cluster's DNS.
    Coredns,
    /// JupyterLab with scikit-learn, xgboost and tensorboardX, as Kubeflow's notebook images behave: user 1000, group 100,
    /// home /home/jovyan, port 8888, below the path in NB_PREFIX.
    Jupyter,
    /// VS Code in a browser, as Kubeflow's code-server images behave: user 1000, group 100, port 8888, below `/`.
    CodeServer,
    /// TensorBoard without TensorFlow, as /usr/local/bin/tensorboard, where TensorFlow's image has it.
    Tensorboard,
    /// A web page for the files of a volume, which reads the variables that filebrowser's image reads.
    FileViewer,
}

impl Image {
    /// The reference under which nodes find it.
    pub fn reference(self) -> &'static str {
        match self {
            Self::Pause => "localhost/pause:3",
            Self::Coredns => "localhost/coredns:1.15.0",
            Self::Jupyter => "localhost/jupyter:4.6",
            Self::CodeServer => "localhost/code-server:4.139",
            Self::Tensorboard => "localhost/tensorboard:2.21",
            Self::FileViewer => "localhost/file-viewer:2.2",
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reference())
    }
}

/// Builds those of the images whose recipe changed. Running nodes find them from then on. `yes`: install missing
/// packages without asking.
pub fn ensure(images: &[Image], yes: bool) -> Result<()> {
    let store = Store::open()?;
    for image in images {
        let fresh =
            |recipe: &str| store.published(image.reference()).is_some_and(|published| published.recipe == recipe);
        if fresh(&recipes::fingerprint(*image)?) {
            continue;
        }
        let _lock = Lock::take("images")?;
        // Another process may have built it while this one waited.
        let recipe = recipes::fingerprint(*image)?;
        if fresh(&recipe) {
            continue;
        }
        recipes::prepare(*image, yes)?;
        let step = Step::start(&format!("building the image {image}"));
        let built = recipes::build(*image, yes, &step)?;
        // The first build without a lock of versions writes one, which then is part of the recipe.
        let recipe = recipes::fingerprint(*image)?;
        step.far("packing".to_owned());
        store.publish(|_| image.reference().to_owned(), &recipe, &built.config, &built.layers)?;
        step.done();
        store.prune(|_, _| false)?;
    }
    Ok(())
}

/// The aliases of `dev/cluster/images/aliases.txt`.
pub(crate) fn aliases() -> Result<Vec<Alias>> {
    let path = "dev/cluster/images/aliases.txt";
    let text = fs::read_to_string(repository().join(path)).with_context(|| format!("cannot read {path}"))?;
    reference::parse(&text).map_err(|error| anyhow!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn aliases_name_images_that_are_built_here() {
        for alias in aliases().unwrap() {
            let built = Image::value_variants().iter().any(|image| image.reference() == alias.local);
            assert!(built, "{alias:?}");
        }
    }

    #[test]
    fn images_of_objects_written_for_kubeflow_are_answered() {
        let aliases = aliases().unwrap();
        for (foreign, image) in [
            ("ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy:v1.10.0", Image::Jupyter),
            ("ghcr.io/kubeflow/kubeflow/notebook-servers/codeserver-python:v1.10.0", Image::CodeServer),
            ("tensorflow/tensorflow:2.5.1", Image::Tensorboard),
            ("docker.io/tensorflow/tensorflow:2.5.1", Image::Tensorboard),
            ("filebrowser/filebrowser", Image::FileViewer),
            ("docker.io/filebrowser/filebrowser:v2.32.0", Image::FileViewer),
        ] {
            assert_eq!(reference::resolve(&aliases, &reference::full(foreign)), image.reference());
        }
    }
}
