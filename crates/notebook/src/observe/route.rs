//! What the cache holds of a Notebook's route, if routes are made and the cluster has their kind.

use std::sync::Arc;

use carrel_api::notebook::Notebook;
use carrel_runtime::child::{Child, Owner};
use carrel_runtime::shelf::Shelf;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use tokio::sync::watch;

use super::get;
use crate::children::{HTTPRoute, VirtualService};
use crate::names::{child_name, virtual_service_name};

/// The route of a Notebook, as last seen.
#[derive(Clone, Debug)]
pub enum ObservedRoute {
    /// No routes are made.
    Off,
    /// The cluster lacks their kind.
    ApiMissing,
    /// Istio's.
    VirtualService(Child<VirtualService>),
    /// The Gateway API's.
    HTTPRoute(Child<HTTPRoute>),
    /// Kubernetes' own.
    Ingress(Child<Ingress>),
}

/// Whether the kind of the routes is there, and their cache filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Not known yet.
    Unknown,
    /// The cluster lacks it.
    Missing,
    /// It is there, and the cache is filled.
    There,
}

/// The store of the routes that are made, one kind at most.
#[derive(Clone)]
pub enum RouteStore {
    /// No routes are made.
    Off,
    /// Istio's.
    VirtualService(Shelf<VirtualService>),
    /// The Gateway API's.
    HTTPRoute(Shelf<HTTPRoute>),
    /// Kubernetes' own.
    Ingress(Shelf<Ingress>),
}

/// What is read of routes.
#[derive(Clone)]
pub struct Routes {
    /// The store.
    pub store: RouteStore,
    /// Whether it says anything.
    pub presence: watch::Receiver<Presence>,
}

impl Routes {
    /// Where no routes are made.
    pub fn off() -> Self {
        Self { store: RouteStore::Off, presence: watch::channel(Presence::There).1 }
    }

    pub(super) fn observe(&self, notebook: &Arc<Notebook>) -> ObservedRoute {
        let (namespace, name) = (notebook.namespace().unwrap_or_default(), notebook.name_any());
        if matches!(self.store, RouteStore::Off) {
            return ObservedRoute::Off;
        }
        // While it is filled anew after the kind was away, it says nothing either; the keys are woken after.
        if *self.presence.borrow() != Presence::There {
            return ObservedRoute::ApiMissing;
        }
        let (child, owner) = (child_name(&name), Owner::of(notebook.as_ref()));
        match &self.store {
            RouteStore::Off => ObservedRoute::Off,
            RouteStore::VirtualService(store) => {
                let route = get(store, &namespace, &virtual_service_name(&namespace, &name));
                ObservedRoute::VirtualService(Child::of(route, owner))
            }
            RouteStore::HTTPRoute(store) => ObservedRoute::HTTPRoute(Child::of(get(store, &namespace, &child), owner)),
            RouteStore::Ingress(store) => ObservedRoute::Ingress(Child::of(get(store, &namespace, &child), owner)),
        }
    }
}
