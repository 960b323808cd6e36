//! The options of Tensorboards and PVCViewers, Kubeflow's variables among them.

use std::path::{Path, PathBuf};

use clap::Args;
use k8s_openapi::api::core::v1::PodSpec;

/// What companions are made of where their owners say nothing.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tensorboards and PVCViewers")]
pub(crate) struct CompanionArgs {
    /// Look after Tensorboards. Needs their CRD.
    #[arg(long, env = "CARREL_TENSORBOARDS", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) tensorboards: bool,

    /// Look after PVCViewers. Needs their CRD.
    #[arg(long, env = "CARREL_PVC_VIEWERS", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) pvc_viewers: bool,

    /// The image of a TensorBoard whose owner names none. It must have /usr/local/bin/tensorboard.
    #[arg(long, env = "TENSORBOARD_IMAGE", default_value = "tensorflow/tensorflow:2.19.0", value_name = "IMAGE")]
    pub(crate) tensorboard_image: String,

    /// The image of a viewer whose owner writes no pod.
    #[arg(long, env = "CARREL_VIEWER_IMAGE", default_value = "filebrowser/filebrowser:v2.32.0", value_name = "IMAGE")]
    pub(crate) viewer_image: String,

    /// A file with the PodSpec, in YAML or JSON, of a viewer whose owner writes none. Its claim is added as the volume
    /// viewer-volume.
    #[arg(long, env = "DEFAULT_POD_SPEC_PATH", value_name = "FILE")]
    pub(crate) viewer_pod_spec: Option<PathBuf>,
}

/// A file that holds no PodSpec.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PodSpecError {
    #[error("can't read --viewer-pod-spec {file}: {source}")]
    Read { file: String, source: std::io::Error },
    #[error("--viewer-pod-spec {file} holds no PodSpec: {problem}")]
    Parse { file: String, problem: String },
}

impl CompanionArgs {
    /// The pod of a viewer whose owner writes none.
    pub(crate) fn viewer_pod(&self) -> Result<Option<PodSpec>, PodSpecError> {
        let given = self.viewer_pod_spec.as_deref().filter(|path| !path.as_os_str().is_empty());
        given.map(read).transpose()
    }
}

fn read(path: &Path) -> Result<PodSpec, PodSpecError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| PodSpecError::Read { file: file.clone(), source })?;
    let pod: PodSpec = serde_saphyr::from_str(&text)
        .map_err(|error| PodSpecError::Parse { file: file.clone(), problem: error.to_string() })?;
    if pod.containers.is_empty() {
        return Err(PodSpecError::Parse { file, problem: "it has no containers".to_owned() });
    }
    Ok(pod)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_pod_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pod.yaml");
        assert!(read(&file).unwrap_err().to_string().contains("pod.yaml"));
        for (text, problem) in [("containers: 7", "holds no PodSpec"), ("{containers: []}", "no containers")] {
            std::fs::write(&file, text).unwrap();
            let told = read(&file).unwrap_err().to_string();
            assert!(told.contains("pod.yaml") && told.contains(problem), "{told}");
        }
        std::fs::write(&file, "containers: [{name: a, image: b}]").unwrap();
        assert_eq!(read(&file).unwrap().containers[0].name, "a");
    }
}
