//! The images that the demo runs.

use anyhow::{Context, Result, bail, ensure};

use crate::images::{self, Image};

/// References to the images that are named in what the demo applies. Those of TensorBoard and of the viewer are Carrel's
/// defaults, for which the mirror of the demo's own cluster has stand-ins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Images {
    pub(super) carrel: String,
    pub(super) jupyter: String,
}

/// The references that were given with `--image`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    carrel: Option<String>,
    jupyter: Option<String>,
}

impl Images {
    /// Reads `carrel=REFERENCE` and `jupyter=REFERENCE`.
    pub(super) fn given(arguments: &[String]) -> Result<Given> {
        let mut given = Given::default();
        for argument in arguments {
            let pair = argument.split_once('=').filter(|(_, reference)| !reference.is_empty());
            let (name, reference) = pair.with_context(|| format!("--image {argument}: give it as NAME=REFERENCE"))?;
            let place = match name {
                "carrel" => &mut given.carrel,
                "jupyter" => &mut given.jupyter,
                _ => bail!("--image {argument}: the demo's images are called carrel and jupyter"),
            };
            ensure!(place.replace(reference.to_owned()).is_none(), "--image {name} is given twice");
        }
        Ok(given)
    }
}

impl Given {
    /// Both references, for a cluster into which nothing can be built.
    pub(super) fn whole(self) -> Result<Images> {
        let help = "a given cluster pulls its images itself: name those that it can pull by --image carrel=REFERENCE \
                    and --image jupyter=REFERENCE (the Dockerfile builds Carrel's; for JupyterLab any notebook image \
                    of Kubeflow that has scikit-learn, xgboost and tensorboardX)";
        Ok(Images { carrel: self.carrel.context(help)?, jupyter: self.jupyter.context(help)? })
    }

    /// What was given, and the rest built here for the demo's own cluster.
    pub(super) fn or_built(self, yes: bool) -> Result<Images> {
        images::ensure(&[Image::Tensorboard, Image::FileViewer], yes)?;
        let jupyter = if let Some(reference) = self.jupyter {
            reference
        } else {
            images::ensure(&[Image::Jupyter], yes)?;
            Image::Jupyter.reference().to_owned()
        };
        let carrel = match self.carrel {
            Some(reference) => reference,
            None => images::carrel()?,
        };
        Ok(Images { carrel, jupyter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str]) -> Result<Given> {
        Images::given(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn images_are_given_by_name() {
        let images = given(&["jupyter=a/b:1", "carrel=c@sha256:12"]).unwrap().whole().unwrap();
        assert_eq!(images, Images { carrel: "c@sha256:12".into(), jupyter: "a/b:1".into() });
    }

    #[test]
    fn what_is_no_image_of_the_demo_is_refused() {
        for wrong in [&["carrel"][..], &["carrel="], &["other=a"], &["carrel=a", "carrel=b"]] {
            assert!(given(wrong).is_err(), "{wrong:?}");
        }
        assert!(given(&["carrel=a"]).unwrap().whole().is_err());
    }
}
