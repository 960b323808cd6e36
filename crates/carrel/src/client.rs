//! Which cluster to talk to, as kubectl has it: a file, a context, or the pod's own account.

use std::path::{Path, PathBuf};

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Why there is no cluster to talk to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("can't read the kubeconfig {file}: {source}")]
    Kubeconfig { file: String, source: Box<kube::config::KubeconfigError> },
    #[error("no cluster to talk to: {0}; give --kubeconfig, or run in a pod with a ServiceAccount")]
    NoCluster(#[from] Box<kube::config::InferConfigError>),
}

/// Why the cluster can't be asked anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("can't make a client from the kubeconfig: {0}")]
    Client(#[from] Box<kube::Error>),
}

/// The cluster that a command reads.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// The kubeconfig file; $KUBECONFIG, ~/.kube/config or the pod's ServiceAccount if absent.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig to use; its current one if absent.
    #[arg(long)]
    context: Option<String>,
}

impl ClusterArgs {
    pub(crate) async fn client(&self) -> Result<Client, ClientError> {
        let config = config(self.kubeconfig.as_deref(), self.context.as_deref()).await?;
        Ok(Client::try_from(config).map_err(Box::new)?)
    }
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
