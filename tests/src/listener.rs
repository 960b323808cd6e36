//! A server beside the cluster, which Carrel asks or tells.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::http::Uri;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running server that answers everything with this text, and keeps what it was sent; it ends when dropped.
pub struct Listener {
    /// Where it listens on this machine.
    pub port: u16,
    sent: Arc<Mutex<Vec<(String, String)>>>,
    serving: JoinHandle<()>,
}

impl Listener {
    /// Listens on a port of its own.
    pub async fn new(answer: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = sent.clone();
        let router = Router::new().fallback(move |uri: Uri, body: String| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push((uri.to_string(), body));
            let answer = answer.clone();
            async move { answer }
        });
        let serving = tokio::spawn(async move {
            // It ends with the test, which then reads nothing of it.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { port, sent, serving })
    }

    /// The path and the body of each request.
    pub fn sent(&self) -> Vec<(String, String)> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
