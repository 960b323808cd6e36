//! All policies, and the labels of the namespaces that they speak of, as last seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use carrel_api::lab_policy::LabPolicy;
use carrel_runtime::feed::{Change, Feed, everything};
use carrel_runtime::metrics::Metrics;
use carrel_runtime::process::Health;
use carrel_runtime::rights::{Right, WATCHED};
use carrel_runtime::scope::Scope;
use carrel_runtime::shelf::Shelf;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::policy::{Defaults, Effective, Named, effective};

/// What it takes to know them.
pub const RIGHTS: &[Right] = &[
    Right::new(
        "What admins want of all these (--lab-policies=false does without).",
        "carrel.dev",
        &["labpolicies"],
        WATCHED,
    ),
    Right::new("Of which namespaces LabPolicies speak.", "", &["namespaces"], WATCHED),
];

/// A Namespace, of which only its name and labels are read.
#[derive(Clone, Debug, Default, Resource, Deserialize, Serialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Namespace)]
pub struct SlimNamespace {
    /// Name and labels.
    pub metadata: ObjectMeta,
}

/// The policies and namespaces, as last seen.
#[derive(Clone)]
pub struct Rulebook(Arc<Pages>);

struct Pages {
    policies: RwLock<Arc<[Named]>>,
    namespaces: Shelf<SlimNamespace>,
    defaults: Defaults,
    known: watch::Sender<bool>,
}

impl Rulebook {
    /// What holds for a server with these labels and annotations. `None` until all policies were read: before, nobody may be
    /// stopped by a rule that another one may overrule.
    pub fn effective(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
    ) -> Option<Effective> {
        if !*self.0.known.borrow() {
            return None;
        }
        let policies = self.0.policies.read().clone();
        let found = self.0.namespaces.get(&ObjectRef::new(namespace));
        let none = BTreeMap::new();
        let of_namespace = found.as_ref().map_or(&none, |namespace| namespace.labels());
        Some(effective(&policies, of_namespace, labels, annotations, &self.0.defaults))
    }

    /// Waits until all policies were read.
    pub async fn wait_until_known(&self) {
        // Its sender is kept here.
        let _ = self.0.known.subscribe().wait_for(|known| *known).await;
    }

    /// The labels of a namespace; none where policies are not followed.
    pub fn labels_of(&self, namespace: &str) -> BTreeMap<String, String> {
        let found = self.0.namespaces.get(&ObjectRef::new(namespace));
        found.map(|namespace| namespace.labels().clone()).unwrap_or_default()
    }

    /// The policies.
    pub fn policies(&self) -> Arc<[Named]> {
        self.0.policies.read().clone()
    }

    /// The labels of each namespace.
    pub fn namespaces(&self) -> Vec<BTreeMap<String, String>> {
        self.0.namespaces.state().iter().map(|namespace| namespace.labels().clone()).collect()
    }
}

/// A policy as it decides; none whose spec can't be read.
pub fn named(policy: &LabPolicy) -> Option<Named> {
    Some(Named {
        name: policy.name_any(),
        created: policy.metadata.creation_timestamp.as_ref().map(|time| time.0),
        spec: policy.spec.valid()?.clone(),
    })
}

/// Whom a change of the rules concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concerned<'a> {
    /// Every server.
    All,
    /// The servers of one namespace.
    Namespace(&'a str),
}

type Teller = Arc<dyn Fn(Concerned<'_>) + Send + Sync>;

/// The watches that fill a [`Rulebook`].
pub struct RulebookFeed {
    policies: Feed<LabPolicy>,
    namespaces: Feed<SlimNamespace>,
    book: Rulebook,
    watched: bool,
    tellers: Vec<Teller>,
}

impl RulebookFeed {
    /// The process is not ready until it is filled. Where policies are not `watched`, which needs rights on the whole cluster,
    /// the defaults hold for everybody.
    pub fn new(defaults: Defaults, watched: bool, health: &Health) -> Self {
        // What is not watched keeps nobody waiting.
        let health = if watched { health } else { &Health::default() };
        let (policies, namespaces) = (Feed::new("labpolicies", health), Feed::new("namespaces", health));
        let book = Rulebook(Arc::new(Pages {
            policies: RwLock::new(Arc::default()),
            namespaces: namespaces.store(),
            defaults,
            known: watch::Sender::new(!watched),
        }));
        Self { policies, namespaces, book, watched, tellers: Vec::new() }
    }

    /// What it fills.
    pub fn rulebook(&self) -> Rulebook {
        self.book.clone()
    }

    /// The policies as objects.
    pub fn policies(&mut self) -> &mut Feed<LabPolicy> {
        &mut self.policies
    }

    /// Adds what is told whom a change concerns.
    pub fn on_change(&mut self, tell: impl Fn(Concerned<'_>) + Send + Sync + 'static) {
        self.tellers.push(Arc::new(tell));
    }

    /// Runs the watches. Never ends.
    pub async fn watch(self, client: &Client, scope: &Scope, metrics: &Arc<Metrics>) {
        let Self { mut policies, mut namespaces, book, watched, tellers } = self;
        if !watched {
            return std::future::pending().await;
        }
        let tell = Arc::new(move |whom: Concerned<'_>| tellers.iter().for_each(|tell| tell(whom)));
        let (store, told, pages) = (policies.store(), tell.clone(), book.clone());
        policies.listen(move |change| {
            if let Change::Applied { old: Some(old), new } = change
                && old.metadata.generation == new.metadata.generation
            {
                // Only its status changed.
                return;
            }
            *pages.0.policies.write() = store.state().iter().filter_map(|policy| named(policy)).collect();
            told(Concerned::All);
        });
        let (known, told) = (book.0.clone(), tell.clone());
        namespaces.listen(move |change| {
            let same = matches!(change, Change::Applied { old: Some(old), new } if old.labels() == new.labels());
            if !same && *known.known.borrow() {
                told(Concerned::Namespace(&change.object().name_any()));
            }
        });
        namespaces.keep(|namespace| {
            namespace.metadata.annotations = None;
            true
        });
        let all = watcher(Api::<LabPolicy>::all(client.clone()), everything()).default_backoff();
        let config = match scope {
            Scope::Cluster => everything(),
            Scope::Namespace(name) => everything().fields(&format!("metadata.name={name}")),
        };
        let of_namespaces = watcher(Api::<SlimNamespace>::all(client.clone()), config).default_backoff();
        let (policies_there, namespaces_there) = (policies.store(), namespaces.store());
        tokio::join!(policies.run(all, metrics.clone()), namespaces.run(of_namespaces, metrics.clone()), async {
            if policies_there.wait_until_ready().await.is_ok() && namespaces_there.wait_until_ready().await.is_ok() {
                book.0.known.send_replace(true);
                tell(Concerned::All);
            }
        },);
    }
}
