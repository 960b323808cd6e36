//! Reconciles against a scripted API server that counts: one request too many fails a test.

use std::sync::Mutex;
use std::time::Duration;

use carrel_runtime::apply::Retry;
use carrel_runtime::bounds::BoundsFeed;
use carrel_runtime::hush::MOMENT;
use carrel_runtime::lease::Claim;
use carrel_runtime::metrics::Metrics;
use carrel_runtime::presence::Presence;
use carrel_runtime::process::Health;
use carrel_runtime::shelf::ShelfWriter as StoreWriter;
use carrel_runtime::wake::queue;
use carrel_server::protection::Shelves;
use carrel_server::route::{RouteStore, Routes};
use carrel_server::slim_pod::SlimPod;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use kube::client::Body;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;

/// What the API server does with a write.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Takes,
    Refuses,
    Breaks,
    Hangs,
    /// Another object has the name; a read brings it.
    Taken,
}

/// What a read brings: a StatefulSet of this owner.
const THEIRS: &str = "theirs";

/// A Notebook, the stores of its controller, and an API server that answers as `moods` say.
struct Desk {
    house: House,
    requests: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<Value>>>,
    notebooks: StoreWriter<Notebook>,
    stateful_sets: StoreWriter<StatefulSet>,
    services: StoreWriter<Service>,
}

fn fill<K>(writer: &mut StoreWriter<K>, object: Value)
where
    K: carrel_runtime::shelf::Shelved,
{
    writer.apply_watcher_event(&Event::Apply(serde_json::from_value(object).unwrap()));
}

impl Desk {
    fn new(mood: fn(&str) -> Mood) -> Self {
        let (requests, answers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let client = client(mood, requests.clone(), answers.clone());
        let mut notebooks = StoreWriter::default();
        let (stateful_sets, services, pods) =
            (StoreWriter::default(), StoreWriter::default(), StoreWriter::<SlimPod>::default());
        fill(&mut notebooks, notebook());
        let stores = Stores {
            notebooks: notebooks.as_reader(),
            stateful_sets: stateful_sets.as_reader(),
            services: services.as_reader(),
            pods: pods.as_reader(),
            bounds: BoundsFeed::new(&Health::default()).bounds(),
            nodes: StoreWriter::default().as_reader(),
            protection: Shelves {
                budgets: StoreWriter::default().as_reader(),
                nodes: StoreWriter::default().as_reader(),
            },
            routes: Routes::off(),
            evidence: Arc::default(),
        };
        let kit = Kit::new(client, Claim::always(), Arc::new(Metrics::default()), queue().0);
        let house = House { settings: Settings::default(), stores, kit, lives: Lives::of_nobody() };
        Self { house, requests, answers, notebooks, stateful_sets, services }
    }

    /// The same, with routes as Kubeflow makes them.
    fn with_routes(mood: fn(&str) -> Mood) -> Self {
        let mut desk = Self::new(mood);
        desk.house.settings.routing = crate::testing::istio();
        desk.house.stores.routes = Routes {
            store: RouteStore::VirtualService(StoreWriter::default().as_reader()),
            presence: tokio::sync::watch::channel(Presence::There).1,
        };
        desk
    }

    /// Reconciles once and returns what was sent.
    async fn reconcile(&self) -> (Result<Next, WriteError>, Vec<String>) {
        let notebook = self.notebooks.as_reader().state()[0].clone();
        let result = reconcile(notebook, &self.house).await;
        (result, std::mem::take(&mut *self.requests.lock().unwrap()))
    }

    /// The watches bring what was written.
    fn catch_up(&mut self) {
        for object in std::mem::take(&mut *self.answers.lock().unwrap()) {
            match object["kind"].as_str() {
                Some("StatefulSet") => fill(&mut self.stateful_sets, object),
                Some("Service") => fill(&mut self.services, object),
                _ => fill(&mut self.notebooks, object),
            }
        }
    }
}

fn client(mood: fn(&str) -> Mood, requests: Arc<Mutex<Vec<String>>>, answers: Arc<Mutex<Vec<Value>>>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let (requests, answers) = (requests.clone(), answers.clone());
        async move { Ok::<_, std::convert::Infallible>(answer(request, mood, &requests, &answers).await) }
    });
    Client::new(service, "team-a")
}

