//! A Notebook's objects, the API server that holds them, the StatefulSet's controller, and a controller of ours that may die.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use carrel_runtime::apply::Retry;
use carrel_runtime::lease::Claim;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::shelf::ShelfWriter as StoreWriter;
use carrel_runtime::wake::queue;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::super::*;
use crate::observe::{Presence, RouteStore, Routes};

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    Conflict,
    TooManyRequests,
    Internal,
    NoAnswer,
    Cut,
    /// Our process is killed, and another starts without its memory.
    Killed,
}

impl Fault {
    pub(super) const ALL: &[Self] =
        &[Self::Conflict, Self::TooManyRequests, Self::Internal, Self::NoAnswer, Self::Cut, Self::Killed];

    /// Who refuses has done nothing; of the others nobody can tell.
    pub(super) fn moments(self) -> &'static [When] {
        match self {
            Self::Conflict | Self::TooManyRequests => &[When::BeforeIt],
            Self::Internal | Self::NoAnswer | Self::Cut | Self::Killed => &[When::BeforeIt, When::AfterIt],
        }
    }
}

/// Whether the API server did what was asked before it failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    BeforeIt,
    AfterIt,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    pods: usize,
    requests: usize,
    fault: Option<(usize, Fault, When)>,
    killed: bool,
}

pub(super) struct World {
    state: Arc<Mutex<State>>,
    house: House,
    /// The version of everything when our controller last looked.
    seen: u64,
    /// When it looks again by itself.
    again: Option<Duration>,
}

const PODS: &str = "pods";
const QUOTAS: &str = "resourcequotas";
const ROUTES: &str = "virtualservices";

