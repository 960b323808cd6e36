//! Writes the route, apart from the other children: what becomes of it keeps nothing else from being done.

use super::{
    Applied, Child, Debug, DeserializeOwned, Duration, IN_FLIGHT, Key, Kind, NamespaceResourceScope, Next, Observed,
    Plan, Refusal, Resolved, Resource, WriteError, Writer, lint, look, plan,
};
use crate::children::Route;
use crate::observe::ObservedRoute;
use serde::Serialize;

/// What became of the route.
pub(super) struct Done {
    /// Why it could not be written.
    pub(super) failed: Option<(Kind, WriteError)>,
    /// When to look again without being woken.
    pub(super) next: Next,
}

/// Carries out what the plan says of the route. A name that another object has is looked at, once.
pub(super) async fn carry_out(
    observed: &mut Observed,
    resolved: &Result<Resolved, Refusal>,
    planned: &mut Plan,
    writer: &Writer,
) -> Done {
    let first = apply(observed, planned, writer).await;
    let Some((kind, taken @ WriteError::Taken { .. })) = first.failed else { return first };
    if let Err(error) = look_at(observed, planned, writer).await {
        return Done { failed: Some((kind, error)), next: Next::Wait };
    }
    *planned = plan(observed, resolved);
    let mut second = apply(observed, planned, writer).await;
    if second.failed.is_none() && matches!(planned, Plan::Apply(act) if act.leaves(kind)) {
        // It is tried again, as nobody tells us when an object goes that no watch selects.
        second.failed = Some((kind, taken));
    }
    second
}

async fn apply(observed: &Observed, planned: &Plan, writer: &Writer) -> Done {
    let nothing = Done { failed: None, next: Next::Wait };
    let Plan::Apply(act) = planned else { return nothing };
    let Some(route) = act.children.route.as_ref().filter(|route| !act.leaves(route.kind())) else { return nothing };
    if !lint(observed, planned).is_empty() {
        return nothing;
    }
    let result = match (route, &observed.route) {
        (Route::VirtualService(route), ObservedRoute::VirtualService(live)) => one(route.as_ref(), live, writer).await,
        (Route::HTTPRoute(route), ObservedRoute::HTTPRoute(live)) => one(route.as_ref(), live, writer).await,
        (Route::Ingress(route), ObservedRoute::Ingress(live)) => one(route.as_ref(), live, writer).await,
        // The settings say both what is made and what is watched.
        _ => return nothing,
    };
    match result {
        Ok(Applied::InFlight) => Done { next: Next::After(IN_FLIGHT + Duration::from_secs(1)), ..nothing },
        Ok(Applied::Settled | Applied::Wrote(_)) | Err(WriteError::NotLeader | WriteError::Gone(_)) => nothing,
        Err(error) => Done { failed: Some((route.kind(), error)), ..nothing },
    }
}

async fn one<K>(route: &K, live: &Child<K>, writer: &Writer) -> Result<Applied, WriteError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
{
    writer.apply(route, live.ours()).await
}

/// Puts the object that has the route's name into what was observed; one of another controller of this Notebook is taken
/// over.
async fn look_at(observed: &mut Observed, planned: &Plan, writer: &Writer) -> Result<(), WriteError> {
    let Plan::Apply(act) = planned else { return Ok(()) };
    let Some(route) = &act.children.route else { return Ok(()) };
    let notebook = observed.notebook.clone();
    let key = Key::new(notebook.metadata.namespace.clone().unwrap_or_default(), route.name());
    observed.route = match route {
        Route::VirtualService(_) => ObservedRoute::VirtualService(look(&key, "hosts", &notebook, writer).await?),
        Route::HTTPRoute(_) => ObservedRoute::HTTPRoute(look(&key, "rules", &notebook, writer).await?),
        Route::Ingress(_) => ObservedRoute::Ingress(look(&key, "rules", &notebook, writer).await?),
    };
    Ok(())
}
