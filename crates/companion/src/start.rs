//! How the controller starts, reconciles and ends.

use std::sync::Arc;

use carrel_activity::rulebook::RulebookFeed;
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::claims::ClaimsFeed;
use carrel_runtime::kit::Tools;
use carrel_runtime::lease::whenever_gained;
use carrel_runtime::wake::queue;
use carrel_server::life::Lives;
use carrel_server::servers::{Servers, ServersFeed};

use crate::feeds::Feeds;
use crate::observe::Stores;
use crate::reconcile::{House, reconcile};
use crate::{Companion, Settings};

/// The watches that it has in common with other controllers.
pub struct Watches<'a> {
    /// What bounds namespaces.
    pub bounds: &'a mut BoundsFeed,
    /// What all controllers of servers look at.
    pub servers: &'a mut ServersFeed,
    /// Claims, and who mounts which.
    pub claims: &'a mut ClaimsFeed,
    /// What holds for whom.
    pub rulebook: &'a mut RulebookFeed,
    /// What is known of who is used, and what is counted.
    pub lives: &'a Lives,
}

/// Runs the controller of a kind until `end` comes; the future ends when the reconciles that were under way are done. What
/// keeps it from being ready is told to the health, and what it must hear of to the watches, before this returns.
pub fn start<K, E>(
    tools: Tools,
    settings: Settings,
    watches: &mut Watches<'_>,
    end: E,
) -> impl Future<Output = ()> + use<K, E>
where
    K: Companion,
    E: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    let mut feeds = Feeds::<K>::new(&tools.health, &settings);
    let (wake, keys) = queue::<K>();
    let stores = feeds.stores(watches.bounds, watches.servers, watches.claims);
    let Watches { bounds, servers, claims, rulebook, lives } = watches;
    let fronts = servers.servers();
    let kit = tools.kit(&wake);
    let lives = lives.clone();
    lives.wake(&wake, feeds.objects.store(), rulebook);
    let house = Arc::new(House { settings, stores: stores.clone(), kit, lives });
    feeds.wake(&wake, servers, claims);
    let room = house.clone();
    bounds.on_room(move |namespace| room.kit.reopen(namespace));
    feeds.forget(&house, servers);
    let kind = house.clone();
    servers.on_kind(move || kind.wake_all());

    let Tools { client, scope, claim, metrics, .. } = tools;
    async move {
        let runner = async {
            tokio::select! {
                filled = filled(&stores, &fronts) => if filled.is_none() { return },
                () = end.clone() => return,
            }
            house.line_up();
            let (runner, at_work) = (house.kit.runner(K::WORDS.controller, stores.objects, &metrics), house.clone());
            let one = move |object| {
                let house = at_work.clone();
                async move { reconcile(object, &house).await }
            };
            runner.run(keys, end, one).await;
        };
        tokio::select! {
            () = runner => {}
            () = feeds.watch(&client, &scope, &metrics) => {}
            // What changed while another process led, or while nobody did, is looked at again.
            () = whenever_gained(claim, || { house.line_up(); house.wake_all(); }) => {}
        }
    }
}

/// Waits until each cache is filled: with a part of it, a reconcile would take what it doesn't see for missing.
async fn filled<K: Companion>(stores: &Stores<K>, servers: &Servers) -> Option<()> {
    stores.objects.wait_until_ready().await.ok()?;
    stores.deployments.wait_until_ready().await.ok()?;
    stores.pods.wait_until_ready().await.ok()?;
    stores.claims.wait_until_ready().await?;
    stores.bounds.wait_until_ready().await?;
    servers.wait_until_ready().await
}
