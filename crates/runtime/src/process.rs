//! How a process shows that it is alive and ready, and how it ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// What the process still waits for before it is ready. Leadership does not matter to it: a replica in reserve is ready.
#[derive(Clone, Debug, Default)]
pub struct Health {
    pending: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

impl Health {
    /// Adds something to wait for.
    pub fn wait_for(&self, what: &'static str) -> Pending {
        self.pending.lock().insert(what, None);
        Pending { what, health: self.clone() }
    }

    /// What is still waited for, a line each; empty when ready.
    pub fn waits_for(&self) -> Vec<String> {
        let pending = self.pending.lock();
        let line = |(what, problem): (&&str, &Option<String>)| match problem {
            Some(problem) => format!("{what}: {problem}"),
            None => format!("{what}: the cache is not filled yet"),
        };
        pending.iter().map(line).collect()
    }
}

/// Something that is waited for, until it is done.
#[derive(Debug)]
pub struct Pending {
    what: &'static str,
    health: Health,
}

impl Pending {
    /// Says why it takes longer.
    pub fn say(&self, problem: String) {
        self.health.pending.lock().insert(self.what, Some(problem));
    }

    /// It is there.
    pub fn done(self) {
        self.health.pending.lock().remove(self.what);
    }
}

/// The address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}: {source}; choose another with --listen")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Listens for `/livez`, `/readyz` and `/metrics`.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, source })
}

/// Serves `/livez`, `/readyz` and `/metrics` until `end` comes.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: Arc<Metrics>,
    end: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let ready = move || async move {
        let waits = health.waits_for();
        if waits.is_empty() {
            (StatusCode::OK, "ok\n".to_owned())
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for\n{}\n", waits.join("\n")))
        }
    };
    let text = move || async move {
        let openmetrics = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
        match metrics.text() {
            Ok(text) => (StatusCode::OK, openmetrics, text),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, openmetrics, format!("# {error}\n")),
        }
    };
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(text));
    axum::serve(listener, router).with_graceful_shutdown(end).await
}

/// Comes when the process is asked to end, by SIGTERM (kubelet) or SIGINT (Ctrl+C).
pub async fn asked_to_end() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_what_it_waits_for() {
        let health = Health::default();
        let (pods, services) = (health.wait_for("pods"), health.wait_for("services"));
        services.say("forbidden".into());
        assert_eq!(health.waits_for(), ["pods: the cache is not filled yet", "services: forbidden"]);
        pods.done();
        services.done();
        assert!(health.waits_for().is_empty());
    }
}
