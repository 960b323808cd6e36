//! What an admin wants of the servers in some namespaces. Each section stands for itself: of all policies that speak of a
//! namespace and have it, the one with the highest priority decides.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Selector;
use crate::TimeSpan;

/// What an admin wants of the servers in some namespaces.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabPolicySpec {
    /// The namespaces, by their labels; all if empty.
    #[serde(default)]
    pub namespace_selector: Selector,
    /// Of two policies that speak of one namespace the higher one decides, section by section; then the older one, then the
    /// first by name.
    #[serde(default)]
    pub priority: i32,
    /// When a server that nobody uses is stopped. Without this section in any policy: never, or by Kubeflow's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Idle>,
    /// How long a server may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Lifetime>,
    /// At which hours servers run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// For how long a user may ask to keep a server. Without this section in any policy: at most a day at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<KeepAlive>,
    /// What becomes of a Notebook that stays stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_stop: Option<AfterStop>,
    /// How a busy server is kept from drains and autoscalers. Without this section in any policy: it is, for a day at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect_busy: Option<ProtectBusy>,
    /// What counts as use, beside what the server itself says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<Signals>,
}

/// Whether a policy has a section.
pub type HasSection = fn(&LabPolicySpec) -> bool;

/// The sections of a policy, by their names in it.
pub const SECTIONS: [(&str, HasSection); 7] = [
    ("idle", |spec| spec.idle.is_some()),
    ("lifetime", |spec| spec.lifetime.is_some()),
    ("schedule", |spec| spec.schedule.is_some()),
    ("keepAlive", |spec| spec.keep_alive.is_some()),
    ("afterStop", |spec| spec.after_stop.is_some()),
    ("protectBusy", |spec| spec.protect_busy.is_some()),
    ("signals", |spec| spec.signals.is_some()),
];

/// When a server that nobody uses is stopped.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, KubeSchema)]
#[x_kube(crates(kube_core = "kube_core"))]
#[x_kube(validation = (
    "!has(self.userLimits) || has(self.idleAfter)",
    "userLimits is a band around idleAfter: set that too"
))]
#[serde(rename_all = "camelCase")]
pub struct Idle {
    /// For how long nobody uses it before it is stopped; never stopped for that if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_after: Option<TimeSpan>,
    /// How long before the stop it is announced; within `idleAfter`, never longer than half of it.
    #[serde(default = "ten_minutes")]
    pub warn_before: TimeSpan,
    /// How long a server runs at least, counted from its start.
    #[serde(default)]
    pub min_running: TimeSpan,
    /// What to do when it is unknown for long whether a server is used. It is never stopped for that.
    #[serde(default)]
    pub unknown: WhenUnknown,
    /// How long that is.
    #[serde(default = "one_hour")]
    pub unknown_after: TimeSpan,
    /// A label; a server that has it is not stopped for being idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 317))]
    pub exempt_label: Option<String>,
    /// Within which a user may set an own limit, by the annotation `carrel.dev/idle-after`. None may if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_limits: Option<Band>,
}

/// What to do when it is unknown for long whether a server is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum WhenUnknown {
    /// Say so in a condition, and keep it.
    #[default]
    Keep,
    /// The same, and an Event tells its owner.
    Warn,
}

/// From one time span to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Band {
    /// The least.
    pub min: TimeSpan,
    /// The most.
    pub max: TimeSpan,
}

/// How long a server may run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lifetime {
    /// After this, it is stopped as soon as nobody uses it.
    pub max_running: TimeSpan,
    /// How long after `maxRunning` it is stopped though it is busy; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_limit: Option<TimeSpan>,
    /// How long before the stop it is announced.
    #[serde(default = "ten_minutes")]
    pub warn_before: TimeSpan,
}

/// At which hours servers run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// The time zone of the hours, by its IANA name such as `Europe/Berlin`.
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// When servers may run. A window that begins when another ends is the same as one.
    #[schemars(length(min = 1, max = 32))]
    pub windows: Vec<Window>,
    /// How long after the end a server that is busy may go on; as long as it is busy if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_limit: Option<TimeSpan>,
    /// How long before the end of a window the stop is announced.
    #[serde(default = "ten_minutes")]
    pub warn_before: TimeSpan,
    /// How long before a window begins those servers are started that ask for it, by the annotation
    /// `carrel.dev/start-with-window: "true"`, and that the schedule stopped.
    #[serde(default = "fifteen_minutes")]
    pub start_before: TimeSpan,
}

/// Some hours on some days.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The days on which it begins.
    #[schemars(length(min = 1, max = 7))]
    pub days: Vec<Day>,
    /// When it begins, such as `07:30`.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// When it ends, such as `19:00`; on the next day if that is not after `from`. `24:00` is the day's end.
    #[schemars(regex(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub to: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[allow(missing_docs)] // A week's days.
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// For how long a user may ask to keep a server, by the annotation `carrel.dev/keep-alive`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeepAlive {
    /// How long one snooze lasts at most; longer ones are cut. No snooze at all if zero.
    pub max: TimeSpan,
    /// How long all snoozes since a start last together at most; any number of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<TimeSpan>,
}

/// What becomes of a Notebook that stays stopped.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AfterStop {
    /// After how long the Notebook is deleted; never if absent. Its volumes stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after: Option<TimeSpan>,
}

/// How a busy server is kept from drains and autoscalers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProtectBusy {
    /// Whether it is.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How long it is at most, counted from when it became busy.
    #[serde(default = "one_day")]
    pub cap: TimeSpan,
    /// Whether a server moves by itself from a node that is cordoned, once it is idle.
    #[serde(default = "yes")]
    pub move_when_idle: bool,
}

/// What counts as use, beside what the server itself says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Signals {
    /// Above this many CPUs of a pod it is busy, such as `200m`; CPU use does not count if absent. It needs `metrics.k8s.io`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub cpu_above: Option<String>,
    /// Above this percentage of a GPU it is busy; GPU use does not count if absent. It needs a query to Prometheus, which the
    /// controller is started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub gpu_above_percent: Option<i32>,
    /// After how long without CPU use a kernel that claims to be busy counts as idle; never if absent. It needs `cpuAbove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_after: Option<TimeSpan>,
}

fn yes() -> bool {
    true
}

fn ten_minutes() -> TimeSpan {
    TimeSpan::from_mins(10)
}

fn fifteen_minutes() -> TimeSpan {
    TimeSpan::from_mins(15)
}

fn one_hour() -> TimeSpan {
    TimeSpan::from_hours(1)
}

fn one_day() -> TimeSpan {
    TimeSpan::from_hours(24)
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { max: one_day(), budget: None }
    }
}

impl Default for ProtectBusy {
    fn default() -> Self {
        Self { enabled: true, cap: one_day(), move_when_idle: true }
    }
}
