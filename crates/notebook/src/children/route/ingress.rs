//! Kubernetes' own Ingress.

use carrel_api::vocabulary::{SERVICE_PORT, notebook_path};
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    ServiceBackendPort,
};

use crate::resolve::Resolved;
use crate::routing::IngressRules;

/// An Ingress has no field for timeouts. ingress-nginx cuts a WebSocket that is silent for a minute unless it is told
/// otherwise; nobody else reads these.
const TIMEOUTS: [&str; 2] =
    ["nginx.ingress.kubernetes.io/proxy-read-timeout", "nginx.ingress.kubernetes.io/proxy-send-timeout"];

/// In seconds, a day; ingress-nginx has no word for none.
const LONG: &str = "86400";

pub(super) fn ingress(resolved: &Resolved, IngressRules { class, host }: &IngressRules) -> Ingress {
    let mut metadata = crate::children::metadata(resolved);
    let timeouts = TIMEOUTS.map(|key| (key.to_owned(), LONG.to_owned()));
    metadata.annotations.get_or_insert_default().extend(timeouts);
    let service = IngressServiceBackend {
        name: resolved.child.clone(),
        port: Some(ServiceBackendPort { number: Some(SERVICE_PORT), name: None }),
    };
    let path = HTTPIngressPath {
        // Of whole path elements: with and without the trailing slash, and no other notebook's.
        path: Some(notebook_path(&resolved.namespace, &resolved.name)),
        path_type: "Prefix".to_owned(),
        backend: IngressBackend { service: Some(service), resource: None },
    };
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: class.clone(),
            rules: Some(vec![IngressRule {
                host: host.clone(),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            ..IngressSpec::default()
        }),
        ..Ingress::default()
    }
}
