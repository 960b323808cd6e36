//! Stories: what was observed of a VolumeRequest, as YAML, read through the same front door as objects of the API server.

use std::collections::BTreeMap;
use std::sync::Arc;

use carrel_api::volume_request::VolumeRequest;
use carrel_runtime::bounds::Limits;
use carrel_runtime::claims::MountingPod;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, ResourceQuota};
use kube::ResourceExt;
use serde::Deserialize;

use crate::claim::Claim;
use crate::observe::{Observed, snapshot_source, user};
use crate::rejection::rejection;
use crate::room::Judged;
use crate::slim_class::SlimClass;
use crate::snapshot::{Found, SlimContent, SlimSnapshot, Snapshot};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Story {
    request: VolumeRequest,
    claim: Option<PersistentVolumeClaim>,
    source: Option<PersistentVolumeClaim>,
    snapshot: Option<SlimSnapshot>,
    content: Option<SlimContent>,
    #[serde(default)]
    no_snapshots: bool,
    #[serde(default)]
    classes: Vec<SlimClass>,
    #[serde(default)]
    pods: Vec<MountingPod>,
    #[serde(default)]
    said: BTreeMap<String, String>,
    #[serde(default)]
    quotas: Vec<ResourceQuota>,
    refused: Option<String>,
    #[serde(default)]
    fits: bool,
}

/// Reads a story.
pub(crate) fn story(text: &str) -> Observed {
    let story: Story = serde_saphyr::from_str(text).unwrap();
    let status = story.request.status.as_ref().and_then(|status| status.valid()).cloned();
    let judged = match story.refused {
        Some(words) => Judged::Refused(rejection(&words)),
        None if story.fits => Judged::Fits,
        None => Judged::Not,
    };
    Observed {
        status: status.unwrap_or_default(),
        finalizers: story.request.finalizers().to_vec(),
        claim: Claim::of(story.claim.map(Arc::new), &story.request.uid().unwrap_or_default()),
        in_flight: false,
        users: story.pods.iter().map(user).collect(),
        classes: story.classes.into_iter().map(Arc::new).collect(),
        source: story.source.map(Arc::new),
        snapshot: snapshot_source(&story.request).map(|_| Snapshot {
            snapshot: if story.no_snapshots { Found::Unserved } else { found(story.snapshot) },
            content: found(story.content),
        }),
        said: story.said,
        limits: Limits { quotas: story.quotas.into_iter().map(Arc::new).collect(), ranges: 0 },
        judged,
        request: Arc::new(story.request),
    }
}

fn found<K>(object: Option<K>) -> Found<K> {
    object.map_or(Found::Missing, |object| Found::There(Arc::new(object)))
}
