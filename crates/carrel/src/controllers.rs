//! `carrel controllers`: from arguments to controllers at work, and to an orderly end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use carrel_activity::history::JournalError;
use carrel_runtime::kit::Tools;
use carrel_runtime::lease::{self, Claim, Keeper};
use carrel_runtime::metrics::{CountRequests, Metrics};
use carrel_runtime::process::{self, Health};
use carrel_runtime::scope::Scope;
use futures::FutureExt;
use futures::future::OptionFuture;
use kube::Client;
use kube::client::ClientBuilder;
use tokio::sync::oneshot;
use tracing::{error, info};

use crate::activity::ActivityArgs;
use crate::args::ControllersArgs;
use crate::client::{ConfigError, config};
use crate::companions::PodSpecError;
use crate::logs;
use crate::outside::OutsideError;
use crate::routing::RoutingError;
use crate::wiring::{Activity, Chosen, work};

/// Why the controllers can't start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Logs(#[from] logs::FilterError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("can't make a client from the kubeconfig: {0}")]
    Client(#[from] Box<kube::Error>),
    #[error(transparent)]
    Routing(#[from] RoutingError),
    #[error(transparent)]
    PodSpec(#[from] PodSpecError),
    #[error(transparent)]
    History(#[from] JournalError),
    #[error(transparent)]
    Outside(#[from] OutsideError),
    #[error(transparent)]
    Listen(#[from] process::ListenError),
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

/// Runs until the process is asked to end.
pub(crate) fn run(args: ControllersArgs) -> Result<(), StartError> {
    logs::start(&args.log, args.log_format)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(args))
}

async fn serve(args: ControllersArgs) -> Result<(), StartError> {
    let routing = args.routing.routing()?;
    let defaults = ActivityArgs::defaults();
    let history = args.activity.history()?;
    let in_cluster = args.kubeconfig.is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    let metrics = Arc::new(Metrics::default());
    let client = client(&args, metrics.clone()).await?;
    let listener = process::listen(args.listen).await?;
    let health = Health::default();
    let scope = args.namespace.map_or(Scope::Cluster, Scope::Namespace);
    info!(version = env!("CARGO_PKG_VERSION"), address = %args.listen, ?scope, "starting");

    let end = async {
        match process::asked_to_end().await {
            Ok(()) => info!("asked to end"),
            Err(error) => error!("can't hear signals: {error}"),
        }
    }
    .shared();
    let (stopped, all_stopped) = oneshot::channel::<()>();

    let (keeper, claim) = if args.leader_elect {
        let identity = args.identity.unwrap_or_else(|| format!("{}-{}", host(), std::process::id()));
        let settings = lease::Settings {
            namespace: args.lease_namespace,
            name: args.lease_name,
            identity,
            duration: Duration::from_secs(args.lease_duration),
        };
        let (keeper, claim) = Keeper::new(client.clone(), settings);
        (Some(keeper), claim)
    } else {
        metrics.leads(true);
        (None, Claim::always())
    };
    let (worked, work_done) = oneshot::channel::<()>();
    let keeping = keeper.map(|mut keeper| {
        let metrics = metrics.clone();
        tokio::spawn(async move {
            keeper.run(work_done.map(drop), move |leads| metrics.leads(leads)).await;
            keeper.release().await;
        })
    });

    let chosen = Chosen {
        notebooks: carrel_notebook::Settings { add_fs_group: args.add_fsgroup, routing: routing.clone() },
        companions: carrel_companion::Settings {
            routing: routing.clone(),
            viewer_pod: args.companions.viewer_pod()?,
            tensorboard_image: args.companions.tensorboard_image,
            viewer_image: args.companions.viewer_image,
        },
        routing,
        watch_nodes: args.watch_nodes,
        volume_requests: args.volume_requests,
        forgotten_after: args.forgotten_after.duration(),
        tensorboards: args.companions.tensorboards,
        pvc_viewers: args.companions.pvc_viewers,
        activity: Activity {
            gpus: args.activity.prometheus()?,
            warn_url: args.activity.warn_url()?,
            as_kubeflow: args.activity.kubeflow_activity,
            lab_policies: args.activity.lab_policies,
            probe: args.activity.probe,
            via: args.activity.via(in_cluster),
            prober: args.activity.prober(&defaults),
            defaults,
            history,
        },
    };
    let tools = Tools { client, scope, claim, health: health.clone(), metrics: metrics.clone() };
    let working = Box::pin(work(&tools, chosen, &end));
    let serving = tokio::spawn(process::serve(listener, health, metrics, all_stopped.map(drop)));
    working.await;
    // Only now, with nothing left that writes, may another process take over.
    drop(worked);
    if let Some(Err(error)) = OptionFuture::from(keeping).await {
        error!("the lease's keeper failed: {error}");
    }
    drop(stopped);
    if let Err(error) = serving.await {
        error!("the server of /metrics failed: {error}");
    }
    info!("ended");
    Ok(())
}

async fn client(args: &ControllersArgs, metrics: Arc<Metrics>) -> Result<Client, StartError> {
    let config = config(args.kubeconfig.as_deref(), args.context.as_deref()).await?;
    let builder = ClientBuilder::try_from(config).map_err(Box::new)?;
    Ok(builder.with_layer(&CountRequests(metrics)).build())
}

fn host() -> String {
    let file = PathBuf::from("/proc/sys/kernel/hostname");
    std::fs::read_to_string(file).map_or_else(|_| "carrel".to_owned(), |name| name.trim().to_owned())
}
