//! Routes of a kind that is not made any more: when an admin changes the routing, those that Carrel made before go.
//!
//! Done once for each time that the lease is gained, by a list a kind, as nothing makes such routes afterwards.

use std::fmt::Debug;
use std::time::Duration;

use carrel_runtime::Key;
use carrel_runtime::apply::{WriteError, Writer};
use carrel_runtime::child::ours;
use carrel_runtime::lease::Claim;
use carrel_runtime::scope::Scope;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{ListParams, PartialObjectMeta};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use super::{HTTPRoute, Routing, VirtualService};
use crate::kind::Kind;

/// How many objects a request asks for.
const PAGE: u32 = 500;

/// After this time a list or a delete that failed is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// Why not all leftovers were removed.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    List(#[from] kube::Error),
    #[error("{0}")]
    Delete(#[from] WriteError),
}

/// A kind that owns routes.
#[derive(Clone, Debug)]
pub struct OwnerKind {
    /// Its API group.
    pub group: &'static str,
    /// Its name.
    pub kind: &'static str,
    /// The annotation of its children that has its name.
    pub annotation: &'static str,
}

/// Removes what another routing left, whenever this process comes to lead. Never ends.
pub async fn remove_when_leading(
    mut claim: Claim,
    client: &Client,
    scope: &Scope,
    routing: &Routing,
    owners: &[OwnerKind],
    writer: &Writer,
) {
    if claim.time_left().is_none() {
        claim.gained().await;
    }
    loop {
        let made = routing.kind();
        if made != Some(Kind::VirtualService) {
            remove::<VirtualService>(client, scope, owners, writer).await;
        }
        if made != Some(Kind::HTTPRoute) {
            remove::<HTTPRoute>(client, scope, owners, writer).await;
        }
        if made != Some(Kind::Ingress) {
            remove::<Ingress>(client, scope, owners, writer).await;
        }
        claim.gained().await;
    }
}

async fn remove<K>(client: &Client, scope: &Scope, owners: &[OwnerKind], writer: &Writer)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let kind = K::kind(&());
    while writer.may_write() {
        match remove_all::<K>(client, scope, owners, writer).await {
            Ok(()) => return,
            Err(Problem::List(kube::Error::Api(status))) if status.code == 404 => return,
            Err(Problem::List(kube::Error::Api(status))) if status.is_forbidden() => {
                return warn!(
                    "routes that an earlier setting made may be left, as they can't be listed: {}",
                    status.message
                );
            }
            Err(Problem::Delete(WriteError::Refused { message, .. })) => {
                return warn!("routes that an earlier setting made are left: {message}");
            }
            Err(problem) => warn!(%kind, "removing routes that an earlier setting made: {problem}; trying again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn remove_all<K>(client: &Client, scope: &Scope, owners: &[OwnerKind], writer: &Writer) -> Result<(), Problem>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api = scope.api::<K>(client.clone());
    let mut page = ListParams::default().labels(&ours()).limit(PAGE);
    loop {
        let list = api.list_metadata(&page).await?;
        for route in list.items.iter().filter(|route| is_one_of(owners, *route)) {
            let key = Key::of(route);
            info!(kind = %K::kind(&()), route = %key, "removing a route that an earlier setting made");
            writer.delete::<K>(&key, &route.uid().unwrap_or_default()).await?;
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page.continue_token = Some(token),
            None => return Ok(()),
        }
    }
}

/// Whether Carrel made it for an object of one of these kinds: more than the label, which others may give too.
fn is_one_of<K: Resource<DynamicType = ()>>(owners: &[OwnerKind], route: &PartialObjectMeta<K>) -> bool {
    let owns = |OwnerKind { group, kind, annotation }: &OwnerKind| {
        let is_of_group = |version: &str| version.split_once('/').is_some_and(|(first, _)| first == *group);
        route.annotations().contains_key(*annotation)
            && route
                .owner_references()
                .iter()
                .any(|owner| owner.controller == Some(true) && owner.kind == *kind && is_of_group(&owner.api_version))
    };
    owners.iter().any(owns)
}
