//! The lines of the list, computed from what was read.

use carrel_api::vocabulary::VOLUME_REQUEST;
use carrel_api::volume_request::UsedBy;
use carrel_runtime::Key;
use carrel_volume::claim::{asked, belongs_to, capacity, class};
use carrel_volume::forgotten::{OfClaim, OfRequest, Unused, is_forgotten, unused};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use serde::Serialize;

use super::read::Found;

/// A claim that no pod mounts for long.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) namespace: String,
    pub(super) name: String,
    /// As its volume has it, or as it asks.
    pub(super) size: Option<String>,
    pub(super) bytes: u64,
    pub(super) storage_class_name: Option<String>,
    pub(super) created: Timestamp,
    pub(super) unused: Known,
    /// Absent where none asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) volume_request: Option<Request>,
    /// Absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_used_by: Option<UsedBy>,
}

/// Since when no pod mounts it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub(super) enum Known {
    /// Since then, or for longer.
    Since { since: Timestamp },
    /// None ever did, as far as anybody saw.
    NeverMounted,
    /// Nobody knows.
    Unknown,
}

/// The VolumeRequest that a claim was made for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Request {
    pub(super) name: String,
    /// Whether it is still there; absent where that can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exists: Option<bool>,
}

/// The claims that no pod mounts for at least `after`, by namespace and name.
pub(super) fn rows(found: &Found, after: SignedDuration, now: Timestamp) -> Vec<Row> {
    let mut rows: Vec<_> = found.claims.iter().filter_map(|claim| row(found, claim, after, now)).collect();
    rows.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    rows
}

fn row(found: &Found, claim: &PersistentVolumeClaim, after: SignedDuration, now: Timestamp) -> Option<Row> {
    let key = Key::of(claim);
    let says = OfClaim::of(claim).filter(|_| !found.mounted.contains(&key))?;
    let request = found.requests.as_ref().and_then(|all| all.get(&key));
    let remembers = request.and_then(|request| OfRequest::of(request, claim));
    let since = unused(&says, remembers.as_ref());
    if !is_forgotten(&says, since, after, now) {
        return None;
    }
    let is_there =
        request.is_some_and(|request| belongs_to(claim, request.metadata.uid.as_deref().unwrap_or_default()));
    let volume_request = claim
        .annotations()
        .get(VOLUME_REQUEST)
        .map(|name| Request { name: name.clone(), exists: found.requests.is_some().then_some(is_there) });
    Some(Row {
        namespace: key.namespace,
        name: key.name,
        size: capacity(claim).or(asked(claim)).map(str::to_owned),
        bytes: says.bytes,
        storage_class_name: class(claim).map(str::to_owned),
        created: says.made,
        unused: match since {
            Unused::Since(since) => Known::Since { since },
            Unused::Never => Known::NeverMounted,
            Unused::Unknown => Known::Unknown,
        },
        volume_request,
        last_used_by: remembers.and_then(|remembers| remembers.last_used_by),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const CLAIM: &str = "
metadata:
  name: data
  namespace: team-a
  creationTimestamp: '2026-01-01T00:00:00Z'
  annotations: {carrel.dev/volume-request: data, carrel.dev/volume-request-uid: v-1}
spec: {storageClassName: fast, resources: {requests: {storage: 1Gi}}}
status: {phase: Bound, capacity: {storage: 1Gi}}
";
    const REQUEST: &str = "
metadata: {name: data, namespace: team-a, uid: v-1}
spec: {size: 1Gi}
status: {unusedSince: '2026-02-01T00:00:00Z', lastUsedBy: {kind: Notebook, name: iris, pod: iris-0}}
";

    pub(crate) fn found(request: Option<&str>) -> Found {
        let parse = |text: &str| {
            let request: carrel_api::volume_request::VolumeRequest = serde_saphyr::from_str(text).unwrap();
            (Key::of(&request), request)
        };
        let requests: HashMap<_, _> = request.map(parse).into_iter().collect();
        Found { claims: vec![serde_saphyr::from_str(CLAIM).unwrap()], requests: Some(requests), ..Found::default() }
    }

    fn of(found: &Found, now: &str) -> Option<Row> {
        rows(found, SignedDuration::from_hours(30 * 24), now.parse().unwrap()).pop()
    }

    #[test]
    fn a_claim_is_told_with_its_request_and_last_user() {
        let found = found(Some(REQUEST));
        assert_eq!(of(&found, "2026-03-02T00:00:00Z"), None, "29 days");
        let row = of(&found, "2026-03-03T00:00:00Z").unwrap();
        let text = serde_json::to_value(&row).unwrap();
        let expected = serde_json::json!({
            "namespace": "team-a", "name": "data", "size": "1Gi", "bytes": 1 << 30, "storageClassName": "fast",
            "created": "2026-01-01T00:00:00Z", "unused": {"state": "since", "since": "2026-02-01T00:00:00Z"},
            "volumeRequest": {"name": "data", "exists": true},
            "lastUsedBy": {"kind": "Notebook", "name": "iris", "pod": "iris-0"},
        });
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_mounted_is_not_told_and_what_is_not_known_is_not_made_up() {
        let mut mounted = found(Some(REQUEST));
        mounted.mounted.insert(Key::new("team-a", "data"));
        assert_eq!(of(&mounted, "2027-01-01T00:00:00Z"), None);

        let row = of(&found(None), "2026-03-01T00:00:00Z").unwrap();
        assert_eq!((row.unused, &row.last_used_by), (Known::Unknown, &None));
        assert_eq!(row.volume_request, Some(Request { name: "data".into(), exists: Some(false) }));
        // Another one of the name knows nothing of this claim.
        let other = found(Some(&REQUEST.replace("v-1", "v-2")));
        assert_eq!(of(&other, "2026-03-01T00:00:00Z"), Some(row));
        let blind = Found { requests: None, ..found(None) };
        let row = of(&blind, "2026-03-01T00:00:00Z").unwrap();
        assert_eq!(row.volume_request, Some(Request { name: "data".into(), exists: None }));
    }
}
