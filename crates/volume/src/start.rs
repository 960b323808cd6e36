//! How the controller starts, reconciles and ends.

use std::sync::Arc;

use carrel_api::volume_request::VolumeRequest;
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::claims::ClaimsFeed;
use carrel_runtime::hearing::Heard;
use carrel_runtime::kit::Tools;
use carrel_runtime::lease::whenever_gained;
use carrel_runtime::metrics::ForgottenClaims;
use carrel_runtime::statuses::Statuses;
use carrel_runtime::wake::queue;
use jiff::{SignedDuration, Timestamp};

use crate::feeds::Feeds;
use crate::forgotten::Forgotten;
use crate::observe::Stores;
use crate::reconcile::{House, reconcile};

/// The controller's name in logs and metrics.
const NAME: &str = "volume";

/// The watches that it has in common with other controllers.
pub struct Watches<'a> {
    /// What bounds namespaces.
    pub bounds: &'a mut BoundsFeed,
    /// Claims, and who mounts which.
    pub claims: &'a mut ClaimsFeed,
}

/// Runs the controller until `end` comes; the future ends when the reconciles that were under way are done. What keeps it
/// from being ready is told to the health, and what it must hear of to the watches, before this returns.
pub fn start<E>(
    tools: Tools,
    forgotten_after: SignedDuration,
    watches: Watches<'_>,
    end: E,
) -> impl Future<Output = ()> + use<E>
where
    E: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    let Watches { bounds, claims } = watches;
    let (mut feeds, heard) = Feeds::new(&tools.health);
    let (wake, keys) = queue::<VolumeRequest>();
    let stores = feeds.stores(bounds.bounds(), claims.view());
    let kit = tools.kit(&wake);
    let house = Arc::new(House { stores: stores.clone(), finalizers: Statuses::default(), kit });
    feeds.wake(&wake, claims);
    let room = house.clone();
    bounds.on_room(move |namespace| room.kit.reopen(namespace));
    feeds.forget(&house, claims);
    let tally = feeds.tally();

    let Tools { client, scope, claim, metrics, .. } = tools;
    async move {
        let runner = async {
            tokio::select! {
                filled = filled(&stores, heard) => if filled.is_none() { return },
                () = end.clone() => return,
            }
            house.line_up();
            // Only now: with a part of the pods, claims would seem to be mounted by none.
            let claims = stores.claims.clone();
            metrics.count_forgotten(move || {
                let counted = tally.count(forgotten_after, Timestamp::now(), |claim| claims.is_mounted(claim));
                let line = |((namespace, is_known), Forgotten { claims, bytes })| ForgottenClaims {
                    namespace,
                    is_known,
                    claims,
                    bytes,
                };
                counted.into_iter().map(line).collect()
            });
            let (runner, at_work) = (house.kit.runner(NAME, stores.requests, &metrics), house.clone());
            let one = move |request| {
                let house = at_work.clone();
                async move { reconcile(request, &house).await }
            };
            runner.run(keys, end, one).await;
        };
        tokio::select! {
            () = runner => {}
            () = feeds.watch(&client, &scope, &metrics, &house) => {}
            // What changed while another process led, or while nobody did, is looked at again.
            () = whenever_gained(claim, || { house.line_up(); house.wake_all(); }) => {}
        }
    }
}

/// Waits until each cache is filled: with a part of it, a reconcile would take what it doesn't see for missing.
async fn filled(stores: &Stores, heard: Heard) -> Option<()> {
    stores.requests.wait_until_ready().await.ok()?;
    stores.claims.wait_until_ready().await?;
    stores.classes.wait_until_ready().await.ok()?;
    stores.snapshots.wait_until_ready().await?;
    stores.bounds.wait_until_ready().await?;
    heard.all().await
}
