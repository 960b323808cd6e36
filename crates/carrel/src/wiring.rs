//! Which controllers run, on one set of watches, one lease and one client.

use carrel_activity::counts::ProbeCounts;
use carrel_activity::monitor::Monitor;
use carrel_activity::policy::Defaults;
use carrel_activity::prober::{self, Asker, Via};
use carrel_activity::rulebook::RulebookFeed;
use carrel_activity::usage::Prometheus;
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_api::vocabulary::{NOTEBOOK, PVC_VIEWER, TENSORBOARD, WHOSE_PODS};
use carrel_api::{notebook, pvc_viewer, tensorboard};
use carrel_runtime::apply::Writer;
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::claims::ClaimsFeed;
use carrel_runtime::kit::Tools;
use carrel_runtime::scope::Scope;
use carrel_server::life::{Caller, Counts, Lives};
use carrel_server::route::{OwnerKind, Routing, remove_when_leading};
use carrel_server::servers::ServersFeed;
use futures::future::{BoxFuture, OptionFuture, join_all};
use jiff::SignedDuration;
use kube::Client;

use crate::history::Kept;

/// The kinds that own routes.
const OWNERS: &[OwnerKind] = &[
    OwnerKind { group: notebook::crd::GROUP, kind: "Notebook", annotation: NOTEBOOK },
    OwnerKind { group: tensorboard::crd::GROUP, kind: "Tensorboard", annotation: TENSORBOARD },
    OwnerKind { group: pvc_viewer::crd::GROUP, kind: "PVCViewer", annotation: PVC_VIEWER },
];

/// Which controllers run, and what an admin set for them.
#[allow(clippy::struct_excessive_bools)] // Each is a switch of its own.
pub(crate) struct Chosen {
    pub(crate) routing: Routing,
    pub(crate) watch_nodes: bool,
    pub(crate) notebooks: carrel_notebook::Settings,
    pub(crate) companions: carrel_companion::Settings,
    pub(crate) volume_requests: bool,
    pub(crate) forgotten_after: SignedDuration,
    pub(crate) tensorboards: bool,
    pub(crate) pvc_viewers: bool,
    pub(crate) activity: Activity,
}

/// How servers are asked whether they are used, and by which rules.
pub(crate) struct Activity {
    pub(crate) defaults: Defaults,
    pub(crate) gpus: Option<Prometheus>,
    pub(crate) warn_url: Option<(Client, String)>,
    pub(crate) as_kubeflow: bool,
    pub(crate) lab_policies: bool,
    pub(crate) probe: bool,
    pub(crate) via: Via,
    pub(crate) prober: prober::Settings,
    pub(crate) history: Option<Kept>,
}

/// Runs the chosen controllers until `end` comes and what was under way is done.
pub(crate) fn work<E>(tools: &Tools, chosen: Chosen, end: &E) -> impl Future<Output = ()> + use<E>
where
    E: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    let Chosen {
        routing,
        watch_nodes,
        notebooks,
        companions,
        volume_requests,
        forgotten_after,
        tensorboards,
        pvc_viewers,
        activity,
    } = chosen;
    let health = &tools.health;
    let mut bounds = BoundsFeed::new(health);
    let mut servers = ServersFeed::new(&routing, watch_nodes, health);
    let mut rulebook = RulebookFeed::new(activity.defaults, activity.lab_policies, health);
    let (monitor, watch) = if activity.probe {
        let (monitor, watch) = Monitor::new(Asker::new(activity.via, &tools.client), activity.prober);
        (monitor, Some(watch))
    } else {
        (Monitor::of_nobody(), None)
    };
    if let Some(history) = &activity.history {
        monitor.noted_by(history.scribe.clone());
    }
    let counts = Counts::registered(&tools.metrics, &tools.claim);
    let (caller, calling) = activity.warn_url.map(|(client, path)| Caller::new(client, path)).unzip();
    let caller = caller.unwrap_or_default();
    let lives = Lives { rulebook: rulebook.rulebook(), monitor, counts, caller, as_kubeflow: activity.as_kubeflow };
    let mut working: Vec<BoxFuture<'static, ()>> = Vec::new();
    // With a part of the namespaces it can't be told where a policy decides.
    if activity.lab_policies && matches!(tools.scope, Scope::Cluster) {
        working.push(Box::pin(carrel_policy::start(tools.clone(), &mut rulebook, end.clone())));
    }
    let needs_claims = volume_requests || tensorboards || pvc_viewers;
    let mut claims = needs_claims.then(|| ClaimsFeed::new(WHOSE_PODS, health));
    let watches =
        carrel_notebook::Watches { bounds: &mut bounds, servers: &mut servers, rulebook: &mut rulebook, lives: &lives };
    working.push(Box::pin(carrel_notebook::start(tools.clone(), notebooks, watches, end.clone())));
    if let Some(claims) = claims.as_mut().filter(|_| volume_requests) {
        let watches = carrel_volume::Watches { bounds: &mut bounds, claims };
        working.push(Box::pin(carrel_volume::start(tools.clone(), forgotten_after, watches, end.clone())));
    }
    if let Some(claims) = claims.as_mut() {
        let mut watches = carrel_companion::Watches {
            bounds: &mut bounds,
            servers: &mut servers,
            claims,
            rulebook: &mut rulebook,
            lives: &lives,
        };
        if tensorboards {
            let (tools, settings) = (tools.clone(), companions.clone());
            let board = carrel_companion::start::<Tensorboard, E>(tools, settings, &mut watches, end.clone());
            working.push(Box::pin(board));
        }
        if pvc_viewers {
            let viewer = carrel_companion::start::<PvcViewer, E>(tools.clone(), companions, &mut watches, end.clone());
            working.push(Box::pin(viewer));
        }
    }
    let Tools { client, scope, claim, metrics, .. } = tools.clone();
    async move {
        let writer = Writer::new(client.clone(), claim.clone(), metrics.clone());
        let leads = claim.clone();
        let asking = watch.map(|watch| {
            let mut counts = ProbeCounts::default();
            metrics.register(|registry| counts = ProbeCounts::registered(registry));
            watch.run(&client, &scope, activity.gpus, move || leads.time_left().is_some(), counts)
        });
        let (settling, last_words) = activity.history.map(|history| history.write(claim.clone())).unzip();
        let claims = claims.map(|claims| claims.watch(&client, &scope, &metrics));
        tokio::select! {
            _ = join_all(working) => {}
            () = bounds.watch(&client, &scope, &metrics) => {}
            () = servers.watch(&client, &scope, &metrics) => {}
            () = rulebook.watch(&client, &scope, &metrics) => {}
            Some(()) = OptionFuture::from(asking) => {}
            Some(()) = OptionFuture::from(calling) => {}
            Some(()) = OptionFuture::from(claims) => {}
            Some(()) = OptionFuture::from(settling) => {}
            () = remove_when_leading(claim.clone(), &client, &scope, &routing, OWNERS, &writer) => {}
        }
        drop(lives);
        OptionFuture::from(last_words).await;
    }
}
