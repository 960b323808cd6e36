//! A Notebook's objects, and a process of ours that looks after it and may die.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use carrel_runtime::apply::Retry;
use carrel_runtime::backoff::Backoff;
use carrel_runtime::lease::{Claim, Keeper, Settings as Lease};
use carrel_runtime::metrics::Metrics;
use carrel_runtime::wake::queue;
use futures::{FutureExt, Stream, StreamExt};
use http::{Request, Response};
use jiff::SignedDuration;
use kube::Client;
use kube::client::Body;
use kube::runtime::reflector::ObjectRef;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::super::*;
use super::caches::{Caches, Watches};
use super::server::{Fault, NOTEBOOKS, QUOTAS, ROUTES, SERVICES, SETS, Server, When, client, forget};

/// What goes wrong in a life.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    /// A request fails: which, how, and when.
    pub(super) request: Option<(usize, Fault, When)>,
    /// The request from which on the API server is away.
    pub(super) away: Option<usize>,
    pub(super) watches: Watches,
    /// The wall clock jumps by an hour, now back and now forth, whenever somebody looks at it.
    pub(super) clock_steps: bool,
}

pub(super) struct World {
    server: Arc<Mutex<Server>>,
    trouble: Trouble,
    process: Process,
    /// When it looks again by itself.
    again: Option<Duration>,
}

/// A process of ours.
struct Process {
    house: Arc<House>,
    caches: Caches,
    keys: Pin<Box<dyn Stream<Item = ObjectRef<Notebook>> + Send>>,
    backoff: Backoff,
    keeper: Option<JoinHandle<()>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

impl World {
    pub(super) async fn new(trouble: Trouble) -> Self {
        let server = Arc::new(Mutex::new(Server::new(trouble.request, trouble.away)));
        let process = Process::start(&server, &trouble).await;
        Self { server, trouble, process, again: None }
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap()
    }

    /// The owner changes the Notebook.
    pub(super) fn owner(&mut self, patch: &Value) {
        self.change(NOTEBOOKS, patch);
    }

    /// Somebody changes an object.
    pub(super) fn change(&mut self, kind: &str, patch: &Value) {
        let mut server = self.server();
        let mut object = server.objects[kind].clone();
        json_patch::merge(&mut object, patch);
        server.put(kind, object);
    }

    pub(super) fn remove(&mut self, kind: &str) {
        self.server().remove(kind);
    }

    /// Somebody deletes an object and makes it again at once, as `kubectl replace --force` does.
    pub(super) fn replace(&mut self, kind: &str) {
        let mut server = self.server();
        let mut object = server.remove(kind).unwrap();
        object["metadata"]["uid"] = format!("{kind}-again").into();
        server.put(kind, object);
    }

    /// A quota of one pod, with so many in use.
    pub(super) fn quota(&mut self, used: u8) {
        let status = json!({"hard": {"pods": "1"}, "used": {"pods": used.to_string()}});
        self.server().put(QUOTAS, json!({"metadata": {"name": "team", "namespace": "team-a"}, "status": status}));
    }

    /// The children and the pod as Kubeflow's controller makes them.
    pub(super) fn as_kubeflow_left_it(&mut self) {
        let owner = json!([{"apiVersion": "kubeflow.org/v1beta1", "kind": "Notebook", "name": "iris", "uid": "n-1", "controller": true}]);
        let meta = json!({"name": "iris", "namespace": "team-a", "uid": "upstream", "ownerReferences": owner});
        let mut server = self.server();
        server
            .put(SERVICES, json!({"kind": "Service", "metadata": meta, "spec": {"selector": {"statefulset": "iris"}}}));
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
        let template = json!({"metadata": {"labels": {"statefulset": "iris", "notebook-name": "iris"}},
            "spec": {"containers": [{"name": "iris", "image": "i"}]}});
        server.put(
            SETS,
            json!({"kind": "StatefulSet", "metadata": meta, "spec": {"replicas": 1, "selector": {}, "updateStrategy": strategy, "template": template}}),
        );
        let mut meta = meta;
        meta["name"] = "notebook-team-a-iris".into();
        let spec = json!({"hosts": ["*"], "http": [{"timeout": "300s"}]});
        server.put(ROUTES, json!({"kind": "VirtualService", "metadata": meta, "spec": spec}));
    }

    /// Everybody works until nothing moves and nobody waits any more. Our controller is woken as it is in a cluster: by its
    /// feeds, by the time that it asked for, or by the start of a new process. What it forgets to ask for never comes.
    pub(super) async fn rest(&mut self) {
        for _ in 0..300 {
            let away = self.server().away();
            if away.is_none() {
                self.server().stateful_set_controller();
                let server = self.server.clone();
                self.process.caches.keep_up(&server.lock().unwrap(), &self.trouble.watches);
            }
            if self.process.is_woken() || self.again == Some(Duration::ZERO) {
                self.again = self.reconcile().await;
            } else if away.is_none() && self.catch_up() {
            } else if let Some(wait) = self.again.replace(Duration::ZERO) {
                tokio::time::sleep(wait).await;
            } else if let Some(away) = away {
                self.again = None;
                tokio::time::sleep(away).await;
            } else if self.server().serve_late() {
                self.again = None;
            } else {
                self.again = None;
                return;
            }
        }
        panic!("it does not come to rest: {:?} {:#}", self.trouble, self.picture());
    }

