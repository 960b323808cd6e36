//! A small API server, which can fail in every way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::objects::{NAMESPACE, Objects};
use crate::serve::{Asked, Refuses};
use crate::trouble::{Fault, Trouble, When};

/// How long the API server is away.
const AWAY: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) objects: Objects,
    refuses: Refuses,
    pub(crate) requests: usize,
    fault: Option<(usize, Fault, When)>,
    /// The request from which on nobody answers for a while.
    away: Option<usize>,
    back: Option<Instant>,
    /// Our process was killed, or hangs.
    pub(crate) killed: bool,
    pub(crate) hung: bool,
    late: Option<Asked>,
}

impl Server {
    pub(crate) fn new(objects: Objects, refuses: Refuses, trouble: &Trouble) -> Self {
        Self {
            objects,
            refuses,
            requests: 0,
            fault: trouble.request,
            away: trouble.away,
            back: None,
            killed: false,
            hung: false,
            late: None,
        }
    }

    /// How long nobody answers yet.
    pub(crate) fn away(&self) -> Option<Duration> {
        self.back?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// The request that came to nobody while its process hung arrives now.
    pub(crate) fn serve_late(&mut self) -> bool {
        let Some(asked) = self.late.take() else { return false };
        asked.serve(&mut self.objects, self.refuses);
        true
    }
}

/// A client of one process of ours.
pub(crate) fn client(server: &Arc<Mutex<Server>>) -> Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move { answer(request, &server).await }
    });
    Client::new(service, NAMESPACE)
}

async fn answer(request: Request<Body>, server: &Mutex<Server>) -> Result<Response<Body>, std::io::Error> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let content = request.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let bytes = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    let asked = Asked { method, path, query, content, body };
    let (fault, (mut code, mut reply)) = {
        let mut server = server.lock().unwrap();
        assert!(!server.hung, "a process whose claim is over writes: {} {}", asked.method, asked.path);
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
            _ => {
                let refuses = server.refuses;
                asked.serve(&mut server.objects, refuses)
            }
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