impl World {
    pub(super) fn new(fault: Option<(usize, Fault, When)>) -> Self {
        let mut state = State { fault, ..State::default() };
        state.put(
            "notebooks",
            json!({"metadata": {"name": "iris", "namespace": "team-a", "uid": "n-1", "generation": 1},
                "spec": {"template": {"spec": {"containers": [{"name": "iris", "image": "i"}]}}}}),
        );
        let state = Arc::new(Mutex::new(state));
        Self { house: house(&state), state, seen: 0, again: Some(Duration::ZERO) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The owner changes the Notebook.
    pub(super) fn owner(&mut self, patch: &Value) {
        self.change("notebooks", patch);
    }

    /// Somebody changes an object.
    pub(super) fn change(&mut self, kind: &str, patch: &Value) {
        let mut state = self.state();
        let mut object = state.objects[kind].clone();
        json_patch::merge(&mut object, patch);
        state.put(kind, object);
    }

    pub(super) fn remove(&mut self, kind: &str) {
        let mut state = self.state();
        state.version += u64::from(state.objects.remove(kind).is_some());
    }

    /// A quota of one pod, with so many in use. Our controller hears of it as its feed tells it.
    pub(super) fn quota(&mut self, used: u8) {
        let status = json!({"hard": {"pods": "1"}, "used": {"pods": used.to_string()}});
        self.state().put(QUOTAS, json!({"metadata": {"name": "team", "namespace": "team-a"}, "status": status}));
        if used == 0 {
            self.house.wake(self.house.turns.reopen("team-a"));
        }
    }

    /// The children and the pod as Kubeflow's controller makes them.
    pub(super) fn as_kubeflow_left_it(&mut self) {
        let owner = json!([{"apiVersion": "kubeflow.org/v1beta1", "kind": "Notebook", "name": "iris", "uid": "n-1", "controller": true}]);
        let meta = json!({"name": "iris", "namespace": "team-a", "uid": "upstream", "ownerReferences": owner});
        let mut state = self.state();
        state.put(
            "services",
            json!({"kind": "Service", "metadata": meta, "spec": {"selector": {"statefulset": "iris"}}}),
        );
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
        let template = json!({"metadata": {"labels": {"statefulset": "iris", "notebook-name": "iris"}},
            "spec": {"containers": [{"name": "iris", "image": "i"}]}});
        state.put(
            "statefulsets",
            json!({"kind": "StatefulSet", "metadata": meta, "spec": {"replicas": 1, "selector": {}, "updateStrategy": strategy, "template": template}}),
        );
        let mut meta = meta;
        meta["name"] = "notebook-team-a-iris".into();
        let spec = json!({"hosts": ["*"], "http": [{"timeout": "300s"}]});
        state.put(ROUTES, json!({"kind": "VirtualService", "metadata": meta, "spec": spec}));
    }

    /// Everybody works until nothing moves and nobody waits any more. Our controller is woken as it is in a cluster: by a
    /// change, by the time that it asked for, or by the start of a new process. What it forgets to ask for never comes.
    pub(super) async fn rest(&mut self) {
        for _ in 0..100 {
            self.state().stateful_set_controller();
            let version = self.state().version;
            if version != self.seen || self.again == Some(Duration::ZERO) {
                self.seen = version;
                self.again = self.reconcile().await;
            } else if let Some(wait) = self.again.replace(Duration::ZERO) {
                tokio::time::advance(wait).await;
            } else {
                self.again = None;
                return;
            }
        }
        panic!("it does not come to rest: {:#}", self.picture());
    }

    /// How long our controller waits before it looks again; `None` if it waits for a change.
    async fn reconcile(&mut self) -> Option<Duration> {
        let stores = stores(&self.state());
        self.house.stores = stores;
        let notebook = self.house.stores.notebooks.state()[0].clone();
        // A killed process's request has no answer; longer than this no other takes.
        let done = tokio::time::timeout(Duration::from_mins(2), reconcile(notebook, &self.house)).await;
        let killed = std::mem::take(&mut self.state().killed);
        if killed || done.is_err() {
            self.house = house(&self.state);
            return Some(Duration::ZERO);
        }
        match done.ok()? {
            Ok(Next::Wait) => None,
            Ok(Next::After(wait)) => Some(wait),
            Err(error) => (error.retry() != Retry::Never).then(|| Duration::from_mins(5)),
        }
    }

    pub(super) fn requests(&self) -> usize {
        self.state().requests
    }

    pub(super) fn pods(&self) -> usize {
        self.state().pods
    }

    /// What is there, without what differs from run to run.
    pub(super) fn picture(&self) -> Value {
        let mut picture = json!(self.state().objects);
        forget(&mut picture);
        picture
    }
}

/// Versions, uids and times, and the version in the name of Open Data Hub's request.
fn forget(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for key in [
                "resourceVersion",
                "uid",
                "generation",
                "observedGeneration",
                "lastTransitionTime",
                "carrel.dev/template",
                "carrel.dev/applied",
                "carrel.dev/made-from",
            ] {
                map.remove(key);
            }
            map.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        Value::String(text) if text.starts_with(ODH_RESTART) => ODH_RESTART.clone_into(text),
        _ => {}
    }
}

impl State {
    /// Stores an object, if it differs from what stands there.
    fn put(&mut self, kind: &str, mut object: Value) -> Value {
        let old = self.objects.get(kind).cloned().unwrap_or_default();
        if object["metadata"]["uid"].is_null() {
            let uid = old["metadata"]["uid"].as_str().map_or_else(|| format!("{kind}-{}", self.version), str::to_owned);
            object["metadata"]["uid"] = uid.into();
        }
        object["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
        object["metadata"]["generation"] = old["metadata"]["generation"].clone();
        if object != old {
            self.version += 1;
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
            if object["spec"] != old["spec"] {
                object["metadata"]["generation"] = self.version.into();
            }
            self.objects.insert(kind.to_owned(), object.clone());
        }
        object
    }

    fn stateful_set_controller(&mut self) {
        let Some(mut set) = self.objects.get("statefulsets").cloned() else {
            self.version += u64::from(self.objects.remove(PODS).is_some());
            return;
        };
        let wanted = set["spec"]["replicas"] != 0;
        set["status"] = json!({"replicas": 1, "observedGeneration": set["metadata"]["generation"]});
        let (template, set_uid) = (set["spec"]["template"].clone(), set["metadata"]["uid"].clone());
        self.put("statefulsets", set);
        if !wanted {
            self.version += u64::from(self.objects.remove(PODS).is_some());
        } else if !self.objects.contains_key(PODS) {
            self.pods += 1;
            let owner = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "iris", "uid": set_uid, "controller": true}]);
            let mut pod = json!({"metadata": template["metadata"], "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
            json_patch::merge(
                &mut pod,
                &json!({"metadata": {"name": "iris-0", "namespace": "team-a", "uid": format!("p-{}", self.pods), "ownerReferences": owner}}),
            );
            self.put(PODS, pod);
        }
    }

