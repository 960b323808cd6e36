//! What the controller watches, how a change finds its key, and what must be forgotten with an object.

use std::sync::Arc;

use carrel_api::volume_request::VolumeRequest;
use carrel_runtime::Key;
use carrel_runtime::bounds::Bounds;
use carrel_runtime::evidence::Evidence;
use carrel_runtime::feed::{Change, Feed, everything};
use carrel_runtime::hearing::{Heard, Hearing};
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
use crate::hear::{WATCHED, listen};
use crate::index::Index;
use crate::observe::{Stores, source};
use crate::slim_class::SlimClass;
use crate::slim_pod::SlimPod;
use crate::start::Shared;

/// Written by `kubectl apply`, as large as all else of a claim, and read by nobody here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The kinds that are watched.
pub(crate) struct Feeds {
    requests: Feed<VolumeRequest>,
    claims: Feed<PersistentVolumeClaim>,
    pods: Feed<SlimPod>,
    mounts: Arc<Index>,
    clones: Arc<Index>,
    classes: Feed<SlimClass>,
    evidence: Arc<Evidence>,
    hearing: Hearing,
}

impl Feeds {
    /// The feeds, and what tells when those Events were heard that were there at first.
    pub(crate) fn new(health: &Health) -> (Self, Heard) {
        let (hearing, heard) = Hearing::new(WATCHED, health);
        let mut feeds = Self {
            requests: Feed::new("volumerequests", health),
            claims: Feed::new("persistentvolumeclaims", health),
            pods: Feed::new("pods (of volumes)", health),
            mounts: Arc::default(),
            clones: Arc::default(),
            classes: Feed::new("storageclasses", health),
            evidence: Arc::default(),
            hearing,
        };
        feeds.pods.keep(SlimPod::trim);
        feeds.claims.keep(|claim| {
            claim.annotations_mut().remove(LAST_APPLIED);
            true
        });
        // Before all others that listen: they read it.
        let (mounts, clones) = (feeds.mounts.clone(), feeds.clones.clone());
        feeds.pods.listen(move |change| mounts.tell(change, |pod| pod.claims().map(str::to_owned).collect()));
        feeds.requests.listen(move |change| {
            clones.tell(change, |request| source(request).map(str::to_owned).into_iter().collect());
        });
        (feeds, heard)
    }

    pub(crate) fn stores(&self, bounds: Bounds) -> Stores {
        Stores {
            requests: self.requests.store(),
            claims: self.claims.store(),
            pods: self.pods.store(),
            mounts: self.mounts.clone(),
            classes: self.classes.store(),
            bounds,
            evidence: self.evidence.clone(),
        }
    }

    /// How a change finds its key. A claim and its VolumeRequest have one name.
    pub(crate) fn wake(&mut self, wake: &Wake<VolumeRequest>) {
        self.requests.listen(wakes(wake.clone(), |request: &VolumeRequest| Some(ObjectRef::from_obj(request))));
        self.claims.listen(wakes(wake.clone(), |claim: &PersistentVolumeClaim| Some(named(claim))));
        let (clones, sender) = (self.clones.clone(), wake.clone());
        self.claims.listen(move |change| {
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
        self.pods.listen(move |change| {
            for pod in change.states() {
                let namespace = pod.namespace().unwrap_or_default();
                pod.claims().for_each(|claim| sender.send(ObjectRef::new(claim).within(&namespace)));
            }
        });
        // Classes are few and seldom change; whoever is not concerned costs no request.
        let (requests, sender) = (self.requests.store(), wake.clone());
        self.classes.listen(move |_| requests.keys().into_iter().for_each(|key| sender.send(key)));
    }

    /// What must be forgotten with an object: a reconcile is not called for one that is gone.
    pub(crate) fn forget(&mut self, shared: &Arc<Shared>) {
        self.claims.forget_in(shared.house.writer.ledger());
        let evidence = self.evidence.clone();
        self.claims.listen(move |change| {
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
        let shared = shared.clone();
        self.requests.listen(move |change| {
            if let Change::Deleted(request) = change {
                let (key, house) = (Key::of(*request), &shared.house);
                house.statuses.forget(&key);
                house.finalizers.forget(&key);
                house.hush.clear(&key);
                house.writer.forget(&key);
                shared.backoff.clear(&key);
                house.stores.evidence.forget(&key);
                house.wake.send_key(house.turns.leave(&key));
            }
        });
    }

    /// Runs the watches. Never ends.
    pub(crate) async fn watch(mut self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>, shared: &Shared) {
        let classes = watcher(Api::<SlimClass>::all(client.clone()), everything()).default_backoff();
        tokio::join!(
            scope.watch(self.requests, client, everything(), metrics),
            scope.watch(self.claims, client, everything(), metrics),
            scope.watch(self.pods, client, everything(), metrics),
            self.classes.run(classes, metrics.clone()),
            listen(self.hearing, client, scope, metrics, shared),
        );
    }
}

fn named(claim: &PersistentVolumeClaim) -> ObjectRef<VolumeRequest> {
    ObjectRef::new(&claim.name_any()).within(&claim.namespace().unwrap_or_default())
}

fn size(claim: &PersistentVolumeClaim) -> (Option<&str>, Option<&str>) {
    (crate::claim::asked(claim), crate::claim::capacity(claim))
}
