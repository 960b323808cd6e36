//! The watches of VolumeSnapshots and their contents, each while the cluster serves the kind.

use std::sync::Arc;

use carrel_api::volume_request::VolumeRequest;
use carrel_runtime::Key;
use carrel_runtime::feed::{Feed, everything};
use carrel_runtime::index::Index;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::presence::{MaybeWatch, Presence, known};
use carrel_runtime::process::Health;
use carrel_runtime::scope::Scope;
use carrel_runtime::shelf::{Shelf, Shelved};
use carrel_runtime::wake::Wake;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client};
use tokio::sync::watch;
use tracing::info;

use crate::observe::snapshot_source;
use crate::snapshot::{CONTENTS, Found, SNAPSHOTS, SlimContent, SlimSnapshot, Snapshot, VERSION};

/// A kind that the cluster may lack, as last seen.
#[derive(Debug)]
struct Kind<K: Shelved> {
    shelf: Shelf<K>,
    presence: watch::Receiver<Presence>,
}

impl<K: Shelved> Clone for Kind<K> {
    fn clone(&self) -> Self {
        Self { shelf: self.shelf.clone(), presence: self.presence.clone() }
    }
}

impl<K: Shelved> Kind<K> {
    fn find(&self, key: &ObjectRef<K>) -> Found<K> {
        if *self.presence.borrow() != Presence::There {
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
        known(self.snapshots.presence.clone()).await?;
        known(self.contents.presence.clone()).await
    }
}

/// The watches.
pub(crate) struct SnapshotFeeds {
    snapshots: Feed<SlimSnapshot>,
    contents: Feed<SlimContent>,
    has_snapshots: watch::Sender<Presence>,
    has_contents: watch::Sender<Presence>,
    restores: Arc<Index>,
}

impl SnapshotFeeds {
    /// Tells who restores what by listening to `requests`: before those that read it.
    pub(crate) fn new(requests: &mut Feed<VolumeRequest>, health: &Health) -> Self {
        let mut feeds = Self {
            snapshots: Feed::new("volumesnapshots", health),
            contents: Feed::new("volumesnapshotcontents", health),
            has_snapshots: watch::Sender::new(Presence::Unknown),
            has_contents: watch::Sender::new(Presence::Unknown),
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
            snapshots: Kind { shelf: self.snapshots.store(), presence: self.has_snapshots.subscribe() },
            contents: Kind { shelf: self.contents.store(), presence: self.has_contents.subscribe() },
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
        let Self { snapshots, contents, has_snapshots, has_contents, restores } = self;
        let changed = |presence| {
            if presence == Presence::Missing {
                // Most clusters that lack them want none, so that nothing is amiss.
                info!("the cluster lacks snapshots of volumes; what needs one waits");
            }
            restores.all().iter().for_each(|key| send_name(wake, key));
        };
        let of_snapshots = MaybeWatch {
            needs: Some((SNAPSHOTS, VERSION)),
            api: scope.api::<SlimSnapshot>(client.clone()),
            config: everything(),
            client,
            metrics,
            presence: has_snapshots,
        };
        let of_contents = MaybeWatch {
            needs: Some((CONTENTS, VERSION)),
            api: Api::<SlimContent>::all(client.clone()),
            config: everything(),
            client,
            metrics,
            presence: has_contents,
        };
        tokio::join!(of_snapshots.run(snapshots, &changed), of_contents.run(contents, &changed));
    }
}

fn send(wake: &Wake<VolumeRequest>, restores: &Index, snapshot: &Key) {
    restores.of(snapshot).into_iter().for_each(|name| send_name(wake, &Key::new(&snapshot.namespace, name)));
}

fn send_name(wake: &Wake<VolumeRequest>, request: &Key) {
    wake.send(ObjectRef::new(&request.name).within(&request.namespace));
}
