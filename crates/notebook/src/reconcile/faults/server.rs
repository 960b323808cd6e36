//! A small API server for the objects of one Notebook, which can fail in every way, and the StatefulSet's controller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carrel_api::vocabulary::ODH_RESTART;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;

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
    /// Our process hangs until its claim is over, and another leads from then on.
    Hung,
}

impl Fault {
    pub(super) const ALL: &[Self] =
        &[Self::Conflict, Self::TooManyRequests, Self::Internal, Self::NoAnswer, Self::Cut, Self::Killed, Self::Hung];

    /// Who refuses has done nothing; of the others nobody can tell.
    pub(super) fn moments(self) -> &'static [When] {
        match self {
            Self::Conflict | Self::TooManyRequests => &[When::BeforeIt],
            Self::Internal | Self::NoAnswer | Self::Cut | Self::Killed => &[When::BeforeIt, When::AfterIt],
            Self::Hung => &[When::AfterIt, When::Late],
        }
    }
}

/// Whether the API server did what was asked before it failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    BeforeIt,
    AfterIt,
    /// It does so when another process has done all there was to do.
    Late,
}

/// What watches tell of.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Applied(Value),
    Deleted(Value),
}

#[derive(Default)]
pub(super) struct Server {
    pub(super) objects: BTreeMap<String, Value>,
    /// All that happened, by the kind that it happened to.
    pub(super) log: Vec<(String, Event)>,
    version: u64,
    pub(super) pods: usize,
    pub(super) requests: usize,
    fault: Option<(usize, Fault, When)>,
    /// The request from which on nobody answers for a while.
    away: Option<usize>,
    back: Option<Instant>,
    /// Our process was killed, or hangs.
    pub(super) killed: bool,
    pub(super) hung: bool,
    late: Option<Asked>,
}

/// A request.
struct Asked {
    method: Method,
    path: String,
    content: String,
    body: Value,
}

pub(super) const NOTEBOOKS: &str = "notebooks";
pub(super) const SETS: &str = "statefulsets";
pub(super) const SERVICES: &str = "services";
pub(super) const PODS: &str = "pods";
pub(super) const QUOTAS: &str = "resourcequotas";
pub(super) const ROUTES: &str = "virtualservices";

/// How long the API server is away.
const AWAY: Duration = Duration::from_secs(30);

impl Server {
    pub(super) fn new(fault: Option<(usize, Fault, When)>, away: Option<usize>) -> Self {
        let mut server = Self { fault, away, ..Self::default() };
        server.put(
            NOTEBOOKS,
            json!({"metadata": {"name": "iris", "namespace": "team-a", "uid": "n-1", "generation": 1},
                "spec": {"template": {"spec": {"containers": [{"name": "iris", "image": "i"}]}}}}),
        );
        server
    }

    /// How long nobody answers yet.
    pub(super) fn away(&self) -> Option<Duration> {
        self.back?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// The request that came to nobody while its process hung arrives now.
    pub(super) fn serve_late(&mut self) -> bool {
        let Some(asked) = self.late.take() else { return false };
        self.serve(&asked);
        true
    }

    pub(super) fn remove(&mut self, kind: &str) -> Option<Value> {
        let mut object = self.objects.remove(kind)?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.log.push((kind.to_owned(), Event::Deleted(object.clone())));
        Some(object)
    }

    /// Stores an object, if it differs from what stands there.
    pub(super) fn put(&mut self, kind: &str, mut object: Value) -> Value {
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
            self.log.push((kind.to_owned(), Event::Applied(object.clone())));
        }
        object
    }

    pub(super) fn stateful_set_controller(&mut self) {
        let Some(mut set) = self.objects.get("statefulsets").cloned() else {
            self.remove(PODS);
            return;
        };
        let wanted = set["spec"]["replicas"] != 0;
        set["status"] = json!({"replicas": 1, "observedGeneration": set["metadata"]["generation"]});
        let (template, set_uid) = (set["spec"]["template"].clone(), set["metadata"]["uid"].clone());
        // One of a StatefulSet that is gone goes with it.
        if self.objects.get(PODS).is_some_and(|pod| pod["metadata"]["ownerReferences"][0]["uid"] != set_uid) {
            self.remove(PODS);
        }
        self.put("statefulsets", set);
        if !wanted {
            self.remove(PODS);
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
    fn serve(&mut self, asked: &Asked) -> (u16, Value) {
        let Asked { method, path, content, body } = asked;
        let below = path.rsplit_once("/team-a/").unwrap().1;
        let (kind, rest) = below.split_once('/').unwrap_or((below, ""));
        let old = self.objects.get(kind).cloned();
        match (method, content.as_str()) {
            (&Method::GET, _) => old.map_or_else(missing, |old| (200, old)),
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
                if same { self.remove(kind).map_or((404, json!({})), |object| (200, object)) } else { (409, json!({})) }
            }
            (_, "application/merge-patch+json") => {
                let Some(mut object) = old else { return missing() };
                if body["metadata"].get("uid").is_some_and(|uid| *uid != object["metadata"]["uid"]) {
                    return (409, json!({"reason": "Conflict"}));
                }
                json_patch::merge(&mut object, body);
                (200, self.put(kind, object))
            }
            (_, "application/json-patch+json") => {
                assert!(rest.ends_with("/status"));
                let Some(mut object) = old else { return missing() };
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
                    if let Some(status) = old.get("status") {
                        object["status"] = status.clone();
                    }
                    object["metadata"]["uid"] = old["metadata"]["uid"].clone();
                }
                (200, self.put(kind, object))
            }
        }
    }
}

fn missing() -> (u16, Value) {
    (404, json!({"reason": "NotFound"}))
}

/// A client of one process of ours.
pub(super) fn client(server: &Arc<Mutex<Server>>) -> Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move { answer(request, &server).await }
    });
    Client::new(service, "team-a")
}

async fn answer(request: Request<Body>, server: &Mutex<Server>) -> Result<Response<Body>, std::io::Error> {
    let (method, uri) = (request.method().clone(), request.uri().to_string());
    let content = request.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let bytes = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let path = uri.split('?').next().unwrap().to_owned() + if uri.contains("force=true") { "?force" } else { "" };
    let asked = Asked { method, path, content, body };
    let (fault, (mut code, mut reply)) = {
        let mut server = server.lock().unwrap();
        assert!(!server.hung, "a process whose claim is over writes");
        let at = server.requests;
        server.requests += 1;
        if server.away == Some(at) {
            server.back = Some(Instant::now() + AWAY);
        }
        if server.away().is_some() {
            return Err(std::io::Error::other("connection refused"));
        }
        let fault = server.fault.filter(|(when, ..)| *when == at);
        match fault {
            Some((_, Fault::Killed, _)) => server.killed = true,
            Some((_, Fault::Hung, _)) => server.hung = true,
            _ => {}
        }
        let reply = match fault {
            Some((_, _, When::BeforeIt)) => (500, json!({})),
            Some((_, _, When::Late)) => {
                server.late = Some(asked);
                (500, json!({}))
            }
            _ => server.serve(&asked),
        };
        (fault, reply)
    };
    match fault.map(|(_, fault, _)| fault) {
        None => {}
        Some(Fault::Killed | Fault::Hung | Fault::NoAnswer) => return std::future::pending().await,
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

/// Versions, uids and times, and the version in the name of Open Data Hub's request.
pub(super) fn forget(value: &mut Value) {
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