/// Answers a write with the object as it then stands, with a uid and a growing resourceVersion.
async fn answer(
    request: Request<Body>,
    mood: fn(&str) -> Mood,
    requests: &Mutex<Vec<String>>,
    answers: &Mutex<Vec<Value>>,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let word = format!("{} {}", request.method(), path.rsplit_once("/namespaces/").unwrap().1);
    let force = request.uri().query().unwrap_or_default().contains("force=true");
    requests.lock().unwrap().push(if force { format!("{word} force") } else { word.clone() });
    if request.method() == Method::GET {
        assert!(mood(&word.replace("GET", "PATCH")) == Mood::Taken, "a reconcile reads nothing else");
        let controller =
            json!([{"apiVersion": "v1", "kind": "Database", "name": THEIRS, "uid": THEIRS, "controller": true}]);
        return say(
            200,
            &json!({"metadata": {"name": "iris", "namespace": "team-a", "uid": "u", "ownerReferences": controller},
            "spec": {"selector": {}, "template": {}}}),
        );
    }
    if request.method() == Method::POST {
        // Events are told apart by their reason.
        let event: Value = serde_json::from_slice(&request.into_body().collect().await.unwrap().to_bytes()).unwrap();
        requests.lock().unwrap().pop();
        requests.lock().unwrap().push(format!("Event {}", event["reason"].as_str().unwrap()));
        return say(201, &event);
    }
    assert_eq!(request.method(), Method::PATCH);
    let body: Value = serde_json::from_slice(&request.into_body().collect().await.unwrap().to_bytes()).unwrap();
    match mood(&word) {
        Mood::Hangs => return std::future::pending().await,
        Mood::Breaks => return fail(500, "InternalError", "etcd is away"),
        Mood::Refuses => return fail(422, "Invalid", "StatefulSet.apps \"iris\" is invalid: image"),
        Mood::Taken => {
            let details = json!({"causes": [{"reason": "FieldManagerConflict", "message": "conflict"}]});
            return say(
                409,
                &json!({"status": "Failure", "code": 409, "reason": "Conflict", "message": "conflicts", "details": details}),
            );
        }
        Mood::Takes => {}
    }
    let mut answers = answers.lock().unwrap();
    let version = (answers.len() + 10).to_string();
    let mut object = if path.ends_with("/status") {
        let mut notebook = notebook();
        notebook["status"] = body[1]["value"].clone();
        notebook
    } else {
        body
    };
    object["metadata"]["resourceVersion"] = version.into();
    if object["metadata"]["uid"].is_null() {
        object["metadata"]["uid"] = path.into();
    }
    answers.push(object.clone());
    say(200, &object)
}

fn say(code: u16, body: &Value) -> Response<Body> {
    let body = Body::from(body.to_string().into_bytes());
    Response::builder().status(StatusCode::from_u16(code).unwrap()).body(body).unwrap()
}

fn fail(code: u16, reason: &str, message: &str) -> Response<Body> {
    say(code, &json!({"status": "Failure", "code": code, "reason": reason, "message": message}))
}

fn notebook() -> Value {
    json!({
        "metadata": {"name": "iris", "namespace": "team-a", "uid": "n-1", "resourceVersion": "1", "generation": 1},
        "spec": {"template": {"spec": {"containers": [
            {"name": "iris", "image": "i", "resources": {"limits": {"cpu": 1}}}]}}},
    })
}

