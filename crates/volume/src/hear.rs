//! What Kubernetes' Events say of claims: why a volume can't be made, or grown. No Event is stored.

use std::sync::Arc;

use carrel_runtime::evidence::{SlimEvent, hear};
use carrel_runtime::feed::everything;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::{Health, Pending};
use carrel_runtime::scope::Scope;
use futures::future::join_all;
use kube::Client;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::watcher;
use tokio::sync::oneshot;

use crate::start::Shared;

/// The Events that are watched, as logs and `/readyz` call them, by the fields that select them.
const WATCHED: &[(&str, &str)] = &[
    ("events (provisioning)", "involvedObject.kind=PersistentVolumeClaim,reason=ProvisioningFailed"),
    ("events (resizing)", "involvedObject.kind=PersistentVolumeClaim,reason=VolumeResizeFailed"),
];

/// The watches of Events.
pub(crate) struct Hearing {
    pending: Vec<Pending>,
    all_heard: Vec<oneshot::Sender<()>>,
}

impl Hearing {
    /// What tells when those Events were heard that were there at first.
    pub(crate) fn new(health: &Health) -> (Self, Vec<oneshot::Receiver<()>>) {
        let pending = WATCHED.iter().map(|(name, _)| health.wait_for(name)).collect();
        let (all_heard, heard) = WATCHED.iter().map(|_| oneshot::channel()).unzip();
        (Self { pending, all_heard }, heard)
    }

    /// Hears, once the cache of VolumeRequests is filled, which tells whom an Event concerns. Never ends.
    pub(crate) async fn run(self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>, shared: &Shared) {
        let stores = &shared.house.stores;
        if stores.requests.wait_until_ready().await.is_err() {
            return;
        }
        let watches = WATCHED.iter().zip(self.pending).zip(self.all_heard).map(|(((_, fields), pending), all)| {
            let events = watcher(scope.api::<SlimEvent>(client.clone()), everything().fields(fields));
            hear(events.default_backoff(), pending, all, metrics.clone(), |event, _| {
                let about = event.about();
                let key = ObjectRef::new(&about.name).within(&about.namespace);
                // A claim that nobody requested is nobody's business here.
                if stores.requests.get(&key).is_some() && stores.evidence.tell(event) {
                    shared.house.wake.send(key);
                }
            })
        });
        join_all(watches).await;
    }
}
