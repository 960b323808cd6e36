//! The command line. Environment variables of Kubeflow's controllers are understood where they mean the same.

use std::net::SocketAddr;
use std::path::PathBuf;

use carrel_api::TimeSpan;
use clap::{Parser, Subcommand, ValueEnum};

use crate::activity::ActivityArgs;
use crate::adopt::AdoptArgs;
use crate::companions::CompanionArgs;
use crate::doctor::DoctorArgs;
use crate::drain_plan::DrainPlanArgs;
use crate::policy::PolicyArgs;
use crate::report::ReportArgs;
use crate::routing::RoutingArgs;
use crate::volumes::VolumesArgs;
use crate::why::WhyArgs;

/// The name of the Lease, where nobody gave it another.
pub(crate) const LEASE: &str = "carrel-controllers";

/// Notebooks, volumes, TensorBoards and the teams that use them, as a service on any Kubernetes.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the controllers: they look after Notebooks and VolumeRequests until they are asked to end (SIGTERM, Ctrl+C).
    Controllers(Box<ControllersArgs>),
    /// Say why a notebook, a TensorBoard, a viewer or a volume is in its state, and what would help. Nothing is changed.
    ///
    /// Told are its conditions, whether it is used, why and when it was stopped, its pods and claims, and the last Events about it and
    /// its children.
    ///
    /// Ends with 0 if the object was found, else with 1 and a sentence.
    Why(WhyArgs),
    /// Check whether Carrel can work in the cluster, and say how to mend what keeps it from that. Nothing is changed.
    ///
    /// Looked at are the API server, the CRDs, the rights of Carrel's account, the leader and its Deployment, whether servers can be
    /// asked, storage classes, the APIs of routes and of metrics, and controllers of Kubeflow that run beside it.
    ///
    /// Ends with 0 if there is no problem to mend (there may be warnings), with 1 if there is one, and with 2 if the cluster could not
    /// be looked at.
    Doctor(DoctorArgs),
    /// Say what becomes of what Kubeflow's controllers made when Carrel takes their place; with --apply, see it through.
    ///
    /// A line for each child of each Notebook, Tensorboard and PVCViewer: whose it is, and what Carrel makes of it. Carrel's controllers
    /// take over by themselves once they run, and need no command for it. This one changes nothing, also with --apply: that notes the pods,
    /// waits until the controllers are done, and checks that it went as it was told before.
    ///
    /// While controllers of Kubeflow's run for the same kinds it names them and refuses.
    ///
    /// Ends with 0 if nothing is in the way, or all is taken over; else with 1 and a sentence.
    Adopt(AdoptArgs),
    /// List claims that no pod mounts for long: forgotten, it may be. Nothing is deleted.
    Volumes(VolumesArgs),
    /// List the servers on a node: which hold it against a drain, why and until when, and which may go. Nothing is changed.
    DrainPlan(DrainPlanArgs),
    /// Try LabPolicies before they hold, and explain those that do. Nothing is changed.
    Policy(PolicyArgs),
    /// Add up what servers held, used and gave back, from a history.
    Report(ReportArgs),
    /// Print the CustomResourceDefinitions as YAML, for `kubectl apply -f -`.
    Crds,
    /// Print the roles that the controllers' account needs as YAML, with the reason of each rule.
    Rights,
    /// Print what the reasons of conditions mean, as a page in Markdown.
    Reasons,
    /// Print what `/metrics` shows, as a page in Markdown.
    Metrics,
}

#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools)] // Each is a switch of its own on the command line.
pub(crate) struct ControllersArgs {
    /// Look after this namespace alone; all namespaces if absent.
    #[arg(short, long, value_parser = name)]
    pub(crate) namespace: Option<String>,

    /// The kubeconfig file; $KUBECONFIG, ~/.kube/config or the pod's ServiceAccount if absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig to use; its current one if absent.
    #[arg(long)]
    pub(crate) context: Option<String>,

    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, env = "CARREL_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,

