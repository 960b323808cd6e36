//! The watches of Events, each narrowed by fields to the few that say what no status does. What is heard is kept by whoever
//! hears it; no Event is.

use std::sync::Arc;

use futures::future::join_all;
use futures::{Stream, StreamExt};
use kube::Client;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use tokio::sync::oneshot;
use tracing::warn;

use crate::evidence::SlimEvent;
use crate::feed::everything;
use crate::metrics::Metrics;
use crate::process::{Health, Pending};
use crate::rights::{Right, WATCHED};
use crate::scope::Scope;

/// What hearing takes.
pub const RIGHTS: &[Right] = &[Right::new(
    "Events of StatefulSets, pods and claims say why a pod can't be made or started, or a volume made, which no status does.",
    "",
    &["events"],
    WATCHED,
)];

/// Whether an Event was there when the watch began, or came since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It was there: whoever acts on it has done so before.
    Old,
    /// It came.
    New,
}

/// The watches of Events of one controller.
pub struct Hearing {
    watches: Vec<(&'static str, Pending, oneshot::Sender<()>)>,
}

/// Tells when those Events were heard that were there at first.
pub struct Heard(Vec<oneshot::Receiver<()>>);

impl Heard {
    /// Waits for it; `None` if nobody hears any more.
    pub async fn all(self) -> Option<()> {
        for heard in self.0 {
            heard.await.ok()?;
        }
        Some(())
    }
}

impl Hearing {
    /// Watches of these Events: what logs and `/readyz` call them, and the fields that select them. The process is not ready
    /// until those that are there were heard.
    pub fn new(selected: &[(&'static str, &'static str)], health: &Health) -> (Self, Heard) {
        let (watches, heard) = selected
            .iter()
            .map(|(name, fields)| {
                let (all_heard, heard) = oneshot::channel();
                ((*fields, health.wait_for(name), all_heard), heard)
            })
            .unzip();
        (Self { watches }, Heard(heard))
    }

    /// Runs the watches; `heard` gets each Event that is there or comes. Never ends.
    pub async fn run(self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>, heard: impl Fn(&SlimEvent, Age)) {
        let heard = &heard;
        let watches = self.watches.into_iter().map(|(fields, pending, all)| {
            let events = watcher(scope.api::<SlimEvent>(client.clone()), everything().fields(fields));
            hear(events.default_backoff(), pending, all, metrics.clone(), heard)
        });
        join_all(watches).await;
    }
}

/// Hears Events until the watch ends, which one by kube's `watcher` never does. `heard` gets each that is there or comes;
/// `pending` is done, and `all` told, once those that are there were heard.
async fn hear(
    events: impl Stream<Item = watcher::Result<watcher::Event<SlimEvent>>>,
    pending: Pending,
    all: oneshot::Sender<()>,
    metrics: Arc<Metrics>,
    heard: impl Fn(&SlimEvent, Age),
) {
    let mut waiting = Some((pending, all));
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(event)) => heard(&event, Age::New),
            Ok(watcher::Event::InitApply(event)) => heard(&event, Age::Old),
            // That an Event expired does not make it untrue.
            Ok(watcher::Event::Delete(_) | watcher::Event::Init) => {}
            Ok(watcher::Event::InitDone) => {
                if let Some((pending, all)) = waiting.take() {
                    pending.done();
                    // Fails only when nobody waits any more.
                    let _ = all.send(());
                }
            }
            Err(error) => {
                metrics.watch_error("events");
                warn!("watching events: {error}; trying again");
                if let Some((pending, _)) = &waiting {
                    pending.say(error.to_string());
                }
            }
        }
    }
}
