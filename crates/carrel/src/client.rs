//! Which cluster to talk to, as kubectl has it: a file, a context, or the pod's own account.

use std::path::Path;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

/// Why there is no cluster to talk to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("can't read the kubeconfig {file}: {source}")]
    Kubeconfig { file: String, source: Box<kube::config::KubeconfigError> },
    #[error("no cluster to talk to: {0}; give --kubeconfig, or run in a pod with a ServiceAccount")]
    NoCluster(#[from] Box<kube::config::InferConfigError>),
}

/// Where the cluster is, and who asks. The kubeconfig is $KUBECONFIG, ~/.kube/config or the pod's ServiceAccount if absent.
pub(crate) async fn config(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Config, ConfigError> {
    // Fails only if a provider is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let broken = |file: String| move |source| ConfigError::Kubeconfig { file, source: Box::new(source) };
    match (kubeconfig, context) {
        (Some(file), _) => {
            let name = file.display().to_string();
            let kubeconfig = Kubeconfig::read_from(file).map_err(broken(name.clone()))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(broken(name))
        }
        (None, Some(_)) => {
            let files = std::env::var("KUBECONFIG").unwrap_or_else(|_| "~/.kube/config".to_owned());
            Config::from_kubeconfig(&options).await.map_err(broken(files))
        }
        (None, None) => Ok(Config::infer().await.map_err(Box::new)?),
    }
}
