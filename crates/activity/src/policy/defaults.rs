//! What holds where no policy says otherwise: the settings of Kubeflow's own culler.

use carrel_api::TimeSpan;
use carrel_api::lab_policy::{Idle, WhenUnknown};

use super::By;

/// Who decided where Kubeflow's settings did.
pub const KUBEFLOW: &str = "Kubeflow's settings";
/// Who decided where nobody did.
pub const CARREL: &str = "Carrel's defaults";

/// What holds where no policy says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Kubeflow's settings, where they stop idle servers.
    pub kubeflow: Option<Kubeflow>,
}

/// Kubeflow's settings of its culler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kubeflow {
    /// `CULL_IDLE_TIME`: for how long nobody uses a server before it is stopped.
    pub cull_idle_time: TimeSpan,
    /// `IDLENESS_CHECK_PERIOD`: how often servers are asked.
    pub period: TimeSpan,
}

impl Defaults {
    /// From the environment, where `get` reads a variable. A number that can't be read or is below one counts as not set, as
    /// Kubeflow takes its default then.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Self {
        if get("ENABLE_CULLING").as_deref() != Some("true") {
            return Self::default();
        }
        let minutes = |name: &str, default: i64| {
            let number = get(name).and_then(|text| text.trim().parse().ok()).filter(|number| *number > 0);
            TimeSpan::from_mins(number.unwrap_or(default))
        };
        let (cull_idle_time, period) = (minutes("CULL_IDLE_TIME", 1440), minutes("IDLENESS_CHECK_PERIOD", 1));
        Self { kubeflow: Some(Kubeflow { cull_idle_time, period }) }
    }

    pub(super) fn idle(&self) -> Option<By<Idle>> {
        let kubeflow = self.kubeflow?;
        let idle = Idle {
            idle_after: Some(kubeflow.cull_idle_time),
            warn_before: TimeSpan::from_mins(10),
            min_running: TimeSpan::ZERO,
            unknown: WhenUnknown::Keep,
            unknown_after: TimeSpan::from_hours(1),
            exempt_label: None,
            user_limits: None,
        };
        Some(By::new(KUBEFLOW, idle))
    }
}
