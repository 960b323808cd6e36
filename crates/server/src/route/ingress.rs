//! Kubernetes' own Ingress.

use carrel_api::vocabulary::SERVICE_PORT;
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    ServiceBackendPort,
};

use super::{IngressRules, Rules, Target};

/// An Ingress has no field for timeouts. ingress-nginx cuts a WebSocket that is silent for a minute unless it is told
/// otherwise; nobody else reads these.
const TIMEOUTS: [&str; 2] =
    ["nginx.ingress.kubernetes.io/proxy-read-timeout", "nginx.ingress.kubernetes.io/proxy-send-timeout"];

/// In seconds, a day; ingress-nginx has no word for none.
const LONG: &str = "86400";

/// A timeout in whole seconds.
fn seconds(timeout: &str) -> Option<String> {
    let timeout: jiff::SignedDuration = timeout.parse().ok()?;
    (timeout.as_secs() > 0).then(|| timeout.as_secs().to_string())
}

pub(super) fn ingress(to: &Target, IngressRules { class, host }: &IngressRules, rules: &Rules) -> Ingress {
    let mut metadata = to.metadata.clone();
    let seconds = rules.timeout.as_deref().and_then(seconds).unwrap_or_else(|| LONG.to_owned());
    let timeouts = TIMEOUTS.map(|key| (key.to_owned(), seconds.clone()));
    metadata.annotations.get_or_insert_default().extend(timeouts);
    let service = IngressServiceBackend {
        name: to.service(),
        port: Some(ServiceBackendPort { number: Some(SERVICE_PORT), name: None }),
    };
    let path = HTTPIngressPath {
        // Of whole path elements: with and without the trailing slash, and no other server's.
        path: Some(to.path.clone()),
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
