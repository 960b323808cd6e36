//! The options of who is asked whether it is used, and of the policies; Kubeflow's variables of its culler among them.

use std::path::PathBuf;
use std::time::Duration;

use carrel_activity::history::{JournalError, LEAST};
use carrel_activity::policy::Defaults;
use carrel_activity::prober::{self, Via};
use carrel_activity::usage::Prometheus;
use carrel_api::TimeSpan;
use carrel_runtime::quantity;
use clap::Args;
use kube::Client;

use crate::history::Kept;
use crate::outside::{self, OutsideError};

/// How servers are asked whether they are used, and by which rules idle ones are stopped.
#[derive(Debug, Args)]
#[command(next_help_heading = "Activity")]
pub(crate) struct ActivityArgs {
    /// Follow LabPolicies. Needs their CRD, and rights to them and to namespaces on the whole cluster, also with --namespace. Without
    /// it Kubeflow's settings alone hold: ENABLE_CULLING, CULL_IDLE_TIME and IDLENESS_CHECK_PERIOD, in the environment.
    #[arg(long, env = "CARREL_LAB_POLICIES", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) lab_policies: bool,

    /// Ask servers whether they are used. Without it no server is ever stopped for being idle, nor kept for being busy.
    #[arg(long, env = "CARREL_PROBE", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) probe: bool,

    /// By which way servers are asked: at their pod's address, through their Service, or through the API server, which needs the
    /// right to get pods/proxy. `pod` in a cluster and `apiserver` outside, if absent.
    #[arg(long, env = "CARREL_PROBE_VIA", value_name = "pod|service|apiserver")]
    pub(crate) probe_via: Option<Via>,

    /// Each server is asked once in this time. Kubeflow's IDLENESS_CHECK_PERIOD, in minutes, if absent and ENABLE_CULLING is true;
    /// else a minute.
    #[arg(long, env = "CARREL_PROBE_PERIOD", value_name = "TIME", value_parser = period)]
    pub(crate) probe_period: Option<TimeSpan>,

    /// Ask this Prometheus how much of their GPUs servers use, for policies with `signals.gpuAbovePercent`; such as
    /// http://prometheus.monitoring:9090.
    #[arg(long, env = "CARREL_PROMETHEUS", value_name = "URL")]
    pub(crate) prometheus: Option<String>,

    /// A file with the token that Prometheus asks for.
    #[arg(long, env = "CARREL_PROMETHEUS_TOKEN_FILE", value_name = "FILE")]
    pub(crate) prometheus_token_file: Option<PathBuf>,

    /// The query that gives the use of GPUs in percent, with the labels `namespace` and `pod`, or `exported_namespace` and
    /// `exported_pod`.
    #[arg(long, env = "CARREL_GPU_QUERY", default_value = "DCGM_FI_DEV_GPU_UTIL", value_name = "PROMQL")]
    pub(crate) gpu_query: String,

    /// Tell this URL of each stop that is announced, cancelled or done, by a POST of JSON. No stop waits for it.
    #[arg(long, env = "CARREL_WARN_URL", value_name = "URL")]
    pub(crate) warn_url: Option<String>,

    /// Keep up Kubeflow's annotations of activity on Notebooks, which its web app shows: each 15 minutes at most while one runs.
    #[arg(long, env = "CARREL_KUBEFLOW_ACTIVITY", default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) kubeflow_activity: bool,

    /// Keep the history of servers in this file, as JSON lines, for `carrel policy simulate` and `carrel report`; none is kept if
    /// absent. Its older half is in FILE.1. A volume keeps it through a restart of the pod.
    #[arg(long, env = "CARREL_HISTORY", value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,

    /// How much the two files of the history take at most, such as 64Mi.
    #[arg(long, env = "CARREL_HISTORY_SIZE", default_value = "64Mi", value_name = "SIZE", value_parser = size)]
    pub(crate) history_size: u64,
}

impl ActivityArgs {
    /// The rules where no policy says otherwise.
    pub(crate) fn defaults() -> Defaults {
        Defaults::from_env(|name| std::env::var(name).ok())
    }

    /// How servers are asked.
    pub(crate) fn prober(&self, defaults: &Defaults) -> prober::Settings {
        let period = self.probe_period.or(defaults.kubeflow.map(|kubeflow| kubeflow.period));
        let settings = prober::Settings::default();
        let period = period.and_then(|period| Duration::try_from(period.duration()).ok());
        prober::Settings { period: period.unwrap_or(settings.period), ..settings }
    }

    /// The history, where one is kept, and what writes it.
    pub(crate) fn history(&self) -> Result<Option<Kept>, JournalError> {
        let file = self.history.as_ref().filter(|file| !file.as_os_str().is_empty());
        file.map(|file| Kept::open(file, self.history_size)).transpose()
    }

    /// Who tells of the use of GPUs, if anybody.
    pub(crate) fn prometheus(&self) -> Result<Option<Prometheus>, OutsideError> {
        let Some(url) = given(self.prometheus.as_ref()) else { return Ok(None) };
        let (client, base_path) = outside::client(url, self.prometheus_token_file.as_deref())?;
        Ok(Some(Prometheus { client, base_path, query: self.gpu_query.clone() }))
    }

    /// Whom to tell of stops, if anybody: a client, and the path there.
    pub(crate) fn warn_url(&self) -> Result<Option<(Client, String)>, OutsideError> {
        given(self.warn_url.as_ref()).map(|url| outside::client(url, None)).transpose()
    }

    /// By which way.
    pub(crate) fn via(&self, in_cluster: bool) -> Via {
        self.probe_via.unwrap_or(if in_cluster { Via::Pod } else { Via::ApiServer })
    }
}

/// An empty variable is none.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn size(text: &str) -> Result<u64, String> {
    let bytes = quantity::nanos(text).and_then(|nanos| u64::try_from(nanos / 1_000_000_000).ok());
    bytes.filter(|bytes| *bytes >= LEAST).ok_or_else(|| "must be a size of at least 64Ki, such as 64Mi".to_owned())
}

fn period(text: &str) -> Result<TimeSpan, String> {
    let period: TimeSpan = text.parse().map_err(|error| format!("{error}"))?;
    if period < TimeSpan::from_secs(1) {
        return Err("must be a second at least".to_owned());
    }
    Ok(period)
}
