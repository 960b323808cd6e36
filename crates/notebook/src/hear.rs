//! What Kubernetes' Events say of notebooks' StatefulSets and pods: evidence of why one does not run, and issued again on
//! the Notebook where they warn, as Kubeflow does.
//!
//! No Event is stored. What is there when a watch begins is evidence, and was issued again by whoever was at work then.

use std::sync::Arc;

use carrel_api::notebook::Notebook;
use carrel_runtime::Key;
use carrel_runtime::evidence::{Evidence, SlimEvent};
use carrel_runtime::hearing::{Age, Hearing};
use carrel_runtime::metrics::Metrics;
use carrel_runtime::notice::{Notice, Tone};
use carrel_runtime::scope::Scope;
use carrel_runtime::shelf::Shelf;
use carrel_runtime::wake::Wake;
use carrel_server::servers::ServersFeed;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Client;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc;

use crate::feeds::owner;
use crate::observe::{Stores, get};
use crate::reconcile::House;

/// The Events that are watched here, beside those of pods, as logs and `/readyz` call them, by the fields that select them.
pub(crate) const WATCHED: &[(&str, &str)] =
    &[("events (failed creates)", "involvedObject.kind=StatefulSet,reason=FailedCreate")];

/// How many Events may wait to be issued again. What comes faster is lost, as Events may be.
const WAITING: usize = 256;

/// Hears Events of StatefulSets, once their cache is filled, and issues again what `ear` finds worth it. Never ends.
pub(crate) async fn listen(
    hearing: Hearing,
    client: &Client,
    scope: &Scope,
    metrics: &Arc<Metrics>,
    (ear, echoes): (Ear, Echoes),
    house: &House,
) {
    if ear.sets.wait_until_ready().await.is_err() {
        return;
    }
    let heard = hearing.run(client, scope, metrics, |event, age| ear.hear(event, age));
    tokio::join!(heard, issue_again(echoes, house));
}

/// What is to be issued again, and on which Notebook.
pub(crate) type Echoes = mpsc::Receiver<(ObjectRef<Notebook>, Notice)>;

/// Tells whose an Event is, and what it is worth.
#[derive(Clone)]
pub(crate) struct Ear {
    sets: Shelf<StatefulSet>,
    evidence: Arc<Evidence>,
    wake: Wake<Notebook>,
    sender: mpsc::Sender<(ObjectRef<Notebook>, Notice)>,
}

/// An ear that hears Events of pods too, and what it finds to be issued again.
pub(crate) fn ear(stores: &Stores, wake: &Wake<Notebook>, servers: &mut ServersFeed) -> (Ear, Echoes) {
    let (sender, echoes) = mpsc::channel(WAITING);
    let (sets, evidence) = (stores.stateful_sets.clone(), stores.evidence.clone());
    let ear = Ear { sets: sets.clone(), evidence, wake: wake.clone(), sender };
    let of_pods = ear.clone();
    servers.on_event(async move { drop(sets.wait_until_ready().await) }, move |event, age| of_pods.hear(event, age));
    (ear, echoes)
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

async fn issue_again(mut events: Echoes, house: &House) {
    while let Some((key, notice)) = events.recv().await {
        if let Some(notebook) = house.stores.notebooks.get(&key) {
            house.kit.writer.echo(notebook.as_ref(), &notice).await;
        }
    }
}
