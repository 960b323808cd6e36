//! How the controller starts, reconciles and ends.

use std::sync::Arc;

use carrel_activity::rulebook::RulebookFeed;
use carrel_api::notebook::Notebook;
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::hearing::Heard;
use carrel_runtime::kit::Tools;
use carrel_runtime::lease::whenever_gained;
use carrel_runtime::wake::queue;
use carrel_server::life::Lives;
use carrel_server::servers::{Servers, ServersFeed};

use crate::Settings;
use crate::feeds::Feeds;
use crate::hear::ear;
use crate::observe::Stores;
use crate::reconcile::{House, reconcile};

/// The controller's name in logs and metrics.
const NAME: &str = "notebook";

/// The watches that it has in common with other controllers.
pub struct Watches<'a> {
    /// What bounds namespaces.
    pub bounds: &'a mut BoundsFeed,
    /// What all controllers of servers look at.
    pub servers: &'a mut ServersFeed,
    /// What holds for whom.
    pub rulebook: &'a mut RulebookFeed,
    /// What is known of who is used, and what is counted.
    pub lives: &'a Lives,
}

/// Runs the controller until `end` comes; the future ends when the reconciles that were under way are done. What keeps it
/// from being ready is told to the health, and what it must hear of to the watches, before this returns.
pub fn start<E>(tools: Tools, settings: Settings, watches: Watches<'_>, end: E) -> impl Future<Output = ()> + use<E>
where
    E: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    let Watches { bounds, servers, rulebook, lives } = watches;
    let (mut feeds, heard) = Feeds::new(&tools.health);
    let (wake, keys) = queue::<Notebook>();
    let fronts = servers.servers();
    let stores = feeds.stores(bounds.bounds(), fronts.clone());
    let kit = tools.kit(&wake);
    let lives = lives.clone();
    lives.wake(&wake, feeds.notebooks.store(), rulebook);
    let house = Arc::new(House { settings, stores: stores.clone(), kit, lives });
    feeds.wake(&wake, servers);
    let ear = ear(&stores, &wake, servers);
    let room = house.clone();
    bounds.on_room(move |namespace| room.kit.reopen(namespace));
    feeds.forget(&house, servers);
    let kind = house.clone();
    servers.on_kind(move || kind.wake_all());

    let Tools { client, scope, claim, metrics, .. } = tools;
    async move {
        let runner = async {
            tokio::select! {
                filled = filled(&stores, &fronts, heard) => if filled.is_none() { return },
                () = end.clone() => return,
            }
            house.line_up();
            let (runner, at_work) = (house.kit.runner(NAME, stores.notebooks, &metrics), house.clone());
            let one = move |notebook| {
                let house = at_work.clone();
                async move { reconcile(notebook, &house).await }
            };
            runner.run(keys, end, one).await;
        };
        tokio::select! {
            () = runner => {}
            () = feeds.watch(&client, &scope, &metrics, ear, &house) => {}
            // What changed while another process led, or while nobody did, is looked at again.
            () = whenever_gained(claim, || { house.line_up(); house.wake_all(); }) => {}
        }
    }
}

/// Waits until each cache is filled: with a part of it, a reconcile would take what it doesn't see for missing.
async fn filled(stores: &Stores, servers: &Servers, heard: Heard) -> Option<()> {
    stores.notebooks.wait_until_ready().await.ok()?;
    stores.stateful_sets.wait_until_ready().await.ok()?;
    stores.pods.wait_until_ready().await.ok()?;
    stores.bounds.wait_until_ready().await?;
    servers.wait_until_ready().await?;
    heard.all().await
}
