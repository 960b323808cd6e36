//! What a history is told of a server, where one is kept.

use std::collections::BTreeMap;

use carrel_activity::history::{Scribe, Seen};
use carrel_activity::prober::Server;
use carrel_api::activity::Activity;
use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::Asked;

/// Has it noted where the server is, and what policies look at.
pub(super) fn seen<K: Resource<DynamicType = ()>>(
    scribe: &Scribe,
    server: &Server,
    object: &K,
    asked: Option<&Asked<'_>>,
    activity: Option<&Activity>,
    namespace_labels: &BTreeMap<String, String>,
    now: Timestamp,
) {
    let holds = || asked.map(|asked| asked.pod.holds()).unwrap_or_default();
    let seen = asked.and_then(|asked| {
        Some(Seen {
            pod: asked.pod.metadata.uid.as_deref()?,
            container: asked.runs_since(),
            ending: asked.pod.metadata.deletion_timestamp.is_some(),
            holds: &holds,
            labels: object.labels(),
            annotations: object.annotations(),
            namespace_labels,
            announced: activity.and_then(|activity| activity.pending.as_ref()),
        })
    });
    scribe.see(server, seen.as_ref(), now);
}

#[cfg(test)]
mod tests;
