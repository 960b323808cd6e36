//! What a Notebook is made of.

mod pod;
mod route;
mod service;
mod stateful_set;

use carrel_api::notebook::{Notebook, crd};
use carrel_api::vocabulary::NOTEBOOK;
use carrel_runtime::FIELD_MANAGER;
use carrel_runtime::child::MANAGED_BY;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

pub use route::{HTTPRoute, HTTPRouteSpec, Route, Routed, Rules, VirtualService, VirtualServiceSpec, rules};

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
        route: route::route(resolved),
    }
}

pub(crate) use pod::pod;

fn metadata(resolved: &Resolved) -> ObjectMeta {
    ObjectMeta {
        name: Some(resolved.child.clone()),
        annotations: Some([(NOTEBOOK.to_owned(), resolved.name.clone())].into()),
        namespace: Some(resolved.namespace.clone()),
        labels: Some([(MANAGED_BY.to_owned(), FIELD_MANAGER.to_owned())].into()),
        owner_references: Some(vec![OwnerReference {
            api_version: format!("{}/{}", crd::GROUP, crd::STORED_VERSION),
            kind: Notebook::kind(&()).into_owned(),
            name: resolved.name.clone(),
            uid: resolved.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    }
}
