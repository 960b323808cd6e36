//! One process of the Notebook controller.

use std::sync::Arc;

use carrel_faults::{Keys, NAMESPACE, Parts, Process, Watch, give};
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::feed::Feed;
use carrel_runtime::presence::Presence;
use carrel_runtime::process::Health;
use carrel_runtime::wake::wakes;
use carrel_server::route::{RouteStore, Routes, Routing, VirtualService};
use carrel_server::servers::ServersFeed;
use k8s_openapi::api::core::v1::Service;
use kube::runtime::watcher::Event;
use serde_json::Value;

use super::super::*;
use super::scene::{IRIS, NOTEBOOKS, PODS, QUOTAS, ROUTES, SERVICES, SETS};
use crate::feeds::{Feeds, owner};

/// One process of the Notebook controller.
pub(super) struct Desk {
    house: Arc<House>,
    feeds: Feeds,
    /// What the watches of all servers have, by hand: the routes' own waits for their CRD.
    services: Feed<Service>,
    routes: Feed<VirtualService>,
    bounds: BoundsFeed,
    keys: Keys<Notebook>,
}

impl Process for Desk {
    const WATCHES: &'static [Watch] = &[
        Watch::every(NOTEBOOKS),
        Watch::ours(SETS),
        Watch::ours(SERVICES),
        Watch::every(PODS),
        Watch::every(QUOTAS),
        Watch::ours(ROUTES),
    ];

    fn start(Parts { client, claim, clock, backoff }: Parts) -> Self {
        let health = Health::default();
        let (mut feeds, _) = Feeds::new(&health);
        let mut bounds = BoundsFeed::new(&health);
        let mut servers = ServersFeed::new(&Routing::None, false, &health);
        let (mut services, mut routes) = (Feed::new(SERVICES, &health), Feed::new(ROUTES, &health));
        let (wake, keys) = Keys::new();
        let mut stores = feeds.stores(bounds.bounds(), servers.servers());
        stores.services = services.store();
        stores.routes = Routes {
            store: RouteStore::VirtualService(routes.store()),
            presence: tokio::sync::watch::channel(Presence::There).1,
        };
        let kit = Kit { clock, backoff, ..Kit::new(client, claim, Arc::default(), wake.clone()) };
        let house = Arc::new(House {
            settings: Settings { routing: crate::testing::istio(), ..Settings::default() },
            stores,
            kit,
            lives: Lives::of_nobody(),
        });
        feeds.wake(&wake, &mut servers);
        services.listen(wakes(wake.clone(), owner));
        routes.listen(wakes(wake, owner));
        let room = house.clone();
        bounds.on_room(move |namespace| room.kit.reopen(namespace));
        feeds.forget(&house, &mut servers);
        services.forget_in(house.kit.writer.ledger());
        routes.forget_in(house.kit.writer.ledger());
        Self { house, feeds, services, routes, bounds, keys }
    }

    fn key() -> Key {
        Key::new(NAMESPACE, IRIS)
    }

    fn take(&mut self, watch: &'static str, event: Event<Value>) {
        match watch {
            NOTEBOOKS => give(&mut self.feeds.notebooks, event),
            SETS => give(&mut self.feeds.stateful_sets, event),
            PODS => give(&mut self.feeds.pods, event),
            SERVICES => give(&mut self.services, event),
            QUOTAS => give(&mut self.bounds.quotas, event),
            _ => give(&mut self.routes, event),
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
        let notebook = house.stores.notebooks.state().first()?.clone();
        Some(reconcile(notebook, house).await)
    }
}