    /// Does what is asked.
    fn serve(&mut self, method: &Method, path: &str, content: &str, body: &Value) -> (u16, Value) {
        let below = path.rsplit_once("/team-a/").unwrap().1;
        let (kind, rest) = below.split_once('/').unwrap_or((below, ""));
        let old = self.objects.get(kind).cloned();
        match (method, content) {
            (&Method::GET, _) => (200, old.unwrap()),
            // Only ever a dry run.
            (&Method::POST, _) if kind == PODS => {
                let full = self.objects.get(QUOTAS).is_some_and(|quota| quota["status"]["used"]["pods"] == "1");
                let words = "pods \"iris-0\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1";
                if full { (403, json!({"reason": "Forbidden", "message": words})) } else { (201, body.clone()) }
            }
            // An Event, which may be lost: it is not in the picture.
            (&Method::POST, _) => (201, body.clone()),
            (&Method::DELETE, _) => {
                let same = old.is_some_and(|old| old["metadata"]["uid"] == body["preconditions"]["uid"]);
                self.version += u64::from(same);
                if same {
                    self.objects.remove(kind).map_or((404, json!({})), |object| (200, object))
                } else {
                    (409, json!({}))
                }
            }
            (_, "application/merge-patch+json") => {
                let mut object = old.unwrap();
                json_patch::merge(&mut object, body);
                (200, self.put(kind, object))
            }
            (_, "application/json-patch+json") => {
                assert!(rest.ends_with("/status"));
                let mut object = old.unwrap();
                object["status"] = body[1]["value"].clone();
                (200, self.put(kind, object))
            }
            _ => {
                let mut object = body.clone();
                if let Some(old) = old {
                    let theirs = old["metadata"]["labels"]["app.kubernetes.io/managed-by"] != "carrel";
                    if theirs && !path.contains("force") && [ROUTES, "statefulsets"].contains(&kind) {
                        let details = json!({"causes": [{"reason": "FieldManagerConflict", "message": "x"}]});
                        return (409, json!({"details": details, "reason": "Conflict"}));
                    }
                    object["status"] = old["status"].clone();
                    object["metadata"]["uid"] = old["metadata"]["uid"].clone();
                }
                (200, self.put(kind, object))
            }
        }
    }
}

fn house(state: &Arc<Mutex<State>>) -> House {
    let world = state.clone();
    let client = Client::new(
        tower::service_fn(move |request: Request<Body>| {
            let world = world.clone();
            async move { answer(request, &world).await }
        }),
        "team-a",
    );
    let writer = Writer::new(client, Claim::always(), Arc::new(Metrics::default()));
    House {
        settings: Settings { routing: crate::testing::istio(), ..Settings::default() },
        stores: stores(&state.lock().unwrap()),
        writer,
        statuses: Statuses::default(),
        hush: Hush::default(),
        turns: Turns::default(),
        wake: queue().0,
    }
}

async fn answer(request: Request<Body>, world: &Mutex<State>) -> Result<Response<Body>, std::io::Error> {
    let (method, uri) = (request.method().clone(), request.uri().to_string());
    let content = request.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let bytes = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let path = uri.split('?').next().unwrap().to_owned() + if uri.contains("force=true") { "?force" } else { "" };
    let (fault, (mut code, mut reply)) = {
        let mut state = world.lock().unwrap();
        let at = state.requests;
        state.requests += 1;
        let fault = state.fault.filter(|(when, ..)| *when == at);
        let reply = match fault {
            Some((_, _, When::BeforeIt)) => (500, json!({})),
            _ => state.serve(&method, &path, &content, &body),
        };
        if matches!(fault, Some((_, Fault::Killed, _))) {
            state.killed = true;
        }
        (fault, reply)
    };
    match fault.map(|(_, fault, _)| fault) {
        None => {}
        Some(Fault::Killed | Fault::NoAnswer) => return std::future::pending().await,
        Some(Fault::Cut) => return Err(std::io::Error::other("connection reset")),
        Some(Fault::Conflict) => (code, reply) = (409, json!({"reason": "Conflict"})),
        Some(Fault::TooManyRequests) => (code, reply) = (429, json!({"reason": "TooManyRequests"})),
        Some(Fault::Internal) => (code, reply) = (500, json!({"reason": "InternalError"})),
    }
    if code >= 400 {
        let message = reply["message"].as_str().unwrap_or("refused").to_owned();
        json_patch::merge(&mut reply, &json!({"status": "Failure", "code": code, "message": message}));
    }
    Ok(Response::builder()
        .status(StatusCode::from_u16(code).unwrap())
        .body(Body::from(reply.to_string().into_bytes()))
        .unwrap())
}

/// Caches that are up to date.
fn stores(state: &State) -> Stores {
    fn filled<K>(state: &State, kind: &str) -> carrel_runtime::shelf::Shelf<K>
    where
        K: carrel_runtime::shelf::Shelved,
    {
        let mut writer = StoreWriter::<K>::default();
        if let Some(object) = state.objects.get(kind) {
            writer.apply_watcher_event(&Event::Apply(serde_json::from_value(object.clone()).unwrap()));
        }
        writer.as_reader()
    }
    Stores {
        notebooks: filled(state, "notebooks"),
        stateful_sets: filled(state, "statefulsets"),
        services: filled(state, "services"),
        pods: filled(state, PODS),
        quotas: filled(state, QUOTAS),
        limit_ranges: filled(state, "limitranges"),
        nodes: StoreWriter::default().as_reader(),
        routes: Routes {
            store: RouteStore::VirtualService(filled(state, ROUTES)),
            presence: tokio::sync::watch::channel(Presence::There).1,
        },
        evidence: Arc::default(),
    }
}
