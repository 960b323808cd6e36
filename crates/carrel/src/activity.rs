//! The options of who is asked whether it is used, and of the policies; Kubeflow's variables of its culler among them.

use std::path::PathBuf;
use std::time::Duration;

use carrel_activity::history::{JournalError, LEAST};
use carrel_activity::policy::Defaults;
use carrel_activity::prober::{self, Via};
use carrel_api::TimeSpan;
use carrel_runtime::quantity;
use clap::Args;

use crate::history::Kept;

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

    /// By which way.
    pub(crate) fn via(&self, in_cluster: bool) -> Via {
        self.probe_via.unwrap_or(if in_cluster { Via::Pod } else { Via::ApiServer })
    }
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
