//! What should happen to the route, which stands and falls by itself.

use super::{Kind, Leave};
use crate::children::Children;
use crate::observe::{Observed, ObservedRoute};

/// Whether children of this kind are routes.
pub(crate) fn is_route(kind: Kind) -> bool {
    match kind {
        Kind::VirtualService | Kind::HTTPRoute | Kind::Ingress => true,
        Kind::Service | Kind::StatefulSet | Kind::Pod | Kind::Notebook => false,
    }
}

/// Whether to leave the route alone for now; where the cluster lacks its kind, there is none to make.
pub(super) fn left_alone(observed: &Observed, children: &mut Children) -> Option<Leave> {
    match &observed.route {
        ObservedRoute::Off | ObservedRoute::ApiMissing => {
            children.route = None;
            None
        }
        ObservedRoute::VirtualService(child) => super::left_alone(Kind::VirtualService, child),
        ObservedRoute::HTTPRoute(child) => super::left_alone(Kind::HTTPRoute, child),
        ObservedRoute::Ingress(child) => super::left_alone(Kind::Ingress, child),
    }
}
