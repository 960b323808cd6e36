//! The LabPolicy: what an admin wants of the servers in some namespaces (`carrel.dev`, of the whole cluster).

pub mod crd;
// KubeSchema repeats the types where nobody can name them.
#[allow(unreachable_pub)]
mod selector;
#[allow(unreachable_pub)]
mod spec;
#[allow(unreachable_pub)]
mod status;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::Checked;
pub use crate::condition::Condition;
pub use selector::{Operator, Requirement, Selector};
pub use spec::{
    AfterStop, Band, Day, HasSection, Idle, KeepAlive, LabPolicySpec, Lifetime, ProtectBusy, SECTIONS, Schedule,
    Signals, WhenUnknown, Window,
};
pub use status::{ACCEPTED, LabPolicyStatus, Section};

/// A LabPolicy of `carrel.dev/v1alpha1`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct LabPolicy {
    /// Names, labels, annotations.
    pub metadata: ObjectMeta,
    /// What its admin wants.
    #[serde(default)]
    pub spec: Checked<LabPolicySpec>,
    /// What Carrel says of it; absent until the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Checked<LabPolicyStatus>>,
}

crate::kind!(LabPolicy, ClusterResourceScope, "LabPolicy", crd::GROUP, crd::VERSION, crd::PLURAL);
