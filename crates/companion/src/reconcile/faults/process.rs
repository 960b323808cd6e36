//! One process of the controller of a kind of companion.

use std::sync::Arc;

use carrel_api::vocabulary::{NOTEBOOK, NOTEBOOK_NAME, PVC_VIEWER, TENSORBOARD};
use carrel_faults::{Keys, NAMESPACE, Parts, Process, Watch, give, is_ours};
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::claims::ClaimsFeed;
use carrel_runtime::feed::Feed;
use carrel_runtime::presence::Presence;
use carrel_runtime::process::Health;
use carrel_runtime::wake::wakes;
use carrel_server::route::{Istio, RouteStore, Routes, Routing, VirtualService};
use carrel_server::servers::{ServersFeed, owner};
use k8s_openapi::api::core::v1::Service;
use kube::Resource;
use kube::runtime::watcher::Event;
use serde_json::Value;

use super::super::*;
use super::scene::{CLAIMS, DEPLOYMENTS, IRIS, PODS, QUOTAS, ROUTES, SERVICES, Told};
use crate::feeds::Feeds;

/// One process of the controller of a kind of companion.
pub(super) struct Desk<K: Companion> {
    house: Arc<House<K>>,
    feeds: Feeds<K>,
    /// What the watches of all servers have, by hand: the routes' own waits for their CRD.
    services: Feed<Service>,
    routes: Feed<VirtualService>,
    claims: ClaimsFeed,
    bounds: BoundsFeed,
    keys: Keys<K>,
}

/// The watch of everybody's pods, for who mounts which claim.
const MOUNTING: &str = "pods (with claims)";

fn is_marked<K: Companion>(object: &Value) -> bool {
    !object["metadata"]["labels"][K::WORDS.mark].is_null()
}

fn settings() -> Settings {
    let routing = Routing::Istio(Istio {
        gateway: "kubeflow/kubeflow-gateway".to_owned(),
        host: "*".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
    });
    Settings { routing, ..Settings::default() }
}

impl<K: Told> Process for Desk<K> {
    const WATCHES: &'static [Watch] = &[
        Watch::every(K::WORDS.plural),
        Watch { selects: |deployment| is_ours(deployment) && is_marked::<K>(deployment), ..Watch::every(DEPLOYMENTS) },
        Watch::ours(SERVICES),
        Watch::ours(ROUTES),
        Watch { selects: is_marked::<K>, ..Watch::every(PODS) },
        Watch { name: MOUNTING, kind: PODS, selects: |_| true },
        Watch::every(CLAIMS),
        Watch::every(QUOTAS),
    ];

    fn start(Parts { client, claim, clock, backoff }: Parts) -> Self {
        let (health, settings) = (Health::default(), settings());
        let mut feeds = Feeds::<K>::new(&health, &settings);
        let mut bounds = BoundsFeed::new(&health);
        let mut servers = ServersFeed::new(&Routing::None, false, &health);
        let mut claims = ClaimsFeed::new(&[NOTEBOOK, NOTEBOOK_NAME, TENSORBOARD, PVC_VIEWER], &health);
        let (mut services, mut routes) = (Feed::new(SERVICES, &health), Feed::new(ROUTES, &health));
        let (wake, keys) = Keys::new();
        let mut stores = feeds.stores(&bounds, &servers, &claims);
        stores.services = services.store();
        stores.routes = Routes {
            store: RouteStore::VirtualService(routes.store()),
            presence: tokio::sync::watch::channel(Presence::There).1,
        };
        let kit = Kit { clock, backoff, ..Kit::new(client, claim, Arc::default(), wake.clone()) };
        let house = Arc::new(House { settings, stores, kit, lives: Lives::of_nobody() });
        feeds.wake(&wake, &mut servers, &mut claims);
        services.listen(wakes(wake.clone(), |child: &Service| owner::<K>(child.meta(), K::WORDS.marks())));
        routes.listen(wakes(wake, |child: &VirtualService| owner::<K>(child.meta(), K::WORDS.marks())));
        let room = house.clone();
        bounds.on_room(move |namespace| room.kit.reopen(namespace));
        feeds.forget(&house, &mut servers);
        services.forget_in(house.kit.writer.ledger());
        routes.forget_in(house.kit.writer.ledger());
        Self { house, feeds, services, routes, claims, bounds, keys }
    }

    fn key() -> Key {
        Key::new(NAMESPACE, IRIS)
    }

    fn take(&mut self, watch: &'static str, event: Event<Value>) {
        match watch {
            DEPLOYMENTS => give(&mut self.feeds.deployments, event),
            SERVICES => give(&mut self.services, event),
            ROUTES => give(&mut self.routes, event),
            PODS => give(&mut self.feeds.pods, event),
            MOUNTING => give(&mut self.claims.pods, event),
            CLAIMS => give(&mut self.claims.claims, event),
            QUOTAS => give(&mut self.bounds.quotas, event),
            _ => give(&mut self.feeds.objects, event),
        }
    }

    fn line_up(&self) {
        self.house.line_up();
    }

    fn is_woken(&mut self) -> bool {
        self.keys.take(&Self::key())
    }

    async fn reconcile(&self) -> Option<Result<Next, WriteError>> {
        let house = &self.house;
        let object = house.stores.objects.state().first()?.clone();
        Some(reconcile(object, house).await)
    }
}
