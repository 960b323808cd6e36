//! What a Notebook is made of.

mod pod;
mod rules;
mod service;
mod stateful_set;

use carrel_api::vocabulary::notebook_path;
use carrel_server::route::{Route, Target};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;

pub use rules::rules;

use crate::names::virtual_service_name;
use crate::resolve::Resolved;

/// Every child of a Notebook. Whoever applies them takes this apart without `..`, so a forgotten child does not compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Children {
    /// Gives the server a name and an address.
    pub service: Service,
    /// Runs the server.
    pub stateful_set: StatefulSet,
    /// Leads to the server from outside the cluster; `None` where none is made, or none can be.
    pub route: Option<Route>,
}

/// The children of a Notebook; can't fail.
pub fn children(resolved: &Resolved) -> Children {
    Children {
        service: service::service(resolved),
        stateful_set: stateful_set::stateful_set(resolved),
        route: route(resolved),
    }
}

pub(crate) use pod::{POD_NAME, pod};

fn route(resolved: &Resolved) -> Option<Route> {
    let routed = resolved.route.as_ref()?.as_ref().ok()?;
    let Resolved { metadata, namespace, name, .. } = resolved;
    let to = Target {
        metadata: metadata.clone(),
        virtual_service: virtual_service_name(namespace, name),
        path: notebook_path(namespace, name),
    };
    carrel_server::route::route(&to, routed)
}
