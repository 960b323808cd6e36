//! What Kubernetes' Events say of companions' pods: evidence of why one does not run. No Event is stored.

use std::sync::Arc;

use carrel_runtime::Key;
use carrel_runtime::evidence::SlimEvent;
use carrel_runtime::hearing::Hearing;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::scope::Scope;
use carrel_runtime::shelf::Shelf;
use carrel_server::slim_pod::SlimPod;
use kube::Client;
use kube::runtime::reflector::ObjectRef;

use crate::Companion;
use crate::feeds::named;
use crate::reconcile::House;

/// The Events that are watched, as logs and `/readyz` call them, by the fields that select them.
pub(crate) fn watched<K: Companion>() -> [(&'static str, &'static str); 2] {
    let [warnings, pulls] = K::WORDS.events;
    [(warnings, "involvedObject.kind=Pod,type=Warning"), (pulls, "involvedObject.kind=Pod,reason=Pulling")]
}

/// Hears, once the cache of pods is filled, which tells whom an Event concerns. Never ends.
pub(crate) async fn listen<K: Companion>(
    hearing: Hearing,
    client: &Client,
    scope: &Scope,
    metrics: &Arc<Metrics>,
    pods: Shelf<SlimPod>,
    house: &House<K>,
) {
    if pods.wait_until_ready().await.is_err() {
        return;
    }
    let heard = |event: &SlimEvent, _| {
        let Key { namespace, name } = event.about();
        // What is about nobody's pod here is nobody's business here.
        let pod = pods.get(&ObjectRef::new(&name).within(&namespace));
        if let Some(key) = pod.as_deref().and_then(named::<K>)
            && house.stores.evidence.tell(event)
        {
            house.kit.wake.send(key);
        }
    };
    hearing.run(client, scope, metrics, heard).await;
}
