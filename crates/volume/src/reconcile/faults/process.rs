//! One process of the VolumeRequest controller.

use std::sync::Arc;

use carrel_api::vocabulary::NOTEBOOK_NAME;
use carrel_faults::{Keys, NAMESPACE, Parts, Process, Watch, give};
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::claims::ClaimsFeed;
use carrel_runtime::process::Health;
use kube::runtime::watcher::Event;
use serde_json::Value;

use super::super::*;
use super::scene::{CLAIMS, CLASSES, DATA, PODS, QUOTAS, REQUESTS};
use crate::feeds::Feeds;

/// One process of the VolumeRequest controller.
pub(super) struct Desk {
    house: Arc<House>,
    feeds: Feeds,
    claims: ClaimsFeed,
    bounds: BoundsFeed,
    keys: Keys<VolumeRequest>,
}

impl Process for Desk {
    const WATCHES: &'static [Watch] = &[
        Watch::every(REQUESTS),
        Watch::every(CLAIMS),
        Watch::every(PODS),
        Watch::every(CLASSES),
        Watch::every(QUOTAS),
    ];

    fn start(Parts { client, claim, clock, backoff }: Parts) -> Self {
        let health = Health::default();
        let (mut feeds, _) = Feeds::new(&health);
        let mut bounds = BoundsFeed::new(&health);
        let mut claims = ClaimsFeed::new(&[NOTEBOOK_NAME], &health);
        let (wake, keys) = Keys::new();
        let kit = Kit { clock, backoff, ..Kit::new(client, claim, Arc::default(), wake.clone()) };
        let house = Arc::new(House {
            stores: feeds.stores(bounds.bounds(), claims.view()),
            finalizers: Statuses::default(),
            kit,
        });
        feeds.wake(&wake, &mut claims);
        let room = house.clone();
        bounds.on_room(move |namespace| room.kit.reopen(namespace));
        feeds.forget(&house, &mut claims);
        Self { house, feeds, claims, bounds, keys }
    }

    fn key() -> Key {
        Key::new(NAMESPACE, DATA)
    }

    fn take(&mut self, watch: &'static str, event: Event<Value>) {
        match watch {
            REQUESTS => give(&mut self.feeds.requests, event),
            CLAIMS => give(&mut self.claims.claims, event),
            PODS => give(&mut self.claims.pods, event),
            CLASSES => give(&mut self.feeds.classes, event),
            _ => give(&mut self.bounds.quotas, event),
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
        let request = house.stores.requests.state().first()?.clone();
        Some(reconcile(request, house).await)
    }
}
