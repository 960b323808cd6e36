//! The watch of a kind that a cluster may lack: it runs while the kind is served, and nothing is asked for otherwise.

use std::fmt::Debug;
use std::sync::Arc;

use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use tokio::sync::watch;

use crate::feed::Feed;
use crate::metrics::Metrics;
use crate::served::follow;
use crate::shelf::Shelved;

/// Whether a kind is there, and its cache filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Not known yet.
    Unknown,
    /// The cluster lacks it.
    Missing,
    /// It is there, and the cache is filled.
    There,
}

/// Waits until it is known whether a kind is there, and until its cache is filled if so.
pub async fn known(mut presence: watch::Receiver<Presence>) -> Option<()> {
    presence.wait_for(|presence| *presence != Presence::Unknown).await.ok().map(drop)
}

/// The watch of a kind that a cluster may lack.
pub struct MaybeWatch<'a, K> {
    /// The CRD that brings it and the version that is read; nothing for a kind of Kubernetes' own.
    pub needs: Option<(&'static str, &'static str)>,
    /// Its objects.
    pub api: Api<K>,
    /// Which of them.
    pub config: watcher::Config,
    /// Follows the CRD.
    pub client: &'a Client,
    /// Where errors are counted.
    pub metrics: &'a Arc<Metrics>,
    /// Where it is told whether the kind is there.
    pub presence: watch::Sender<Presence>,
}

impl<K: Shelved + Debug> MaybeWatch<'_, K> {
    /// Fills the feed while the cluster serves the kind; `changed` is called when it comes or goes. Never ends.
    pub async fn run(self, feed: Feed<K>, changed: impl Fn(Presence)) {
        let (told, served) = watch::channel(None);
        if let Some((crd, version)) = self.needs {
            let following = follow(self.client, crd, version, self.metrics.clone(), told);
            tokio::join!(following, self.while_served(feed, served, changed));
        } else {
            told.send_replace(Some(true));
            self.while_served(feed, served, changed).await;
        }
    }

    async fn while_served(
        &self,
        mut feed: Feed<K>,
        mut served: watch::Receiver<Option<bool>>,
        changed: impl Fn(Presence),
    ) {
        let become_known = |presence| {
            if self.presence.send_replace(presence) != presence {
                changed(presence);
            }
        };
        loop {
            until(&mut served, Option::is_some).await;
            if *served.borrow() == Some(false) {
                feed.excuse();
                become_known(Presence::Missing);
                until(&mut served, |served| *served == Some(true)).await;
            }
            let events = watcher(self.api.clone(), self.config.clone()).default_backoff();
            let store = feed.store();
            let filled = async {
                // Fails only when the feed is gone.
                if store.wait_until_ready().await.is_ok() {
                    become_known(Presence::There);
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = feed.run(events, self.metrics.clone()) => {}
                () = filled => {}
                () = until(&mut served, |served| *served == Some(false)) => {}
            }
        }
    }
}

/// Waits until it is so; for ever where nobody tells any more.
async fn until(served: &mut watch::Receiver<Option<bool>>, is: impl Fn(&Option<bool>) -> bool) {
    if served.wait_for(is).await.is_err() {
        std::future::pending::<()>().await;
    }
}
