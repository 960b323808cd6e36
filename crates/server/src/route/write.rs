//! Writes the route, apart from the other children: what becomes of it keeps nothing else from being done.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use carrel_runtime::Key;
use carrel_runtime::apply::{Applied, WriteError, Writer};
use carrel_runtime::child::{Child, Owner};
use carrel_runtime::ledger::IN_FLIGHT;
use carrel_runtime::runner::Next;
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ObservedRoute, Route};
use crate::kind::Kind;

/// What became of the route.
#[derive(Debug)]
pub struct Done {
    /// Why it could not be written.
    pub failed: Option<(Kind, WriteError)>,
    /// When to look again without being woken.
    pub next: Next,
}

const NOTHING: Done = Done { failed: None, next: Next::Wait };

/// Writes the route. A name that another object has is looked at, once; what is found is put into what was observed.
pub async fn carry_out(
    route: &Route,
    live: &mut ObservedRoute,
    owner: Owner<'_>,
    namespace: &str,
    writer: &Writer,
) -> Done {
    if live.left_alone().is_some() {
        return NOTHING;
    }
    let first = apply(route, live, writer).await;
    let Some((kind, taken @ WriteError::Taken { .. })) = first.failed else { return first };
    let key = Key::new(namespace, route.name());
    let found = match route {
        Route::VirtualService(_) => look(&key, "hosts", owner, writer).await.map(ObservedRoute::VirtualService),
        Route::HTTPRoute(_) => look(&key, "rules", owner, writer).await.map(ObservedRoute::HTTPRoute),
        Route::Ingress(_) => look(&key, "rules", owner, writer).await.map(ObservedRoute::Ingress),
    };
    match found {
        Ok(found) => *live = found,
        Err(error) => return Done { failed: Some((kind, error)), ..NOTHING },
    }
    if live.left_alone().is_some() {
        // It is tried again, as nobody tells us when an object goes that no watch selects.
        return Done { failed: Some((kind, taken)), ..NOTHING };
    }
    apply(route, live, writer).await
}

async fn apply(route: &Route, live: &ObservedRoute, writer: &Writer) -> Done {
    let result = match (route, live) {
        (Route::VirtualService(route), ObservedRoute::VirtualService(live)) => one(route.as_ref(), live, writer).await,
        (Route::HTTPRoute(route), ObservedRoute::HTTPRoute(live)) => one(route.as_ref(), live, writer).await,
        (Route::Ingress(route), ObservedRoute::Ingress(live)) => one(route.as_ref(), live, writer).await,
        // The settings say both what is made and what is watched.
        _ => return NOTHING,
    };
    match result {
        Ok(Applied::InFlight) => Done { next: Next::After(IN_FLIGHT + Duration::from_secs(1)), ..NOTHING },
        Ok(Applied::Settled | Applied::Wrote(_)) | Err(WriteError::NotLeader | WriteError::Gone(_)) => NOTHING,
        Err(error) => Done { failed: Some((route.kind(), error)), ..NOTHING },
    }
}

async fn one<K>(route: &K, live: &Child<K>, writer: &Writer) -> Result<Applied, WriteError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
{
    writer.apply(route, live.ours()).await
}

/// The object of this name; one that another controller made for the same owner is taken over. Who set `made_with` made it.
pub async fn look<K>(key: &Key, made_with: &str, owner: Owner<'_>, writer: &Writer) -> Result<Child<K>, WriteError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let child = Child::of(writer.look::<K>(key).await?.map(Arc::new), owner);
    if let Some(live) = child.ours() {
        writer.inherit(live, made_with).await?;
    }
    Ok(child)
}
