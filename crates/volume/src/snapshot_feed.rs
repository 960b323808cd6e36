//! The watches of VolumeSnapshots and their contents, each while the cluster serves the kind.

use std::fmt::Debug;
use std::sync::Arc;

use carrel_api::volume_request::VolumeRequest;
use carrel_runtime::Key;
use carrel_runtime::feed::{Feed, everything};
use carrel_runtime::index::Index;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use carrel_runtime::scope::Scope;
use carrel_runtime::served::follow;
use carrel_runtime::shelf::{Shelf, Shelved};
use carrel_runtime::wake::Wake;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::watcher;
use kube::{Api, Client};
use tokio::sync::watch;
use tracing::info;

use crate::observe::snapshot_source;
use crate::snapshot::{CONTENTS, Found, SNAPSHOTS, SlimContent, SlimSnapshot, Snapshot, VERSION};

/// Whether a kind is served; `None` until that is known, and its cache filled if so.
type Served = Option<bool>;

/// A kind that the cluster may lack, as last seen.
#[derive(Debug)]
struct Kind<K: Shelved> {
    shelf: Shelf<K>,
    served: watch::Receiver<Served>,
}

impl<K: Shelved> Clone for Kind<K> {
    fn clone(&self) -> Self {
        Self { shelf: self.shelf.clone(), served: self.served.clone() }
    }
}

impl<K: Shelved> Kind<K> {
    fn find(&self, key: &ObjectRef<K>) -> Found<K> {
        if *self.served.borrow() != Some(true) {
            return Found::Unserved;
        }
        self.shelf.get(key).map_or(Found::Missing, Found::There)
    }
}

/// VolumeSnapshots and their contents, as last seen.
#[derive(Clone, Debug)]
pub struct Snapshots {
    snapshots: Kind<SlimSnapshot>,
    contents: Kind<SlimContent>,
}

impl Snapshots {
    /// The snapshot of this name, and the content that it names.
    pub fn find(&self, namespace: &str, name: &str) -> Snapshot {
        let snapshot = self.snapshots.find(&ObjectRef::new(name).within(namespace));
        let content = match &snapshot {
            Found::There(snapshot) => {
                let name = snapshot.status.bound_volume_snapshot_content_name.as_deref().unwrap_or_default();
                self.contents.find(&ObjectRef::new(name))
            }
            Found::Missing | Found::Unserved => Found::Missing,
        };
        Snapshot { snapshot, content }
    }

    /// Waits until it is known whether the kinds are there, and until their caches are filled if so.
    pub(crate) async fn wait_until_ready(&self) -> Option<()> {
        self.snapshots.served.clone().wait_for(Option::is_some).await.ok()?;
        self.contents.served.clone().wait_for(Option::is_some).await.ok().map(drop)
    }
}

/// The watches.
pub(crate) struct SnapshotFeeds {
    snapshots: Feed<SlimSnapshot>,
    contents: Feed<SlimContent>,
    snapshots_served: watch::Sender<Served>,
    contents_served: watch::Sender<Served>,
    restores: Arc<Index>,
}

impl SnapshotFeeds {
    /// Tells who restores what by listening to `requests`: before those that read it.
    pub(crate) fn new(requests: &mut Feed<VolumeRequest>, health: &Health) -> Self {
        let mut feeds = Self {
            snapshots: Feed::new("volumesnapshots", health),
            contents: Feed::new("volumesnapshotcontents", health),
            snapshots_served: watch::Sender::new(None),
            contents_served: watch::Sender::new(None),
            restores: Arc::default(),
        };
        feeds.snapshots.keep(|snapshot| {
            snapshot.trim();
            true
        });
        feeds.contents.keep(|content| {
            content.trim();
            true
        });
        let restores = feeds.restores.clone();
        requests.listen(move |change| {
            restores.tell(change, |request| snapshot_source(request).map(str::to_owned).into_iter().collect());
        });
        feeds
    }

