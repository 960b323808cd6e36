//! A scene, and a process of ours that may die.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use carrel_runtime::apply::Retry;
use carrel_runtime::backoff::Backoff;
use carrel_runtime::lease::{Claim, Keeper, Settings as Lease};
use carrel_runtime::runner::Next;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::caches::Caches;
use crate::objects::Objects;
use crate::process::{Parts, Process};
use crate::scene::Scene;
use crate::server::{Server, client};
use crate::trouble::{Fault, Trouble};

pub(crate) struct World<S: Scene> {
    server: Arc<Mutex<Server>>,
    trouble: Trouble,
    running: Running<S::Process>,
    /// When it looks again by itself.
    again: Option<Duration>,
}

/// A process of ours, and who keeps its claim.
struct Running<P> {
    process: P,
    caches: Caches,
    backoff: Arc<Backoff>,
    keeper: Option<JoinHandle<()>>,
}

impl<P> Drop for Running<P> {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

impl<S: Scene> World<S> {
    /// A world in which these steps were before.
    pub(crate) async fn new(trouble: Trouble, before: &[S::Step]) -> Self {
        let mut objects = Objects::default();
        S::begin(&mut objects);
        for step in before {
            S::happens(*step, &mut objects);
        }
        let server = Arc::new(Mutex::new(Server::new(objects, S::refusal, &trouble)));
        let running = Running::start(&server, &trouble).await;
        Self { server, trouble, running, again: None }
    }

    pub(crate) fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap()
    }

    /// Everybody works until nothing moves and nobody waits any more. Our controller is woken as it is in a cluster: by its
    /// feeds, by the time that it asked for, or by the start of a new process. What it forgets to ask for never comes.
    pub(crate) async fn rest(&mut self) {
        for _ in 0..300 {
            let away = self.server().away();
            let seen = self.server().objects.log.len();
            if away.is_none() {
                S::work(&mut self.server().objects);
                self.running.keep_up(&self.server, &self.trouble);
            }
            if self.running.process.is_woken() || self.again == Some(Duration::ZERO) {
                self.again = self.reconcile().await;
            } else if away.is_none() && self.running.catch_up(&self.server, &self.trouble)
                || self.server().objects.log.len() > seen
            {
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

    /// How long our controller waits before it looks again; `None` if it waits for a change.
    async fn reconcile(&mut self) -> Option<Duration> {
        // A killed process's request has no answer; longer than this no other takes.
        let done = tokio::time::timeout(Duration::from_mins(2), self.running.process.reconcile()).await;
        let ends = {
            let mut server = self.server();
            std::mem::take(&mut server.killed) | std::mem::take(&mut server.hung)
        };
        if ends || done.is_err() {
            let calm = Trouble { request: None, ..self.trouble.clone() };
            self.running = Running::start(&self.server, &calm).await;
            return Some(Duration::ZERO);
        }
        let (key, backoff) = (S::Process::key(), &self.running.backoff);
        match done.ok()?? {
            Ok(next) => {
                backoff.clear(&key);
                if let Next::After(wait) = next { Some(wait) } else { None }
            }
            Err(error) => match error.retry() {
                Retry::Never => None,
                Retry::Soon => Some(backoff.failed(&key)),
                Retry::Late => Some(backoff.longest()),
            },
        }
    }

    /// What is there, without what differs from life to life.
    pub(crate) fn picture(&self) -> Value {
        self.server().objects.picture(S::LEFT_OUT, S::forget)
    }
}

impl<P: Process> Running<P> {
    async fn start(server: &Arc<Mutex<Server>>, trouble: &Trouble) -> Self {
        let (claim, keeper) = match trouble.request {
            Some((_, Fault::Hung, _)) => held(server).await,
            _ => (Claim::always(), None),
        };
        let backoff = Arc::<Backoff>::default();
        let clock = if trouble.clock_steps { stepping_clock } else { Timestamp::now };
        let mut process = P::start(Parts { client: client(server), claim, clock, backoff: backoff.clone() });
        let mut caches = Caches::default();
        caches.list_all(&mut process, &server.lock().unwrap().objects);
        process.line_up();
        Self { process, caches, backoff, keeper }
    }

    fn keep_up(&mut self, server: &Mutex<Server>, trouble: &Trouble) {
        self.caches.keep_up(&mut self.process, &server.lock().unwrap().objects, &trouble.watches);
    }

    fn catch_up(&mut self, server: &Mutex<Server>, trouble: &Trouble) -> bool {
        self.caches.catch_up(&mut self.process, &server.lock().unwrap().objects, &trouble.watches)
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
