//! What Kubernetes' Events say of claims: why a volume can't be made, or grown. No Event is stored.

use std::sync::Arc;

use carrel_runtime::evidence::SlimEvent;
use carrel_runtime::hearing::Hearing;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::scope::Scope;
use kube::Client;
use kube::runtime::reflector::ObjectRef;

use crate::reconcile::House;

/// The Events that are watched, as logs and `/readyz` call them, by the fields that select them.
pub(crate) const WATCHED: &[(&str, &str)] = &[
    ("events (provisioning)", "involvedObject.kind=PersistentVolumeClaim,reason=ProvisioningFailed"),
    ("events (resizing)", "involvedObject.kind=PersistentVolumeClaim,reason=VolumeResizeFailed"),
];

/// Hears, once the cache of VolumeRequests is filled, which tells whom an Event concerns. Never ends.
pub(crate) async fn listen(hearing: Hearing, client: &Client, scope: &Scope, metrics: &Arc<Metrics>, house: &House) {
    let stores = &house.stores;
    if stores.requests.wait_until_ready().await.is_err() {
        return;
    }
    let heard = |event: &SlimEvent, _| {
        let about = event.about();
        let key = ObjectRef::new(&about.name).within(&about.namespace);
        // A claim that nobody requested is nobody's business here.
        if stores.requests.get(&key).is_some() && stores.evidence.tell(event) {
            house.kit.wake.send(key);
        }
    };
    hearing.run(client, scope, metrics, heard).await;
}
