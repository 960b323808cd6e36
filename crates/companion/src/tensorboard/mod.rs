//! The Tensorboard: what Kubeflow makes of it (its pod, labels, arguments and paths), and what an owner may ask for beyond.

mod credentials;
pub mod logspath;

use std::collections::BTreeMap;

use carrel_api::Checked;
use carrel_api::server::Said;
use carrel_api::tensorboard::{Tensorboard, TensorboardSpec, TensorboardStatus};
use carrel_api::vocabulary::TENSORBOARD;
use carrel_runtime::names::label;
use carrel_server::Refusal;
use carrel_server::route::{Routing, Rules};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, PersistentVolumeClaimVolumeSource, PodSpec, Probe, ResourceRequirements, TCPSocketAction,
    Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use crate::companion::{Companion, Settings, Words};
use crate::wanted::{Front, Wanted, routed};
use logspath::Logs;

/// The port of TensorBoard.
const PORT: i32 = 6006;
/// Kubeflow's time for a request.
const TIMEOUT: &str = "300s";
/// A label of a pod may be as long.
const LONGEST: usize = 63;
/// The name of the volume of a claim, as in Kubeflow.
const VOLUME: &str = "tbpd";
/// It has nothing to save, and whoever waits for its claim should not wait for long.
const GRACE_SECONDS: i64 = 5;

impl Companion for Tensorboard {
    type Status = TensorboardStatus;

    const WORDS: Words = Words {
        kind: "Tensorboard",
        controller: "tensorboard",
        plural: "tensorboards",
        pods: "pods (of tensorboards)",
        deployments: "deployments (of tensorboards)",
        mark: TENSORBOARD,
        prefix: "",
    };

    fn child_name(name: &str) -> String {
        label(name, "tb-", LONGEST)
    }

    fn stored(&self) -> Option<&TensorboardStatus> {
        self.status.as_ref().and_then(Checked::valid)
    }

    fn claims(&self, _: &Settings) -> Vec<String> {
        let logs = self.spec.valid().and_then(|spec| logspath::parse(spec.logspath.as_deref()).ok());
        logs.as_ref().and_then(Logs::claim).map(str::to_owned).into_iter().collect()
    }

    fn wanted(&self, settings: &Settings) -> Result<Wanted, Refusal> {
        let spec = match &self.spec {
            Checked::Valid(spec) => spec,
            Checked::Invalid { problem, .. } => return Err(Refusal::invalid(format!("spec: {problem}"))),
        };
        let logs = logspath::parse(spec.logspath.as_deref())?;
        let (namespace, name) = (self.namespace().unwrap_or_default(), self.name_any());
        let path = format!("/tensorboard/{namespace}/{name}");
        // An Ingress can't rewrite a path, but TensorBoard can serve under one.
        let rewrites = !matches!(settings.routing, Routing::Ingress(_));
        let pod = pod(spec, &logs, (!rewrites).then_some(path.as_str()), settings);
        let child = Self::child_name(&name);
        let mut wanted = Wanted::new(self, BTreeMap::from([("app".to_owned(), child.clone())]), pod);
        // What selects its pods is nobody's to change.
        let own = self.labels().iter().chain(&spec.pod_labels).map(|(key, value)| (key.clone(), value.clone()));
        wanted.labels = own.chain(wanted.selector.clone()).collect();
        let rules =
            Rules { rewrite: rewrites.then(|| "/".to_owned()), timeout: Some(TIMEOUT.to_owned()), ..Rules::default() };
        wanted.front = Some(Front {
            port_name: port_name(&child),
            target_port: IntOrString::Int(PORT),
            path,
            routed: routed(&settings.routing, Ok(rules)),
        });
        Ok(wanted)
    }

    fn said(status: &TensorboardStatus) -> &Said {
        &status.said
    }

    fn status(&self, said: Said, ready: bool) -> TensorboardStatus {
        TensorboardStatus { ready_replicas: i32::from(ready), said }
    }
}

/// The prefix tells Istio the protocol. The name of a port of a Service may have 63 characters.
fn port_name(child: &str) -> String {
    format!("http-{child}").chars().take(LONGEST).collect::<String>().trim_end_matches('-').to_owned()
}

fn pod(spec: &TensorboardSpec, logs: &Logs, prefix: Option<&str>, settings: &Settings) -> PodSpec {
    let mut args = vec![format!("--logdir={}", logs.logdir()), "--bind_all".to_owned()];
    args.extend(prefix.map(|prefix| format!("--path_prefix={prefix}")));
    args.extend(spec.args.iter().cloned());
    let mut container = Container {
        name: "tensorboard".to_owned(),
        image: Some(spec.image.clone().unwrap_or_else(|| settings.tensorboard_image.clone())),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(vec!["/usr/local/bin/tensorboard".to_owned()]),
        args: Some(args),
        working_dir: Some("/".to_owned()),
        ports: Some(vec![ContainerPort {
            container_port: PORT,
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        resources: Some(spec.resources.clone().unwrap_or_else(modest)),
        // A path would depend on arguments of its owner's.
        readiness_probe: Some(Probe {
            tcp_socket: Some(TCPSocketAction { port: IntOrString::Int(PORT), ..TCPSocketAction::default() }),
            period_seconds: Some(2),
            ..Probe::default()
        }),
        ..Container::default()
    };
    let mut pod = PodSpec {
        service_account_name: spec.service_account_name.clone(),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        ..PodSpec::default()
    };
    if let Logs::Claim { claim, mount, folder, .. } = logs {
        container.volume_mounts = Some(vec![VolumeMount {
            name: VOLUME.to_owned(),
            mount_path: mount.clone(),
            sub_path: folder.clone(),
            read_only: Some(true),
            ..VolumeMount::default()
        }]);
        pod.volumes = Some(vec![Volume {
            name: VOLUME.to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim.clone(),
                ..PersistentVolumeClaimVolumeSource::default()
            }),
            ..Volume::default()
        }]);
    }
    credentials::give(logs, spec.credentials.as_ref(), &mut container, &mut pod);
    pod.containers = vec![container];
    pod
}

/// What TensorBoard asks for where its owner says nothing: it takes about 100 MiB at rest, and more for large runs.
fn modest() -> ResourceRequirements {
    let amounts = |pairs: [(&str, &str); 2]| {
        Some(pairs.into_iter().map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).collect())
    };
    ResourceRequirements {
        requests: amounts([("cpu", "100m"), ("memory", "256Mi")]),
        limits: amounts([("cpu", "1"), ("memory", "2Gi")]),
        ..ResourceRequirements::default()
    }
}
