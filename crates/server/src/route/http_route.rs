//! The Gateway API's HTTPRoute.

use carrel_api::vocabulary::SERVICE_PORT;
use serde::{Deserialize, Serialize};

use super::foreign::foreign;
use super::{Gateway, Rules, Target};

foreign! {
    /// An HTTPRoute of `gateway.networking.k8s.io/v1`, served since release 1.0 of the Gateway API.
    HTTPRoute, HTTPRouteSpec, "gateway.networking.k8s.io", "v1", "httproutes"
}

/// What an HTTPRoute asks for, as far as it is written here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HTTPRouteSpec {
    #[serde(default)]
    parent_refs: Vec<ParentRef>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hostnames: Vec<String>,
    #[serde(default)]
    rules: Vec<HttpRule>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ParentRef {
    #[serde(default)]
    namespace: Option<String>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    section_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpRule {
    #[serde(default)]
    matches: Vec<Match>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    filters: Vec<Filter>,
    #[serde(default)]
    backend_refs: Vec<BackendRef>,
    #[serde(default)]
    timeouts: Option<Timeouts>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Match {
    path: PathMatch,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct PathMatch {
    #[serde(rename = "type")]
    type_: String,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "type")]
enum Filter {
    URLRewrite {
        #[serde(rename = "urlRewrite")]
        url_rewrite: UrlRewrite,
    },
    RequestHeaderModifier {
        #[serde(rename = "requestHeaderModifier")]
        request_header_modifier: HeaderModifier,
    },
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct UrlRewrite {
    path: PathModifier,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct PathModifier {
    #[serde(rename = "type")]
    type_: String,
    replace_prefix_match: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct HeaderModifier {
    set: Vec<Header>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct BackendRef {
    name: String,
    #[serde(default)]
    port: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Timeouts {
    request: String,
}

pub(super) fn http_route(to: &Target, gateway: &Gateway, rules: &Rules) -> HTTPRoute {
    let Gateway { namespace, name, section, host } = gateway;
    let rewrite = rules.rewrite.iter().map(|to| {
        let path = PathModifier { type_: "ReplacePrefixMatch".to_owned(), replace_prefix_match: to.clone() };
        Filter::URLRewrite { url_rewrite: UrlRewrite { path } }
    });
    let set: Vec<_> =
        rules.headers.iter().map(|(name, value)| Header { name: name.clone(), value: value.clone() }).collect();
    let headers =
        (!set.is_empty()).then_some(Filter::RequestHeaderModifier { request_header_modifier: HeaderModifier { set } });
    let rule = HttpRule {
        // A prefix here is of whole path elements: with and without the trailing slash, and no other server's.
        matches: vec![Match { path: PathMatch { type_: "PathPrefix".to_owned(), value: to.path.clone() } }],
        filters: rewrite.chain(headers).collect(),
        backend_refs: vec![BackendRef { name: to.service(), port: Some(SERVICE_PORT) }],
        // Zero is none, whatever the Gateway's own default is: any would cut a WebSocket.
        timeouts: Some(Timeouts { request: rules.timeout.clone().unwrap_or_else(|| "0s".to_owned()) }),
    };
    let parent = ParentRef { namespace: Some(namespace.clone()), name: name.clone(), section_name: section.clone() };
    HTTPRoute::new(
        to.metadata.clone(),
        HTTPRouteSpec { parent_refs: vec![parent], hostnames: host.iter().cloned().collect(), rules: vec![rule] },
    )
}
