//! Istio's VirtualService, as Kubeflow makes it, but that it also takes the path without its trailing slash.

use std::collections::BTreeMap;

use carrel_api::vocabulary::SERVICE_PORT;
use serde::{Deserialize, Serialize};

use super::foreign::foreign;
use super::{Istio, Rules};

foreign! {
    /// A VirtualService of `networking.istio.io/v1alpha3`, the version that Kubeflow writes: every Istio serves it, from the
    /// oldest to those that store `v1` (the schemas are the same), and who owns which field is noted by version, so that
    /// one of Kubeflow's is taken over without remains.
    VirtualService, VirtualServiceSpec, "networking.istio.io", "v1alpha3", "virtualservices"
}

/// What a VirtualService asks for, as far as it is written here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct VirtualServiceSpec {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    gateways: Vec<String>,
    #[serde(default)]
    http: Vec<HttpRule>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct HttpRule {
    #[serde(default, rename = "match")]
    matches: Vec<Match>,
    #[serde(default)]
    rewrite: Option<Rewrite>,
    #[serde(default)]
    headers: Option<Headers>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    #[serde(default)]
    route: Vec<Destined>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Match {
    uri: StringMatch,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum StringMatch {
    Prefix(String),
    Exact(String),
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Rewrite {
    uri: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Headers {
    request: HeaderOperations,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct HeaderOperations {
    set: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Destined {
    destination: Destination,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Destination {
    host: String,
    port: PortSelector,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct PortSelector {
    number: i32,
}

pub(super) fn virtual_service(to: &super::Target, istio: &Istio, rules: &Rules) -> VirtualService {
    let mut metadata = to.metadata.clone();
    metadata.name = Some(to.virtual_service.clone());
    let namespace = metadata.namespace.clone().unwrap_or_default();
    let below = format!("{}/", to.path);
    let rule = HttpRule {
        matches: vec![
            Match { uri: StringMatch::Prefix(below.clone()) },
            Match { uri: StringMatch::Exact(to.path.clone()) },
        ],
        rewrite: Some(Rewrite { uri: rules.rewrite.clone().unwrap_or(below) }),
        headers: Some(Headers { request: HeaderOperations { set: rules.headers.clone() } }),
        timeout: rules.timeout.clone(),
        route: vec![Destined {
            destination: Destination {
                host: format!("{}.{namespace}.svc.{}", to.service(), istio.cluster_domain),
                port: PortSelector { number: SERVICE_PORT },
            },
        }],
    };
    VirtualService::new(
        metadata,
        VirtualServiceSpec { hosts: vec![istio.host.clone()], gateways: vec![istio.gateway.clone()], http: vec![rule] },
    )
}
