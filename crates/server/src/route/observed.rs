//! What the cache holds of a server's route, if routes are made and the cluster has their kind.

use carrel_runtime::child::Child;
use carrel_runtime::presence::Presence;
use carrel_runtime::shelf::Shelf;
use k8s_openapi::api::networking::v1::Ingress;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::watch;

use super::{HTTPRoute, Place, VirtualService};
use crate::kind::{Kind, Leave, left_alone, ours};

/// The route of a server, as last seen.
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

impl ObservedRoute {
    /// Whether a route can be made: routes are, and the cluster has their kind.
    pub fn can_be_made(&self) -> bool {
        !matches!(self, Self::Off | Self::ApiMissing)
    }

    /// The route, if it stands and is ours: its kind, name and uid.
    pub fn ours(&self) -> Option<(Kind, String, String)> {
        match self {
            Self::Off | Self::ApiMissing => None,
            Self::VirtualService(child) => ours(Kind::VirtualService, child),
            Self::HTTPRoute(child) => ours(Kind::HTTPRoute, child),
            Self::Ingress(child) => ours(Kind::Ingress, child),
        }
    }

    /// Whether to leave the route alone for now.
    pub fn left_alone(&self) -> Option<Leave> {
        match self {
            Self::Off | Self::ApiMissing => None,
            Self::VirtualService(child) => left_alone(Kind::VirtualService, child),
            Self::HTTPRoute(child) => left_alone(Kind::HTTPRoute, child),
            Self::Ingress(child) => left_alone(Kind::Ingress, child),
        }
    }
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

    /// Reads the route of a server.
    pub fn observe(&self, place: Place<'_>) -> ObservedRoute {
        let Place { owner, namespace, name, virtual_service } = place;
        if matches!(self.store, RouteStore::Off) {
            return ObservedRoute::Off;
        }
        // While it is filled anew after the kind was away, it says nothing either; the keys are woken after.
        if *self.presence.borrow() != Presence::There {
            return ObservedRoute::ApiMissing;
        }
        match &self.store {
            RouteStore::Off => ObservedRoute::Off,
            RouteStore::VirtualService(store) => {
                let route = store.get(&ObjectRef::new(virtual_service).within(namespace));
                ObservedRoute::VirtualService(Child::of(route, owner))
            }
            RouteStore::HTTPRoute(store) => {
                ObservedRoute::HTTPRoute(Child::of(store.get(&ObjectRef::new(name).within(namespace)), owner))
            }
            RouteStore::Ingress(store) => {
                ObservedRoute::Ingress(Child::of(store.get(&ObjectRef::new(name).within(namespace)), owner))
            }
        }
    }
}
