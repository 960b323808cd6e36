//! What the controller watches, how a change finds its key, and what must be forgotten with an object.

use std::sync::Arc;

use carrel_api::volume_request::VolumeRequest;
use carrel_runtime::Key;
use carrel_runtime::bounds::Bounds;
use carrel_runtime::claims::{Claims, ClaimsFeed};
use carrel_runtime::evidence::Evidence;
use carrel_runtime::feed::{Change, Feed, everything};
use carrel_runtime::hearing::{Heard, Hearing};
use carrel_runtime::index::Index;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use carrel_runtime::scope::Scope;
use carrel_runtime::wake::{Wake, wakes};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::watcher;
use kube::{Api, Client, ResourceExt};

use crate::claim::phase;
use crate::forgotten::Tally;
use crate::hear::{WATCHED, listen};
use crate::observe::{Stores, source};
use crate::reconcile::House;
use crate::slim_class::SlimClass;
use crate::snapshot_feed::SnapshotFeeds;

/// The kinds that are watched.
pub(crate) struct Feeds {
    pub(crate) requests: Feed<VolumeRequest>,
    clones: Arc<Index>,
    tally: Arc<Tally>,
    pub(crate) classes: Feed<SlimClass>,
    snapshots: SnapshotFeeds,
    evidence: Arc<Evidence>,
    hearing: Hearing,
}

impl Feeds {
    /// The feeds, and what tells when those Events were heard that were there at first.
    pub(crate) fn new(health: &Health) -> (Self, Heard) {
        let (hearing, heard) = Hearing::new(WATCHED, health);
        let mut requests = Feed::new("volumerequests", health);
        let mut feeds = Self {
            // Before all others that listen: they read it.
            snapshots: SnapshotFeeds::new(&mut requests, health),
            requests,
            clones: Arc::default(),
            tally: Arc::default(),
            classes: Feed::new("storageclasses", health),
            evidence: Arc::default(),
            hearing,
        };
        // Before all others that listen: they read it.
        let clones = feeds.clones.clone();
        feeds.requests.listen(move |change| {
            clones.tell(change, |request| source(request).map(str::to_owned).into_iter().collect());
        });
        (feeds, heard)
    }

    /// Which claims nobody mounts.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    pub(crate) fn stores(&self, bounds: Bounds, claims: Claims) -> Stores {
        Stores {
            requests: self.requests.store(),
            claims,
            classes: self.classes.store(),
            snapshots: self.snapshots.snapshots(),
            bounds,
            evidence: self.evidence.clone(),
        }
    }

    /// How a change finds its key. A claim and its VolumeRequest have one name.
    pub(crate) fn wake(&mut self, wake: &Wake<VolumeRequest>, claims: &mut ClaimsFeed) {
        self.requests.listen(wakes(wake.clone(), |request: &VolumeRequest| Some(ObjectRef::from_obj(request))));
        self.tally.listen(&mut claims.claims, &mut self.requests);
        let sender = wake.clone();
        claims.on_claim(move |claim| sender.send_key(Some(claim.clone())));
        let (clones, sender) = (self.clones.clone(), wake.clone());
        claims.claims.listen(move |change| {
            // One that comes may be what others wait for to clone.
            if let Change::Applied { old: None, new } = change {
                let namespace = new.namespace().unwrap_or_default();
                let waiting = clones.of(&Key::of(*new));
                for name in waiting {
                    sender.send(ObjectRef::new(&name).within(&namespace));
                }
            }
        });
        let sender = wake.clone();
        claims.on_mount(move |claim| sender.send_key(Some(claim.clone())));
        // Classes are few and seldom change; whoever is not concerned costs no request.
        let (requests, sender) = (self.requests.store(), wake.clone());
        self.classes.listen(move |_| requests.keys().into_iter().for_each(|key| sender.send(key)));
        self.snapshots.wake(wake);
    }

    /// What must be forgotten with an object: a reconcile is not called for one that is gone.
    pub(crate) fn forget(&mut self, house: &Arc<House>, claims: &mut ClaimsFeed) {
        claims.forget_in(house.kit.writer.ledger());
        let evidence = self.evidence.clone();
        claims.claims.listen(move |change| {
            // What kept it from being made or grown is over once it is.
            let over = match change {
                Change::Deleted(_) => true,
                Change::Applied { old, new } => {
                    old.is_some_and(|old| phase(old) != phase(new) || size(old) != size(new))
                }
            };
            if over {
                evidence.forget(&Key::of(change.object()));
            }
        });
        let house = house.clone();
        self.requests.listen(move |change| {
            if let Change::Deleted(request) = change {
                let key = Key::of(*request);
                house.kit.forget(&key);
                house.finalizers.forget(&key);
                house.stores.evidence.forget(&key);
            }
        });
    }

    /// Runs the watches. Never ends.
    pub(crate) async fn watch(mut self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>, house: &House) {
        let classes = watcher(Api::<SlimClass>::all(client.clone()), everything()).default_backoff();
        tokio::join!(
            scope.watch(self.requests, client, everything(), metrics),
            self.classes.run(classes, metrics.clone()),
            self.snapshots.watch(client, scope, metrics, &house.kit.wake),
            listen(self.hearing, client, scope, metrics, house),
        );
    }
}

fn size(claim: &PersistentVolumeClaim) -> (Option<&str>, Option<&str>) {
    (crate::claim::asked(claim), crate::claim::capacity(claim))
}
