//! What a companion is made of.

use std::collections::BTreeMap;

use carrel_api::vocabulary::SERVICE_PORT;
use carrel_server::route::{Route, Target, route};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::ResourceExt;

use crate::affinity::bind;
use crate::beside::Place;
use crate::wanted::Wanted;

/// Old templates are of no use: nobody goes back to another node by them.
const HISTORY: i32 = 1;

/// Every child of a companion. Whoever applies them takes this apart without `..`, so a forgotten child does not compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Children {
    /// Runs the server.
    pub deployment: Deployment,
    /// Gives the server a name and an address; `None` where its owner wants none.
    pub service: Option<Service>,
    /// Leads to the server from outside the cluster; `None` where none is made, or none can be.
    pub route: Option<Route>,
}

/// The children of a companion that stands at this place; can't fail. `selector` is that of a Deployment that another
/// controller made, which can't change.
pub fn children(wanted: &Wanted, place: &Place, selector: Option<&BTreeMap<String, String>>) -> Children {
    let front = wanted.front.as_ref();
    let target = |path: &str| Target {
        metadata: wanted.metadata.clone(),
        virtual_service: wanted.child().to_owned(),
        path: path.to_owned(),
    };
    Children {
        deployment: deployment(wanted, place, selector),
        service: service(wanted),
        route: front.and_then(|front| route(&target(&front.path), front.routed.as_ref()?.as_ref().ok()?)),
    }
}

fn deployment(wanted: &Wanted, place: &Place, selector: Option<&BTreeMap<String, String>>) -> Deployment {
    let mut pod = wanted.pod.clone();
    if let Some(node) = place.node() {
        bind(&mut pod, node);
    }
    let runs = !wanted.stopped && !matches!(place, Place::Away(_));
    Deployment {
        metadata: wanted.metadata.clone(),
        spec: DeploymentSpec {
            replicas: Some(i32::from(runs)),
            revision_history_limit: Some(HISTORY),
            selector: LabelSelector {
                match_labels: Some(selector.unwrap_or(&wanted.selector).clone()),
                ..LabelSelector::default()
            },
            // The old pod may have a claim that the new one needs.
            strategy: Some(DeploymentStrategy { type_: Some("Recreate".to_owned()), ..DeploymentStrategy::default() }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(wanted.labels.clone()),
                    annotations: Some(wanted.annotations.clone()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod),
            },
            ..DeploymentSpec::default()
        },
        ..Deployment::default()
    }
}

fn service(wanted: &Wanted) -> Option<Service> {
    let front = wanted.front.as_ref()?;
    Some(Service {
        metadata: wanted.metadata.clone(),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(wanted.selector.clone()),
            ports: Some(vec![ServicePort {
                name: Some(front.port_name.clone()),
                port: SERVICE_PORT,
                protocol: Some("TCP".to_owned()),
                target_port: Some(front.target_port.clone()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

/// The pod that a Deployment's controllers would make: only ever asked about, never made by Carrel.
pub(crate) fn pod(deployment: &Deployment) -> Pod {
    let template = deployment.spec.template.clone();
    let mut metadata = template.metadata.unwrap_or_default();
    metadata.namespace = deployment.namespace();
    metadata.name = Some(format!("{}-0", deployment.name_any()));
    Pod { metadata, spec: template.spec, ..Pod::default() }
}
