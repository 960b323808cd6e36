//! The keeper against a small API server in memory, under paused time.

use super::*;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Holds one Lease, and can be made deaf.
#[derive(Clone, Default)]
struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    deaf: bool,
    requests: Vec<Method>,
}

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request| {
            let server = server.clone();
            async move { Ok::<_, std::convert::Infallible>(server.answer(request).await) }
        });
        Client::new(service, "n")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let method = request.method().clone();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        if self.state.lock().unwrap().deaf {
            return std::future::pending().await;
        }
        let mut state = self.state.lock().unwrap();
        state.requests.push(method.clone());
        let say = |code: u16, body: Value| {
            let body = Body::from(body.to_string().into_bytes());
            Response::builder().status(StatusCode::from_u16(code).unwrap()).body(body).unwrap()
        };
        let refuse = |code: u16, reason: &str| {
            say(code, json!({"status": "Failure", "code": code, "reason": reason, "message": reason}))
        };
        if method == Method::GET {
            return state.lease.clone().map_or_else(|| refuse(404, "NotFound"), |lease| say(200, lease));
        }
        if method == Method::PUT && state.lease.is_none() {
            return refuse(404, "NotFound");
        }
        let mut sent: Value = serde_json::from_slice(&body).unwrap();
        let held = state.lease.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
        if held.is_some_and(|held| held != sent["metadata"]["resourceVersion"]) {
            return refuse(409, "Conflict");
        }
        state.version += 1;
        sent["metadata"]["resourceVersion"] = state.version.to_string().into();
        state.lease = Some(sent.clone());
        say(200, sent)
    }

    fn holder(&self) -> String {
        let state = self.state.lock().unwrap();
        state.lease.as_ref().map_or("", |lease| lease["spec"]["holderIdentity"].as_str().unwrap()).to_owned()
    }

    fn keeper(&self, identity: &str, seconds: u64) -> (Keeper, Claim) {
        let settings = Settings {
            namespace: "n".into(),
            name: "l".into(),
            identity: identity.into(),
            duration: Duration::from_secs(seconds),
        };
        Keeper::new(self.client(), settings)
    }

    fn start(&self, identity: &str) -> (Claim, tokio::task::JoinHandle<()>) {
        self.start_with(identity, 15)
    }

    fn start_with(&self, identity: &str, seconds: u64) -> (Claim, tokio::task::JoinHandle<()>) {
        let (mut keeper, claim) = self.keeper(identity, seconds);
        (claim, tokio::spawn(async move { keeper.run(std::future::pending(), |_| ()).await }))
    }
}

async fn after(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn one_of_two_leads_and_renews_with_one_request_a_turn() {
    let server = Server::default();
    let (first, _a) = server.start("first");
    after(1).await;
    let (second, _b) = server.start("second");
    after(60).await;
    assert!(first.time_left().is_some() && second.time_left().is_none());
    let renewals = server.state.lock().unwrap().requests.iter().filter(|method| **method == Method::PUT).count();
    assert_eq!(renewals, 12, "every 5 s, without asking first");
}

#[tokio::test(start_paused = true)]
async fn who_can_not_renew_stops_writing_before_another_may_start() {
    let server = Server::default();
    let (first, frozen) = server.start("first");
    after(1).await;
    let (second, _b) = server.start("second");
    after(1).await;
    frozen.abort();
    after(10).await;
    assert!(first.time_left().is_none(), "two thirds of 15 s are over");
    assert!(second.time_left().is_none(), "and the other still waits");
    after(10).await;
    assert!(second.time_left().is_some());
    assert_eq!(server.holder(), "second");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_taken_as_soon_as_it_lapses() {
    let server = Server::default();
    let spec = json!({"holderIdentity": "gone", "leaseDurationSeconds": 7});
    server.state.lock().unwrap().lease = Some(json!({"metadata": {"name": "l", "resourceVersion": "1"}, "spec": spec}));
    let (second, _task) = server.start_with("second", 60);
    after(6).await;
    assert!(second.time_left().is_none());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(second.time_left().is_some(), "not at the next look, which would be at 8 s");
    after(30).await;
    let asked = server.state.lock().unwrap().requests.len();
    assert_eq!(asked, 2 + 2 + 1, "looks at 0 and 4 s, one to take it at 7 s and the taking, and the renewal at 27 s");
}

#[tokio::test(start_paused = true)]
async fn another_leads_a_second_after_the_lease_of_one_that_ends_right_after_a_renewal() {
    let server = Server::default();
    let (_, ended) = server.start("first");
    after(4).await;
    let (second, _task) = server.start("second");
    tokio::time::sleep(Duration::from_millis(6500)).await;
    // Half a second after its renewal at 10 s.
    ended.abort();
    after(14).await;
    assert!(second.time_left().is_none(), "the lease is good until 25 s");
    after(2).await;
    assert!(second.time_left().is_some(), "however its renewals and the looks at it fall");
    assert_eq!(server.holder(), "second");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_deletes_makes_no_second_leader() {
    let server = Server::default();
    let (first, _a) = server.start("first");
    after(1).await;
    let (second, _b) = server.start("second");
    after(1).await;
    server.state.lock().unwrap().lease = None;
    for _ in 0..30 {
        assert!(first.time_left().is_some() && second.time_left().is_none());
        after(1).await;
    }
    assert_eq!(server.holder(), "first", "it made it anew");
}

#[tokio::test(start_paused = true)]
async fn a_deaf_server_ends_the_claim_in_time_and_a_healed_one_brings_it_back() {
    let server = Server::default();
    let (mut claim, _task) = server.start("only");
    after(1).await;
    assert!(claim.time_left().is_some());
    server.state.lock().unwrap().deaf = true;
    after(11).await;
    assert!(claim.time_left().is_none());
    server.state.lock().unwrap().deaf = false;
    tokio::time::timeout(Duration::from_secs(20), claim.gained()).await.expect("it began to hold");
    tokio::time::timeout(Duration::from_secs(20), claim.gained()).await.expect_err("renewals are no beginning");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_gives_it_up_at_once() {
    let server = Server::default();
    let (mut first, claim) = server.keeper("first", 15);
    first.run(after(1), |_| ()).await;
    assert!(claim.time_left().is_some());
    first.release().await;
    assert!(claim.time_left().is_none());
    let (second, _task) = server.start("second");
    after(1).await;
    assert!(second.time_left().is_some());
}

/// A reconcile may have given up in the gap, however short.
#[tokio::test(start_paused = true)]
async fn a_lapse_that_nobody_saw_is_still_a_gain() {
    let server = Server::default();
    let (mut claim, _task) = server.start("only");
    claim.gained().await;
    // Deaf from the renewal at 5 s to just before the one at 15 s: the claim lapses at 10 s.
    after(4).await;
    server.state.lock().unwrap().deaf = true;
    after(10).await;
    server.state.lock().unwrap().deaf = false;
    tokio::time::timeout(Duration::from_secs(5), claim.gained()).await.expect("it lapsed and holds again");
}