    pub(crate) fn snapshots(&self) -> Snapshots {
        Snapshots {
            snapshots: Kind { shelf: self.snapshots.store(), served: self.snapshots_served.subscribe() },
            contents: Kind { shelf: self.contents.store(), served: self.contents_served.subscribe() },
        }
    }

    pub(crate) fn wake(&mut self, wake: &Wake<VolumeRequest>) {
        let (restores, sender) = (self.restores.clone(), wake.clone());
        self.snapshots.listen(move |change| send(&sender, &restores, &Key::of(change.object())));
        let (restores, sender) = (self.restores.clone(), wake.clone());
        self.contents.listen(move |change| {
            let of = &change.object().spec.volume_snapshot_ref;
            send(&sender, &restores, &Key::new(&of.namespace, &of.name));
        });
    }

    /// Runs the watches. Never ends.
    pub(crate) async fn watch(
        self,
        client: &Client,
        scope: &Scope,
        metrics: &Arc<Metrics>,
        wake: &Wake<VolumeRequest>,
    ) {
        let Self { snapshots, contents, snapshots_served, contents_served, restores } = self;
        let changed = || restores.all().iter().for_each(|key| send_name(wake, key));
        let api = scope.api::<SlimSnapshot>(client.clone());
        let of_snapshots = Watch { crd: SNAPSHOTS, api, client, metrics, served: snapshots_served };
        let of_contents =
            Watch { crd: CONTENTS, api: Api::all(client.clone()), client, metrics, served: contents_served };
        tokio::join!(of_snapshots.run(snapshots, &changed), of_contents.run(contents, &changed));
    }
}

fn send(wake: &Wake<VolumeRequest>, restores: &Index, snapshot: &Key) {
    restores.of(snapshot).into_iter().for_each(|name| send_name(wake, &Key::new(&snapshot.namespace, name)));
}

fn send_name(wake: &Wake<VolumeRequest>, request: &Key) {
    wake.send(ObjectRef::new(&request.name).within(&request.namespace));
}

/// What the watch of a kind needs.
struct Watch<'a, K> {
    crd: &'static str,
    api: Api<K>,
    client: &'a Client,
    metrics: &'a Arc<Metrics>,
    served: watch::Sender<Served>,
}

impl<K: Shelved + Debug> Watch<'_, K> {
    /// Runs the watch while the cluster serves the kind; `changed` is called when it comes or goes. Never ends.
    async fn run(self, feed: Feed<K>, changed: &impl Fn()) {
        let (told, served) = watch::channel(None);
        let following = follow(self.client, self.crd, VERSION, self.metrics.clone(), told);
        tokio::join!(following, self.while_served(feed, served, changed));
    }

    async fn while_served(&self, mut feed: Feed<K>, mut served: watch::Receiver<Served>, changed: &impl Fn()) {
        let become_known = |is: bool| {
            if self.served.send_replace(Some(is)) != Some(is) {
                changed();
            }
        };
        loop {
            until(&mut served, Option::is_some).await;
            if *served.borrow() == Some(false) {
                // Most clusters that lack them want none, so that nothing is amiss.
                info!(kind = feed.kind(), "the cluster lacks it; what needs it waits");
                feed.excuse();
                become_known(false);
                until(&mut served, |served| *served == Some(true)).await;
            }
            let (events, store) = (watcher(self.api.clone(), everything()).default_backoff(), feed.store());
            let filled = async {
                // Fails only when the feed is gone.
                if store.wait_until_ready().await.is_ok() {
                    become_known(true);
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = feed.run(events, self.metrics.clone()) => {}
                () = filled => {}
                () = until(&mut served, |served| *served == Some(false)) => {}
            }
        }
    }
}

/// Waits until it is so; for ever where nobody tells any more.
async fn until(served: &mut watch::Receiver<Served>, is: impl Fn(&Served) -> bool) {
    if served.wait_for(is).await.is_err() {
        std::future::pending::<()>().await;
    }
}
