//! The Service of a Notebook, as Kubeflow makes it.

use std::collections::BTreeMap;

use carrel_api::vocabulary::{SERVICE_PORT, STATEFUL_SET};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::resolve::Resolved;

pub(super) fn service(resolved: &Resolved) -> Service {
    Service {
        metadata: resolved.metadata.clone(),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(BTreeMap::from([(STATEFUL_SET.to_owned(), resolved.child.clone())])),
            ports: Some(vec![ServicePort {
                // The prefix `http-` tells Istio the protocol.
                name: Some(format!("http-{}", resolved.child)),
                port: SERVICE_PORT,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::Int(resolved.port)),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
