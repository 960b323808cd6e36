//! What Kubernetes' Events say of notebooks' StatefulSets and pods: evidence of why one does not run, and issued again on
//! the Notebook where they warn, as Kubeflow does.
//!
//! No Event is stored. What is there when a watch begins is evidence, and was issued again by whoever was at work then.

use std::sync::Arc;

use carrel_api::notebook::Notebook;
use carrel_runtime::Key;
use carrel_runtime::evidence::{Age, Evidence, SlimEvent, hear};
use carrel_runtime::feed::everything;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::notice::{Notice, Tone};
use carrel_runtime::process::{Health, Pending};
use carrel_runtime::scope::Scope;
use carrel_runtime::shelf::Shelf;
use carrel_runtime::wake::Wake;
use futures::future::join_all;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Client;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::watcher;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::feeds::owner;
use crate::observe::get;
use crate::start::Shared;

/// The Events that are watched, as logs and `/readyz` call them, by the fields that select them.
const WATCHED: &[(&str, &str)] = &[
    ("events (failed creates)", "involvedObject.kind=StatefulSet,reason=FailedCreate"),
    ("events (warnings)", "involvedObject.kind=Pod,type=Warning"),
    ("events (pulls)", "involvedObject.kind=Pod,reason=Pulling"),
    // Of the cluster autoscaler, and of Karpenter.
    ("events (scale-ups)", "involvedObject.kind=Pod,reason=TriggeredScaleUp"),
    ("events (nominations)", "involvedObject.kind=Pod,reason=Nominated"),
];

/// How many Events may wait to be issued again. What comes faster is lost, as Events may be.
const WAITING: usize = 256;

/// The watches of Events.
pub(crate) struct Hearing {
    pending: Vec<Pending>,
    all_heard: Vec<oneshot::Sender<()>>,
}

impl Hearing {
    /// What tells when those Events were heard that were there at first.
    pub(crate) fn new(health: &Health) -> (Self, Vec<oneshot::Receiver<()>>) {
        let pending = WATCHED.iter().map(|(name, _)| health.wait_for(name)).collect();
        let (all_heard, heard) = WATCHED.iter().map(|_| oneshot::channel()).unzip();
        (Self { pending, all_heard }, heard)
    }

    /// Hears, once the cache of StatefulSets is filled, which tells whose an Event is. Never ends.
    pub(crate) async fn run(
        self,
        client: &Client,
        scope: &Scope,
        metrics: &Arc<Metrics>,
        sets: Shelf<StatefulSet>,
        shared: &Shared,
    ) {
        if sets.wait_until_ready().await.is_err() {
            return;
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        let ear = Ear { sets, evidence: shared.house.stores.evidence.clone(), wake: shared.house.wake.clone(), sender };
        let watches = WATCHED.iter().zip(self.pending).zip(self.all_heard).map(|(((_, fields), pending), all)| {
            let events = watcher(scope.api::<SlimEvent>(client.clone()), everything().fields(fields));
            hear(events.default_backoff(), pending, all, metrics.clone(), |event, age| ear.hear(event, age))
        });
        tokio::join!(join_all(watches), issue_again(receiver, shared));
    }
}

struct Ear {
    sets: Shelf<StatefulSet>,
    evidence: Arc<Evidence>,
    wake: Wake<Notebook>,
    sender: mpsc::Sender<(ObjectRef<Notebook>, Notice)>,
}

impl Ear {
    fn hear(&self, event: &SlimEvent, age: Age) {
        let Key { namespace, name } = event.about();
        let set = if event.involved_object.kind == "Pod" { name.strip_suffix("-0") } else { Some(name.as_str()) };
        // What is not about a child of ours is nobody's business here.
        let set = set.and_then(|set| get(&self.sets, &namespace, set));
        let Some(notebook) = set.as_deref().and_then(owner) else { return };
        if !self.evidence.tell(event) {
            return;
        }
        if age == Age::New && event.type_ == "Warning" {
            // Full when the API server is slower than what warns; then some are lost.
            let _ = self.sender.try_send((notebook.clone(), again(event)));
        }
        self.wake.send(notebook);
    }
}

/// In Kubeflow's words.
fn again(event: &SlimEvent) -> Notice {
    let about = &event.involved_object;
    let message = format!("Reissued from {}/{}: {}", about.kind.to_lowercase(), about.name, event.message);
    Notice { tone: Tone::Warning, reason: event.reason.clone().into(), message }
}

async fn issue_again(mut events: mpsc::Receiver<(ObjectRef<Notebook>, Notice)>, shared: &Shared) {
    while let Some((key, notice)) = events.recv().await {
        if let Some(notebook) = shared.house.stores.notebooks.get(&key)
            && let Err(error) = shared.house.writer.echo(notebook.as_ref(), &notice).await
        {
            warn!(notebook = %key, "the Event {} was not issued again: {error}", notice.reason);
        }
    }
}
