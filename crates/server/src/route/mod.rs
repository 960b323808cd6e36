//! The route of a server: how it is reached from outside the cluster. One kind at a time, by the admin's choice.

pub(crate) mod feed;
mod foreign;
mod http_route;
mod ingress;
mod leftovers;
mod observed;
mod routing;
mod said;
mod virtual_service;
mod write;

use std::collections::BTreeMap;

use carrel_runtime::child::Owner;
use carrel_runtime::rights::{Right, WATCHED};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use serde_json::Value;

pub use http_route::{HTTPRoute, HTTPRouteSpec};
pub use leftovers::{OwnerKind, remove_when_leading};
pub use observed::{ObservedRoute, RouteStore, Routes};
pub use routing::{ForeignApi, Gateway, IngressRules, Istio, Routing};
pub use said::{Told, said};
pub use virtual_service::{VirtualService, VirtualServiceSpec};
pub use write::{Done, carry_out, look};

use crate::kind::Kind;

/// What routes take.
pub const RIGHTS: &[Right] = &[
    Right::new(ROUTE, "networking.istio.io", &["virtualservices"], ROUTE_VERBS),
    Right::new(ROUTE, "gateway.networking.k8s.io", &["httproutes"], ROUTE_VERBS),
    Right::new(ROUTE, "networking.k8s.io", &["ingresses"], ROUTE_VERBS),
    Right::new(
        "Whether the cluster has the first two, and when it gets them.",
        "apiextensions.k8s.io",
        &["customresourcedefinitions"],
        WATCHED,
    )
    .of(&["virtualservices.networking.istio.io", "httproutes.gateway.networking.k8s.io"]),
];

const ROUTE: &str = "The route of each, where --routing names this kind. Routes that another --routing made before are listed and \
                     deleted when a replica comes to lead.";
const ROUTE_VERBS: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];

/// The route of a server.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// Istio's.
    VirtualService(Box<VirtualService>),
    /// The Gateway API's.
    HTTPRoute(Box<HTTPRoute>),
    /// Kubernetes' own.
    Ingress(Box<Ingress>),
}

/// What a route leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The metadata of the server's children, the name of its Service and of its route among them.
    pub metadata: ObjectMeta,
    /// The name of its VirtualService, where Kubeflow has another one for it.
    pub virtual_service: String,
    /// The path under which it is reached, without a slash at the end.
    pub path: String,
}

impl Target {
    fn service(&self) -> String {
        self.metadata.name.clone().unwrap_or_default()
    }
}

/// A route's rules, beside its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What the server sees in the place of its path.
    pub rewrite: Option<String>,
    /// Headers that are set on each request, in the order of their names.
    pub headers: BTreeMap<String, String>,
    /// How long a request may take, such as `300s`; for ever if absent, as any limit cuts a WebSocket.
    pub timeout: Option<String>,
}

/// How a server is to be reached; it can be written as a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// The admin's choice.
    pub routing: Routing,
    /// What the owner says.
    pub rules: Rules,
}

/// The route to a destination.
pub fn route(to: &Target, routed: &Routed) -> Option<Route> {
    let Routed { routing, rules } = routed;
    match routing {
        Routing::None => None,
        Routing::Istio(istio) => {
            Some(Route::VirtualService(Box::new(virtual_service::virtual_service(to, istio, rules))))
        }
        Routing::Gateway(gateway) => Some(Route::HTTPRoute(Box::new(http_route::http_route(to, gateway, rules)))),
        Routing::Ingress(ingress) => Some(Route::Ingress(Box::new(ingress::ingress(to, ingress, rules)))),
    }
}

impl Route {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::VirtualService(_) => Kind::VirtualService,
            Self::HTTPRoute(_) => Kind::HTTPRoute,
            Self::Ingress(_) => Kind::Ingress,
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Self::VirtualService(route) => route.name_any(),
            Self::HTTPRoute(route) => route.name_any(),
            Self::Ingress(route) => route.name_any(),
        }
    }

    /// All of it.
    pub fn to_value(&self) -> serde_json::Result<Value> {
        match self {
            Self::VirtualService(route) => serde_json::to_value(route),
            Self::HTTPRoute(route) => serde_json::to_value(route),
            Self::Ingress(route) => serde_json::to_value(route),
        }
    }
}

/// Where the route of a server would be.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Whose it would be.
    pub owner: Owner<'a>,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name, but of a VirtualService.
    pub name: &'a str,
    /// Its name, if it is a VirtualService.
    pub virtual_service: &'a str,
}
