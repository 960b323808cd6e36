//! A server that answers as Jupyter does, in the place of a pod that a fake node only claims to run.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Arguments with which controllers ask stand-ins: each once a second, at its pod's address.
pub const ASKING: &[&str] = &["--probe=true", "--probe-via=pod", "--probe-period=1s"];

/// What it answers from now on.
#[derive(Clone, Copy, Debug)]
pub enum Says {
    /// One kernel, which is busy.
    Busy,
    /// One kernel, last used at this time.
    IdleSince(Timestamp),
    /// No: it is somebody else's, as a mesh says.
    Forbidden,
    /// Nothing, and the caller waits.
    Nothing,
}

/// A running server; it ends when dropped.
pub struct StandIn {
    /// Where it listens on this machine.
    pub port: u16,
    says: Arc<Mutex<Says>>,
    asked: Arc<AtomicU32>,
    paths: Arc<Mutex<VecDeque<String>>>,
    serving: JoinHandle<()>,
}

/// How many of the last paths are remembered.
const PATHS: usize = 16;

impl StandIn {
    /// Listens on a port of its own.
    pub async fn new(says: Says) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (says, asked) = (Arc::new(Mutex::new(says)), Arc::new(AtomicU32::new(0)));
        let paths = Arc::new(Mutex::new(VecDeque::new()));
        let (answers, count, last) = (says.clone(), asked.clone(), paths.clone());
        let router = Router::new().fallback(move |uri: Uri| {
            count.fetch_add(1, Ordering::Relaxed);
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            last.push_back(uri.path().to_owned());
            if last.len() > PATHS {
                last.pop_front();
            }
            let says = *answers.lock().unwrap_or_else(PoisonError::into_inner);
            async move { answer(says, uri.path()).await }
        });
        let serving = tokio::spawn(async move {
            // It ends with the test, which then reads nothing of it.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { port, says, asked, paths, serving })
    }

    /// The same as a spec of a pod on the network of its host, where the fake node's address is this machine's.
    pub fn pod_spec(&self) -> String {
        let port = self.port;
        format!("{{hostNetwork: true, containers: [{{name: a, image: i, ports: [{{containerPort: {port}}}]}}]}}")
    }

    /// It answers so from now on.
    pub fn say(&self, says: Says) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    /// How many requests came.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// The paths of the last requests.
    pub fn paths(&self) -> Vec<String> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(says: Says, path: &str) -> Response {
    let kernels = match says {
        Says::Forbidden => return (StatusCode::FORBIDDEN, "RBAC: access denied").into_response(),
        Says::Nothing => return std::future::pending().await,
        Says::Busy => json!([{"execution_state": "busy", "last_activity": Timestamp::now()}]),
        Says::IdleSince(at) => json!([{"execution_state": "idle", "last_activity": at}]),
    };
    if path.ends_with("/api/kernels") {
        kernels.to_string().into_response()
    } else if path.ends_with("/api/terminals") {
        "[]".into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}
