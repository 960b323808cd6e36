//! The route of a Notebook: how it is reached from outside the cluster. One kind at a time, by the admin's choice.

mod foreign;
mod http_route;
mod ingress;
mod rules;
mod virtual_service;

use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use serde_json::Value;

pub use http_route::{HTTPRoute, HTTPRouteSpec};
pub use rules::{Rules, rules};
pub use virtual_service::{VirtualService, VirtualServiceSpec};

use crate::plan::Kind;
use crate::resolve::Resolved;
use crate::routing::Routing;

/// The route of a Notebook.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// Istio's.
    VirtualService(Box<VirtualService>),
    /// The Gateway API's.
    HTTPRoute(Box<HTTPRoute>),
    /// Kubernetes' own.
    Ingress(Box<Ingress>),
}

/// How a Notebook is to be reached; it can be written as a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// The admin's choice.
    pub routing: Routing,
    /// What the owner says.
    pub rules: Rules,
}

pub(super) fn route(resolved: &Resolved) -> Option<Route> {
    let Routed { routing, rules } = resolved.route.as_ref()?.as_ref().ok()?;
    match routing {
        Routing::None => None,
        Routing::Istio(istio) => {
            Some(Route::VirtualService(Box::new(virtual_service::virtual_service(resolved, istio, rules))))
        }
        Routing::Gateway(gateway) => Some(Route::HTTPRoute(Box::new(http_route::http_route(resolved, gateway, rules)))),
        Routing::Ingress(ingress) => Some(Route::Ingress(Box::new(ingress::ingress(resolved, ingress)))),
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
