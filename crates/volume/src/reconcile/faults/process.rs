//! One process of the VolumeRequest controller.

use std::sync::Arc;

use carrel_api::vocabulary::NOTEBOOK_NAME;
use carrel_faults::{Keys, NAMESPACE, Parts, Process, Watch, give};
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::claims::ClaimsFeed;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use kube::runtime::watcher::Event;
use serde_json::Value;

use super::super::*;
use super::scene::{CLAIMS, CLASSES, DATA, PODS, QUOTAS, REQUESTS};
use crate::feeds::Feeds;
use crate::start::Shared;

/// One process of the VolumeRequest controller.
pub(super) struct Desk {
    shared: Arc<Shared>,
    feeds: Feeds,
    claims: ClaimsFeed,
    bounds: BoundsFeed,
    keys: Keys<VolumeRequest>,
}

const fn every(kind: &'static str) -> Watch {
    Watch { name: kind, kind, selects: |_| true }
}

impl Process for Desk {
    const WATCHES: &'static [Watch] = &[every(REQUESTS), every(CLAIMS), every(PODS), every(CLASSES), every(QUOTAS)];

    fn start(Parts { client, claim, clock, backoff }: Parts) -> Self {
        let health = Health::default();
        let (mut feeds, _) = Feeds::new(&health);
        let mut bounds = BoundsFeed::new(&health);
        let mut claims = ClaimsFeed::new(&[NOTEBOOK_NAME], &health);
        let (wake, keys) = Keys::new();
        let house = House {
            stores: feeds.stores(bounds.bounds(), claims.view()),
            writer: Writer::new(client, claim, Arc::new(Metrics::default())),
            statuses: Statuses::default(),
            finalizers: Statuses::default(),
            hush: Hush::default(),
            turns: Turns::default(),
            wake: wake.clone(),
            clock,
        };
        let shared = Arc::new(Shared { house, backoff });
        feeds.wake(&wake, &mut claims);
        let house = shared.clone();
        bounds.on_room(move |namespace| house.house.reopen(namespace));
        feeds.forget(&shared, &mut claims);
        Self { shared, feeds, claims, bounds, keys }
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
        self.shared.house.line_up();
    }

    fn is_woken(&mut self) -> bool {
        self.keys.take(&Self::key())
    }

    async fn reconcile(&self) -> Option<Result<Next, WriteError>> {
        let house = &self.shared.house;
        let request = house.stores.requests.state().first()?.clone();
        Some(reconcile(request, house).await)
    }
}
