//! Where a server is, and how it is asked whether it is used.

use std::collections::BTreeMap;
use std::net::IpAddr;

use carrel_activity::monitor::Subject;
use carrel_activity::policy::Effective;
use carrel_activity::prober::Reach;
use carrel_activity::way::Way;
use carrel_api::activity::Activity;
use carrel_api::vocabulary::ACTIVITY;
use jiff::Timestamp;
use kube::ResourceExt;

use crate::slim_pod::SlimPod;

/// What a controller knows of where its server is.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The pod.
    pub pod: &'a SlimPod,
    /// The name of the server's container.
    pub container: &'a str,
    /// The port on which it listens.
    pub port: i32,
    /// The name of its Service.
    pub service: &'a str,
    /// What its paths begin with.
    pub base_path: &'a str,
    /// The annotations of its object.
    pub annotations: &'a BTreeMap<String, String>,
    /// How it is asked where its owner does not say; to be found out if `None`.
    pub otherwise: Option<Way>,
}

impl Asked<'_> {
    /// When the server's container started, while it runs and the pod is ready.
    pub fn started(&self) -> Option<Timestamp> {
        self.runs_since().filter(|_| self.pod.is_ready())
    }

    /// When the server's container started, while it runs.
    pub(super) fn runs_since(&self) -> Option<Timestamp> {
        let status = self.pod.status.container_statuses.iter().find(|status| status.name == self.container)?;
        Some(status.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0)
    }
}

/// How a server is to be asked; `None` while it can't be.
pub fn subject<'a>(
    asked: &Asked<'a>,
    effective: Option<&'a Effective>,
    stored: Option<&'a Activity>,
) -> Option<Subject<'a>> {
    let started = asked.started()?;
    let pod_ip: IpAddr = asked.pod.status.pod_ip.as_deref()?.parse().ok()?;
    // What can't be understood is told by a condition; the server is asked as if it were not there.
    let way = if asked.annotations.contains_key(ACTIVITY) {
        Way::asked(asked.annotations).ok().flatten()
    } else {
        asked.otherwise
    };
    Some(Subject {
        pod_uid: asked.pod.metadata.uid.as_deref()?,
        started,
        reach: Reach {
            namespace: asked.pod.namespace()?,
            pod: asked.pod.name_any(),
            pod_ip,
            port: u16::try_from(asked.port).ok()?,
            service: asked.service.to_owned(),
        },
        base_path: asked.base_path.trim_end_matches('/').to_owned(),
        way,
        stored,
        signals: effective.and_then(|effective| effective.signals.as_ref()).map(|by| &by.section),
    })
}
