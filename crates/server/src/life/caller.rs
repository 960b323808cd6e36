//! Tells a URL of the admin's of each stop that is announced, cancelled or done, so that people hear of it where they are.

use std::time::Duration;

use carrel_activity::prober::Server;
use carrel_api::activity::StopCause;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tracing::warn;

/// What happened to an announced stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum News {
    Announced,
    Cancelled,
    Stopped,
}

/// What is sent, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call {
    pub(super) event: News,
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) cause: StopCause,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

impl Call {
    pub(super) fn of(server: &Server, event: News, cause: StopCause) -> Self {
        let (namespace, name) = (server.key.namespace.clone(), server.key.name.clone());
        Self { event, kind: server.kind, namespace, name, cause, at: None, by: None, message: None }
    }
}

/// Takes calls, and never waits. Without somebody to call it does nothing.
#[derive(Clone, Debug, Default)]
pub struct Caller(Option<mpsc::Sender<Call>>);

/// More calls than this wait only when the receiver is away; those that come then are left out, as a stop never waits for it.
const WAITING: usize = 1024;
/// How long a call may take.
const LIMIT: Duration = Duration::from_secs(5);

impl Caller {
    /// One that calls this path of the client's server, and the future that does so, which never ends.
    pub fn new(client: kube::Client, path: String) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, mut calls) = mpsc::channel::<Call>(WAITING);
        let calling = async move {
            while let Some(call) = calls.recv().await {
                let why = match tokio::time::timeout(LIMIT, post(&client, &path, &call)).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => format!("no answer within {} s", LIMIT.as_secs()),
                };
                let object = format!("{}/{}", call.namespace, call.name);
                warn!(object, event = ?call.event, "--warn-url was not told: {why}");
            }
            std::future::pending::<()>().await;
        };
        (Self(Some(sender)), calling)
    }

    pub(super) fn call(&self, call: Call) {
        let Some(sender) = &self.0 else { return };
        if sender.try_send(call).is_err() {
            warn!("--warn-url takes calls too slowly, and is not told of one");
        }
    }
}

async fn post(client: &kube::Client, path: &str, call: &Call) -> Result<(), kube::Error> {
    let body = serde_json::to_vec(call).map_err(kube::Error::SerdeError)?;
    let request = http::Request::post(path).header(http::header::CONTENT_TYPE, "application/json").body(body);
    client.request_text(request.map_err(kube::Error::HttpError)?).await.map(drop)
}
