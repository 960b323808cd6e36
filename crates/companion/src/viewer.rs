//! The PVCViewer: what Kubeflow makes of it, with the defaults and checks of its webhook done here.

use std::collections::BTreeMap;

use carrel_api::Checked;
use carrel_api::pvc_viewer::{Networking, PvcViewer, PvcViewerSpec, PvcViewerStatus};
use carrel_api::server::{Reason, Said};
use carrel_api::vocabulary::PVC_VIEWER;
use carrel_runtime::names::label;
use carrel_server::Refusal;
use carrel_server::route::{Routing, Rules};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, PersistentVolumeClaimVolumeSource, PodSpec, Probe, ResourceRequirements,
    TCPSocketAction, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use crate::companion::{Companion, Settings, Words};
use crate::wanted::{Front, Wanted, routed};

/// Kubernetes' recommended labels, which Kubeflow selects viewers by.
const NAME: &str = "app.kubernetes.io/name";
const INSTANCE: &str = "app.kubernetes.io/instance";
const PART_OF: &str = "app.kubernetes.io/part-of";
/// Kubeflow's name for all viewers.
const VIEWERS: &str = "pvc-viewer";
/// The volume of the claim in a pod that its owner does not write.
const VOLUME: &str = "viewer-volume";
/// The port of the built-in pod, and of one whose owner names none.
const PORT: i32 = 8080;
/// A label may be as long, and so may the name of a Service.
const LONGEST: usize = 63;
/// It has nothing to save, and whoever waits for its claim should not wait for long.
const GRACE_SECONDS: i64 = 5;

impl Companion for PvcViewer {
    type Status = PvcViewerStatus;

    const WORDS: Words = Words {
        kind: "PVCViewer",
        controller: "pvcviewer",
        plural: "pvcviewers",
        pods: "pods (of pvcviewers)",
        deployments: "deployments (of pvcviewers)",
        mark: PVC_VIEWER,
        prefix: "pvcviewer-",
    };

    fn child_name(name: &str) -> String {
        label(&format!("{}{name}", Self::WORDS.prefix), "", LONGEST)
    }

    fn stored(&self) -> Option<&PvcViewerStatus> {
        self.status.as_ref().and_then(Checked::valid)
    }

    fn claims(&self, settings: &Settings) -> Vec<String> {
        let Some(spec) = self.spec.valid() else { return Vec::new() };
        let volumes = pod(self, spec, settings).volumes.unwrap_or_default();
        volumes.into_iter().filter_map(|volume| Some(volume.persistent_volume_claim?.claim_name)).collect()
    }

    fn wanted(&self, settings: &Settings) -> Result<Wanted, Refusal> {
        let spec = match &self.spec {
            Checked::Valid(spec) => spec,
            Checked::Invalid { problem, .. } => return Err(Refusal::invalid(format!("spec: {problem}"))),
        };
        if spec.pvc.is_empty() {
            return Err(Refusal::invalid("spec.pvc is empty; name the claim whose files are shown"));
        }
        let pod = pod(self, spec, settings);
        if pod.containers.is_empty() {
            return Err(Refusal::invalid("spec.podSpec has no containers; write them, or leave podSpec out"));
        }
        if !mounts(&pod, &spec.pvc) {
            let message =
                format!("spec.podSpec has no volume of the claim {}; mount it, or leave podSpec out", spec.pvc);
            return Err(Refusal::invalid(message));
        }
        let name = self.name_any();
        let child = Self::child_name(&name);
        let selector = BTreeMap::from([
            (NAME.to_owned(), if name.len() <= LONGEST { name } else { child.clone() }),
            (INSTANCE.to_owned(), child),
            (PART_OF.to_owned(), VIEWERS.to_owned()),
        ]);
        let mut wanted = Wanted::new(self, selector, pod);
        let labels = wanted.selector.clone();
        wanted.metadata.labels.get_or_insert_default().extend(labels);
        wanted.follows = spec.rwo_scheduling;
        wanted.front = networking(spec).map(|networking| front(self, networking, settings));
        Ok(wanted)
    }

    fn said(status: &PvcViewerStatus) -> &Said {
        &status.said
    }

    fn status(&self, said: Said, ready: bool) -> PvcViewerStatus {
        let networking = self.spec.valid().and_then(networking);
        PvcViewerStatus { ready, url: networking.map(|networking| format!("{}/", path(self, networking))), said }
    }
}

/// What its owner says of how it is reached; saying nothing at all is no networking, as in Kubeflow.
fn networking(spec: &PvcViewerSpec) -> Option<&Networking> {
    let said = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    spec.networking.as_ref().filter(|networking| {
        let Networking { target_port, base_prefix, rewrite, timeout } = networking;
        target_port.is_some() || [base_prefix, rewrite, timeout].into_iter().any(said)
    })
}

