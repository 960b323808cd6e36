//! Forgotten claims by the namespace, counted when somebody asks: they become so with time alone, and nothing wakes then.
//! What a count needs of each claim is kept beside the caches, which would have to be opened for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use carrel_api::volume_request::VolumeRequest;
use carrel_runtime::Key;
use carrel_runtime::feed::{Change, Feed};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use parking_lot::Mutex;

use super::{OfClaim, OfRequest, Unused, is_forgotten, unused};
use carrel_api::vocabulary::VOLUME_REQUEST_UID;

/// The forgotten claims of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// How many.
    pub claims: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a count needs.
#[derive(Debug, Default)]
pub struct Tally {
    claims: Mutex<HashMap<Key, Claim>>,
    requests: Mutex<HashMap<Key, Request>>,
}

#[derive(Debug)]
struct Claim {
    says: OfClaim,
    request_uid: Option<String>,
}

#[derive(Debug)]
struct Request {
    uid: Option<String>,
    says: OfRequest,
}

impl Tally {
    /// Takes in what these feeds bring.
    pub(crate) fn listen(
        self: &Arc<Self>,
        claims: &mut Feed<PersistentVolumeClaim>,
        requests: &mut Feed<VolumeRequest>,
    ) {
        let tally = self.clone();
        claims.listen(move |change| tally.claim(change));
        let tally = self.clone();
        requests.listen(move |change| tally.request(change));
    }

    fn claim(&self, change: &Change<'_, PersistentVolumeClaim>) {
        let key = Key::of(change.object());
        let kept = match change {
            Change::Applied { new, .. } => OfClaim::of(new)
                .map(|says| Claim { says, request_uid: new.annotations().get(VOLUME_REQUEST_UID).cloned() }),
            Change::Deleted(_) => None,
        };
        keep(&self.claims, key, kept);
    }

    fn request(&self, change: &Change<'_, VolumeRequest>) {
        let key = Key::of(change.object());
        let kept = match change {
            Change::Applied { new, .. } => Some(Request { uid: new.uid(), says: OfRequest::said_by(new) }),
            Change::Deleted(_) => None,
        };
        keep(&self.requests, key, kept);
    }

    /// The forgotten claims by their namespace, and whether it is known since when they are unused. `is_mounted` tells of a
    /// claim whether a pod mounts it now.
    pub fn count(
        &self,
        after: SignedDuration,
        now: Timestamp,
        is_mounted: impl Fn(&Key) -> bool,
    ) -> BTreeMap<(String, bool), Forgotten> {
        let (claims, requests) = (self.claims.lock(), self.requests.lock());
        let mut all = BTreeMap::<_, Forgotten>::new();
        for (key, claim) in claims.iter() {
            let own = |request: &&Request| request.uid.is_some() && request.uid == claim.request_uid;
            let request = requests.get(key).filter(own).map(|request| &request.says);
            let since = unused(&claim.says, request);
            if is_forgotten(&claim.says, since, after, now) && !is_mounted(key) {
                let here = all.entry((key.namespace.clone(), since != Unused::Unknown)).or_default();
                here.claims += 1;
                here.bytes = here.bytes.saturating_add(claim.says.bytes);
            }
        }
        all
    }
}

fn keep<T>(all: &Mutex<HashMap<Key, T>>, key: Key, kept: Option<T>) {
    let mut all = all.lock();
    match kept {
        Some(kept) => all.insert(key, kept),
        None => all.remove(&key),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, phase: &str) -> PersistentVolumeClaim {
        serde_saphyr::from_str(&format!(
            "{{metadata: {{name: {name}, namespace: a, uid: {name}, creationTimestamp: '1970-01-01T00:00:00Z', annotations: {{carrel.dev/volume-request-uid: v}}}},
               spec: {{resources: {{requests: {{storage: 1Gi}}}}}}, status: {{phase: {phase}}}}}"
        ))
        .unwrap()
    }

    #[test]
    fn claims_are_counted_while_they_are_forgotten() {
        let tally = Tally::default();
        let add = |object: &PersistentVolumeClaim| tally.claim(&Change::Applied { old: None, new: object });
        let count = |hours: i64, mounted: &str| {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
            let all = tally.count(SignedDuration::from_hours(24), now, |key| key.name == mounted);
            let word = |((namespace, known), of): ((String, bool), Forgotten)| {
                format!("{namespace} {known} {} {}", of.claims, of.bytes >> 30)
            };
            all.into_iter().map(word).collect::<Vec<_>>()
        };
        let (old, new) = (claim("old", "Bound"), claim("new", "Pending"));
        add(&old);
        add(&new);
        assert!(count(23, "").is_empty());
        assert_eq!(count(24, ""), ["a false 1 1", "a true 1 1"]);
        assert_eq!(count(24, "old"), ["a true 1 1"]);
        let request: VolumeRequest = serde_saphyr::from_str(
            "{metadata: {name: old, namespace: a, uid: v}, spec: {size: 1Gi}, status: {unusedSince: '1970-01-02T00:00:00Z'}}",
        )
        .unwrap();
        tally.request(&Change::Applied { old: None, new: &request });
        assert_eq!(count(47, ""), ["a true 1 1"]);
        assert_eq!(count(48, ""), ["a true 2 2"]);
        tally.request(&Change::Deleted(&request));
        tally.claim(&Change::Deleted(&new));
        assert_eq!(count(48, ""), ["a false 1 1"]);
    }
}