    /// Work only while holding a Lease, so that several replicas can stand by for each other.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) leader_elect: bool,

    /// The namespace of the Lease; the pod's own in a cluster.
    #[arg(long, env = "POD_NAMESPACE", default_value = "carrel-system", value_parser = name)]
    pub(crate) lease_namespace: String,

    /// The name of the Lease.
    #[arg(long, default_value = LEASE, value_parser = name)]
    pub(crate) lease_name: String,

    /// Seconds that the Lease is good for without a renewal. Another replica takes over after it.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..=3600), value_name = "SECONDS")]
    pub(crate) lease_duration: u64,

    /// Who claims the Lease, unique to this process; the pod's name in a cluster, else made from host and process.
    #[arg(long, env = "POD_NAME")]
    pub(crate) identity: Option<String>,

    /// Give pods without a securityContext `fsGroup: 100`, so that the server's user can write its volumes.
    #[arg(long, env = "ADD_FSGROUP", default_value = "true", action = clap::ArgAction::Set, value_parser = truth, value_name = "BOOL")]
    pub(crate) add_fsgroup: bool,

    /// Watch nodes, to say in numbers why none takes a pod. Without it the scheduler's words are told. Needs rights on the
    /// whole cluster, also with --namespace.
    #[arg(long, env = "CARREL_WATCH_NODES", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) watch_nodes: bool,

    /// Look after VolumeRequests. Needs their CRD, and rights to StorageClasses and VolumeSnapshotContents on the whole cluster, also
    /// with --namespace.
    #[arg(long, env = "CARREL_VOLUME_REQUESTS", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) volume_requests: bool,

    /// Metrics count claims as forgotten that no pod mounts for this long, such as 30d; `carrel volumes` lists them. Nothing is
    /// deleted.
    #[arg(long, env = "CARREL_FORGOTTEN_AFTER", default_value = "30d", value_name = "TIME")]
    pub(crate) forgotten_after: TimeSpan,

    /// How log lines look.
    #[arg(long, env = "CARREL_LOG_FORMAT", default_value = "text", value_enum)]
    pub(crate) log_format: LogFormat,

    /// What is logged: a level, or directives such as `info,carrel_notebook=debug`.
    #[arg(long, env = "CARREL_LOG", default_value = "info", value_name = "FILTER")]
    pub(crate) log: String,

    // Last, as their headings would stand over what follows.
    #[command(flatten)]
    pub(crate) companions: CompanionArgs,

    #[command(flatten)]
    pub(crate) routing: RoutingArgs,

    #[command(flatten)]
    pub(crate) activity: ActivityArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, for machines.
    Json,
}

/// Kubeflow takes anything but `true` for false; here a slip of the pen is told.
pub(crate) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// A name as namespaces and Leases have it (RFC 1123 label).
pub(crate) fn name(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 63 || !text.chars().all(inner) || text.starts_with('-') || text.ends_with('-') {
        return Err("must be 1 to 63 of a-z, 0-9 and -, and neither begin nor end with -".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_wrong_setting_is_told_in_a_sentence() {
        for (args, expected) in [
            (["carrel", "controllers", "--namespace=Team_A"], "neither begin nor end with -"),
            (["carrel", "controllers", "--add-fsgroup=yes"], "must be true or false"),
            (["carrel", "controllers", "--listen=8080"], "invalid socket address"),
            (["carrel", "controllers", "--log-format=xml"], "possible values: text, json"),
            (["carrel", "controllers", "--forgotten-after=1mo"], "must be a time span such as 30m, 12h, 2w or 1d12h"),
            (["carrel", "volumes", "--unused-for=-3d"], "must not be negative"),
            (["carrel", "volumes", "--output=xml"], "possible values: table, json"),
            (["carrel", "drain-plan", "--output=json"], "required arguments were not provided"),
        ] {
            let error = Args::try_parse_from(args).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
