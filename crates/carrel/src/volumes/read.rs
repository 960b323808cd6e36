//! Reads what the list is made of.

use std::collections::{HashMap, HashSet};

use carrel_api::volume_request::VolumeRequest;
use carrel_runtime::Key;
use carrel_runtime::claims::MountingPod;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Client, ResourceExt};

use crate::pages::{ReadError, is_missing, of_namespace as pages};
use crate::printed::say;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) claims: Vec<PersistentVolumeClaim>,
    /// The claims that pods mount which are not over.
    pub(super) mounted: HashSet<Key>,
    /// VolumeRequests by name; `None` where they can't be read.
    pub(super) requests: Option<HashMap<Key, VolumeRequest>>,
}

/// Reads the claims, and then the pods: one that mounted a claim meanwhile is seen.
pub(super) async fn read(client: &Client, namespace: Option<&str>) -> Result<Found, ReadError> {
    let mut found = Found::default();
    pages(client, namespace, |claim: PersistentVolumeClaim| found.claims.push(claim)).await?;
    pages(client, namespace, |pod: MountingPod| {
        if !pod.is_over() {
            let namespace = pod.namespace().unwrap_or_default();
            found.mounted.extend(pod.claims().map(|claim| Key::new(&namespace, claim)));
        }
    })
    .await?;
    let mut requests = HashMap::new();
    let read = pages(client, namespace, |request: VolumeRequest| {
        requests.insert(Key::of(&request), request);
    });
    match read.await {
        Ok(()) => found.requests = Some(requests),
        // A cluster without Carrel has claims too.
        Err(ReadError::Failed { source, .. }) if is_missing(&source) => found.requests = Some(HashMap::new()),
        Err(error @ ReadError::Forbidden { .. }) => say(&format!("carrel: {error}. Going on without")),
        Err(error) => return Err(error),
    }
    Ok(found)
}