    fn catch_up(&mut self) -> bool {
        let server = self.server.clone();
        let server = server.lock().unwrap();
        self.process.caches.catch_up(&server, &self.trouble.watches)
    }

    /// How long our controller waits before it looks again; `None` if it waits for a change.
    async fn reconcile(&mut self) -> Option<Duration> {
        let house = self.process.house.clone();
        let notebook = house.stores.notebooks.state().first()?.clone();
        let key = Key::of(notebook.as_ref());
        // A killed process's request has no answer; longer than this no other takes.
        let done = tokio::time::timeout(Duration::from_mins(2), reconcile(notebook, &house)).await;
        let ends = {
            let mut server = self.server();
            std::mem::take(&mut server.killed) | std::mem::take(&mut server.hung)
        };
        if ends || done.is_err() {
            let calm = Trouble { request: None, ..self.trouble.clone() };
            self.process = Process::start(&self.server, &calm).await;
            return Some(Duration::ZERO);
        }
        match done.ok()? {
            Ok(next) => {
                self.process.backoff.clear(&key);
                if let Next::After(wait) = next { Some(wait) } else { None }
            }
            Err(error) => match error.retry() {
                Retry::Never => None,
                Retry::Soon => Some(self.process.backoff.failed(&key)),
                Retry::Late => Some(self.process.backoff.longest()),
            },
        }
    }

    pub(super) fn requests(&self) -> usize {
        self.server().requests
    }

    pub(super) fn events(&self) -> usize {
        self.server().log.len()
    }

    pub(super) fn pods(&self) -> usize {
        self.server().pods
    }

    /// What is there, without what differs from run to run.
    pub(super) fn picture(&self) -> Value {
        let mut picture = json!(self.server().objects);
        forget(&mut picture);
        picture
    }
}

impl Process {
    async fn start(server: &Arc<Mutex<Server>>, trouble: &Trouble) -> Self {
        let (claim, keeper) = match trouble.request {
            Some((_, Fault::Hung, _)) => held(server).await,
            _ => (Claim::always(), None),
        };
        let mut caches = Caches::new();
        let (wake, keys) = queue();
        let house = Arc::new(House {
            settings: Settings { routing: crate::testing::istio(), ..Settings::default() },
            stores: caches.stores(),
            writer: Writer::new(client(server), claim, Arc::new(Metrics::default())),
            statuses: Statuses::default(),
            hush: Hush::default(),
            turns: Turns::default(),
            wake,
            clock: if trouble.clock_steps { stepping_clock } else { Timestamp::now },
        });
        caches.tell(&house);
        caches.list_all(&server.lock().unwrap());
        house.line_up();
        Self { house, caches, keys: Box::pin(keys), backoff: Backoff::default(), keeper }
    }

    /// Whether anybody woke the Notebook since it was last asked.
    fn is_woken(&mut self) -> bool {
        let mut woken = false;
        while self.keys.next().now_or_never().flatten().is_some() {
            woken = true;
        }
        woken
    }
}

thread_local! {
    static STEPS: Cell<i64> = const { Cell::new(0) };
}

fn stepping_clock() -> Timestamp {
    let steps = STEPS.get() + 1;
    STEPS.set(steps);
    let hours = if steps % 2 == 0 { steps } else { -steps };
    Timestamp::now() + SignedDuration::from_hours(hours)
}

/// A claim by a real keeper, which nobody answers once its process hangs.
async fn held(server: &Arc<Mutex<Server>>) -> (Claim, Option<JoinHandle<()>>) {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move {
            if server.lock().unwrap().hung {
                return std::future::pending().await;
            }
            let created = if request.method() == http::Method::GET { 404 } else { 200 };
            let missing = json!({"status": "Failure", "code": 404, "reason": "NotFound", "message": ""}).to_string();
            let body = if created == 404 { Body::from(missing.into_bytes()) } else { request.into_body() };
            Ok::<_, std::convert::Infallible>(Response::builder().status(created).body(body).unwrap())
        }
    });
    let lease = Lease {
        namespace: "carrel-system".to_owned(),
        name: "carrel".to_owned(),
        identity: "first".to_owned(),
        duration: Duration::from_secs(15),
    };
    let (mut keeper, mut claim) = Keeper::new(Client::new(service, "carrel-system"), lease);
    let running = tokio::spawn(async move { keeper.run(std::future::pending(), |_| {}).await });
    claim.gained().await;
    (claim, Some(running))
}