const SERVICE: &str = "PATCH team-a/services/iris";
const SET: &str = "PATCH team-a/statefulsets/iris";
const STATUS: &str = "PATCH team-a/notebooks/iris/status";
const ROUTE: &str = "PATCH team-a/virtualservices/notebook-team-a-iris";

#[tokio::test(start_paused = true)]
async fn a_new_notebook_takes_three_writes_and_a_settled_one_none() {
    let mut desk = Desk::new(|_| Mood::Takes);
    let (result, sent) = desk.reconcile().await;
    assert_eq!(sent, [SERVICE, SET], "without force: what the cache does not hold may be another's");
    assert_eq!(result.unwrap(), Next::After(MOMENT), "that it is being made may be over in a moment");

    tokio::time::advance(MOMENT).await;
    let (result, sent) = desk.reconcile().await;
    assert_eq!(sent, [STATUS, "Event Created"], "the caches are behind, and nothing is written twice");
    assert!(matches!(result.unwrap(), Next::After(_)));

    desk.catch_up();
    let (result, sent) = desk.reconcile().await;
    assert_eq!(sent, [""; 0], "settled");
    assert_eq!(result.unwrap(), Next::Wait);
}

#[tokio::test]
async fn drift_of_one_child_is_repaired_alone_and_by_force() {
    let mut desk = Desk::new(|_| Mood::Takes);
    desk.reconcile().await.0.unwrap();
    desk.catch_up();
    let service = desk.services.as_reader().state()[0].clone();
    let mut drifted = serde_json::to_value(service.as_ref()).unwrap();
    drifted["spec"]["selector"]["statefulset"] = "another".into();
    drifted["metadata"]["resourceVersion"] = "99".into();
    fill(&mut desk.services, drifted);
    assert_eq!(desk.reconcile().await.1, [format!("{SERVICE} force")]);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_status_once_and_not_tried_again_by_itself() {
    let mut desk = Desk::new(|word| if word == SET { Mood::Refuses } else { Mood::Takes });
    let (result, sent) = desk.reconcile().await;
    assert_eq!(sent, [SERVICE, SET, STATUS, "Event Refused"]);
    assert_eq!(result.unwrap_err().retry(), Retry::Late);
    let status = desk.answers.lock().unwrap()[1]["status"].clone();
    assert_eq!((status["phase"].as_str(), status["reason"].as_str()), (Some("Error"), Some("Refused")));
    desk.catch_up();
    assert_eq!(desk.reconcile().await.1, [SET], "the status has it already");
}

#[tokio::test]
async fn whose_a_taken_name_is_takes_one_read_and_is_told() {
    let desk = Desk::new(|word| if word == SET { Mood::Taken } else { Mood::Takes });
    let (result, sent) = desk.reconcile().await;
    assert_eq!(sent, [SERVICE, SET, "GET team-a/statefulsets/iris", STATUS, "Event NameTaken"]);
    assert_eq!(result.unwrap_err().retry(), Retry::Soon, "nobody tells when a stranger's object goes");
    let status = desk.answers.lock().unwrap()[1]["status"].clone();
    assert_eq!(status["reason"], "NameTaken");
    let message = status["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("belongs to Database theirs"), "{message}");
}

#[tokio::test]
async fn a_route_is_written_last_and_its_refusal_is_the_routes_alone() {
    let desk = Desk::with_routes(|word| if word == ROUTE { Mood::Refuses } else { Mood::Takes });
    let (result, sent) = desk.reconcile().await;
    assert_eq!(sent, [SERVICE, SET, ROUTE, STATUS, "Event Created", "Event Refused"]);
    assert_eq!(result.unwrap_err().retry(), Retry::Late);
    let status = desk.answers.lock().unwrap()[2]["status"].clone();
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Starting"), &json!("Pending")));
    let routed = status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Routed").unwrap();
    assert_eq!((&routed["status"], &routed["reason"]), (&json!("False"), &json!("Refused")));
}

#[tokio::test]
async fn whose_the_name_of_a_route_is_takes_one_read_and_no_other_child_is_written_again() {
    let desk = Desk::with_routes(|word| if word == ROUTE { Mood::Taken } else { Mood::Takes });
    let (result, sent) = desk.reconcile().await;
    assert_eq!(sent, [SERVICE, SET, ROUTE, &ROUTE.replace("PATCH", "GET"), STATUS, "Event Created", "Event NameTaken"]);
    assert_eq!(result.unwrap_err().retry(), Retry::Soon);
    let status = desk.answers.lock().unwrap()[2]["status"].clone();
    let routed = status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Routed").unwrap();
    assert_eq!(
        routed["message"],
        "the VirtualService notebook-team-a-iris belongs to Database theirs; it is left alone"
    );
}

#[tokio::test]
async fn a_fault_of_the_server_is_told_and_tried_again() {
    let desk = Desk::new(|word| if word == SERVICE { Mood::Breaks } else { Mood::Takes });
    let (result, sent) = desk.reconcile().await;
    assert_eq!(
        sent,
        [SERVICE, SET, STATUS, "Event Created", "Event WriteFailed"],
        "one child that fails does not keep the other"
    );
    assert_eq!(result.unwrap_err().retry(), Retry::Soon);
    assert_eq!(desk.answers.lock().unwrap()[1]["status"]["reason"], "WriteFailed");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_holds_a_key_for_a_bounded_time() {
    let desk = Desk::new(|word| if word == SET { Mood::Hangs } else { Mood::Takes });
    let started = tokio::time::Instant::now();
    let (result, _) = desk.reconcile().await;
    assert!(matches!(result, Err(WriteError::Timeout(_))));
    assert_eq!(started.elapsed().as_secs(), 15);
}

/// A dead watch is noticed late: the Notebook in the cache may be older than what its StatefulSet was made from.
#[tokio::test]
async fn nothing_is_written_for_a_text_that_is_older_than_what_stands_there() {
    let mut desk = Desk::new(|_| Mood::Takes);
    desk.reconcile().await.0.unwrap();
    desk.catch_up();
    let set = desk.stateful_sets.as_reader().state()[0].clone();
    let mut newer = serde_json::to_value(set.as_ref()).unwrap();
    let annotations = &mut newer["spec"]["template"]["metadata"]["annotations"];
    annotations["carrel.dev/made-from"] = "n-1/2".into();
    annotations["carrel.dev/template"] = "newer".into();
    newer["metadata"]["resourceVersion"] = "99".into();
    fill(&mut desk.stateful_sets, newer.clone());
    let (result, wrote) = desk.reconcile().await;
    assert_eq!(wrote, [""; 0]);
    assert!(matches!(result.unwrap(), Next::After(_)), "a watch that never comes back must not hold it for ever");

    // What stands there may be of another Notebook of the same name, before.
    newer["spec"]["template"]["metadata"]["annotations"]["carrel.dev/made-from"] = "n-0/2".into();
    newer["metadata"]["resourceVersion"] = "100".into();
    fill(&mut desk.stateful_sets, newer);
    assert_eq!(desk.reconcile().await.1, [format!("{SET} force")]);
}

#[tokio::test]
async fn who_does_not_hold_the_lease_writes_nothing() {
    let mut desk = Desk::new(|_| Mood::Takes);
    let settings = carrel_runtime::lease::Settings {
        namespace: "n".into(),
        name: "l".into(),
        identity: "i".into(),
        duration: Duration::from_secs(15),
    };
    let silent = client(|_| Mood::Hangs, desk.requests.clone(), desk.answers.clone());
    let (_keeper, claim) = carrel_runtime::lease::Keeper::new(silent.clone(), settings);
    desk.house.kit.writer = Writer::new(silent, claim, Arc::new(Metrics::default()));
    assert_eq!(desk.reconcile().await.1, [""; 0]);
}