fn path(viewer: &PvcViewer, networking: &Networking) -> String {
    let base = networking.base_prefix.as_deref().unwrap_or_default().trim_end_matches('/');
    format!("{base}/{}/{}", viewer.namespace().unwrap_or_default(), viewer.name_any())
}

fn front(viewer: &PvcViewer, networking: &Networking, settings: &Settings) -> Front {
    let path = path(viewer, networking);
    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let own = format!("{path}/");
    let rewrite = said(&networking.rewrite).filter(|rewrite| *rewrite != own);
    let rules = match (&settings.routing, &rewrite) {
        _ if !is_path(&path) || rewrite.as_deref().is_some_and(|rewrite| !is_path(rewrite)) => Err(Refusal {
            reason: Reason::RouteInvalid,
            message: "spec.networking is not followed, and a route that is there stays as it is: basePrefix and rewrite must \
                      be paths that begin with /, without blanks, ? or #"
                .to_owned(),
        }),
        (Routing::Ingress(_), Some(_)) => Err(Refusal {
            reason: Reason::RouteUnsupported,
            message:
                "spec.networking.rewrite is not followed, and a route that is there stays as it is: an Ingress can't \
                      rewrite a path; take it away, or let an admin choose --routing=gateway or istio"
                    .to_owned(),
        }),
        _ => Ok(Rules { rewrite, timeout: said(&networking.timeout), ..Rules::default() }),
    };
    Front {
        port_name: "http".to_owned(),
        target_port: networking.target_port.clone().unwrap_or(IntOrString::Int(PORT)),
        path,
        routed: routed(&settings.routing, rules),
    }
}

/// The CRD refuses others; an object that is older than its rules is caught here.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains(['?', '#']) && !text.contains(char::is_whitespace)
}

fn mounts(pod: &PodSpec, claim: &str) -> bool {
    let is_it = |volume: &Volume| volume.persistent_volume_claim.as_ref().is_some_and(|own| own.claim_name == claim);
    pod.volumes.iter().flatten().any(is_it)
}

/// The owner's pod, or if that is left out the admin's, or else the built-in one; the last two get the claim.
fn pod(viewer: &PvcViewer, spec: &PvcViewerSpec, settings: &Settings) -> PodSpec {
    if let Some(own) = spec.pod_spec.as_ref().filter(|own| **own != PodSpec::default()) {
        return own.clone();
    }
    let mut pod = settings.viewer_pod.clone().unwrap_or_else(|| built_in(viewer, spec, settings));
    pod.volumes.get_or_insert_default().push(Volume {
        name: VOLUME.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: spec.pvc.clone(),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    });
    pod
}

fn built_in(viewer: &PvcViewer, spec: &PvcViewerSpec, settings: &Settings) -> PodSpec {
    let base = networking(spec).map(|networking| path(viewer, networking));
    let base = base.unwrap_or_else(|| path(viewer, &Networking::default()));
    let env = [
        ("FB_ADDRESS", "0.0.0.0".to_owned()),
        ("FB_PORT", PORT.to_string()),
        ("FB_DATABASE", "/tmp/filebrowser.db".to_owned()),
        ("FB_NOAUTH", "true".to_owned()),
        ("FB_BASEURL", format!("{base}/")),
    ];
    let amounts = |pairs: [(&str, &str); 2]| {
        Some(pairs.into_iter().map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).collect())
    };
    let container = Container {
        name: "pvcviewer".to_owned(),
        image: Some(settings.viewer_image.clone()),
        env: Some(
            env.map(|(name, value)| EnvVar { name: name.to_owned(), value: Some(value), ..EnvVar::default() }).into(),
        ),
        working_dir: Some("/data".to_owned()),
        ports: Some(vec![ContainerPort {
            container_port: PORT,
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        readiness_probe: Some(Probe {
            tcp_socket: Some(TCPSocketAction { port: IntOrString::Int(PORT), ..TCPSocketAction::default() }),
            period_seconds: Some(2),
            ..Probe::default()
        }),
        // So that it starts under a quota.
        resources: Some(ResourceRequirements {
            requests: amounts([("cpu", "50m"), ("memory", "128Mi")]),
            limits: amounts([("cpu", "1"), ("memory", "512Mi")]),
            ..ResourceRequirements::default()
        }),
        volume_mounts: Some(vec![VolumeMount {
            name: VOLUME.to_owned(),
            mount_path: "/data".to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    };
    PodSpec { containers: vec![container], termination_grace_period_seconds: Some(GRACE_SECONDS), ..PodSpec::default() }
}
