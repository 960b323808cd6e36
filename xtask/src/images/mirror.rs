//! A read-only registry on a node's own loopback address, which answers for any host: containerd asks it before, and
//! instead of, all others.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tower_http::services::ServeFile;

use super::reference::{Alias, full, resolve};
use super::store::{MANIFEST, Store};

/// Where it listens, in the node's network namespace.
const ADDRESS: &str = "127.0.0.1:5000";

struct Mirror {
    store: Store,
    aliases: Vec<Alias>,
}

/// Serves the images of a folder for as long as the process lives.
pub(crate) fn serve_mirror(images: &Path, aliases: Vec<Alias>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let address: SocketAddr = ADDRESS.parse()?;
        let listener =
            tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))?;
        let mirror = Arc::new(Mirror { store: Store::at(images), aliases });
        let app = Router::new().fallback(answer).with_state(mirror);
        axum::serve(listener, app).await.context("the mirror of images ended")
    })
}

async fn answer(State(mirror): State<Arc<Mirror>>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "this registry is read-only");
    }
    let path = request.uri().path().to_owned();
    if path == "/v2/" || path == "/v2" {
        return StatusCode::OK.into_response();
    }
    let host = host(request.uri().query().unwrap_or_default());
    match Asked::parse(&path) {
        Some(Asked::Blob(digest)) => mirror.blob(digest, "application/octet-stream", request).await,
        Some(Asked::Manifest(_, digest)) if digest.starts_with("sha256:") => {
            mirror.blob(digest, MANIFEST, request).await
        }
        Some(Asked::Manifest(name, tag)) => {
            let reference = full(&format!("{host}/{name}:{tag}"));
            match mirror.store.published(resolve(&mirror.aliases, &reference)) {
                Some(image) => mirror.blob(&image.digest, MANIFEST, request).await,
                None => {
                    refuse(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", &format!("no image {reference} was built here"))
                }
            }
        }
        None => refuse(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "there is nothing else here"),
    }
}

impl Mirror {
    async fn blob(&self, digest: &str, media_type: &'static str, request: Request) -> Response {
        let Some(file) = self.store.blob(digest) else {
            return refuse(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", &format!("{digest} is not here"));
        };
        // Layers have hundreds of megabytes: large steps cost fewer of them.
        match ServeFile::new(file).with_buf_chunk_size(1 << 20).try_call(request).await {
            Ok(response) => {
                let mut response = response.map(Body::new);
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
                if let Ok(digest) = HeaderValue::from_str(digest) {
                    headers.insert("docker-content-digest", digest);
                }
                response
            }
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &error.to_string()),
        }
    }
}

/// What a path of the registry's protocol asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    Manifest(&'a str, &'a str),
    Blob(&'a str),
}

impl<'a> Asked<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let (rest, last) = path.strip_prefix("/v2/")?.rsplit_once('/')?;
        match rest.rsplit_once('/')? {
            (name, "manifests") if !name.is_empty() => Some(Self::Manifest(name, last)),
            (name, "blobs") if !name.is_empty() => Some(Self::Blob(last)),
            _ => None,
        }
    }
}

/// The registry that is meant: containerd names it as `ns` where it asks another.
fn host(query: &str) -> String {
    let host = query.split('&').find_map(|pair| pair.strip_prefix("ns=")).unwrap_or("localhost");
    host.replace("%3A", ":").replace("%3a", ":")
}

/// An error as the protocol has them.
fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The file that sends containerd to the mirror, for images of every host.
fn hosts_toml() -> String {
    format!("server = \"http://{ADDRESS}\"\n\n[host.\"http://{ADDRESS}\"]\n  capabilities = [\"pull\", \"resolve\"]\n")
}

/// Writes [`hosts_toml`] where containerd's `config_path` expects it.
pub(crate) fn configure_mirror(folder: &Path) -> Result<()> {
    let folder = folder.join("_default");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(folder.join("hosts.toml"), hosts_toml()).context("cannot write hosts.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_protocol_are_read() {
        assert_eq!(Asked::parse("/v2/pause/manifests/3"), Some(Asked::Manifest("pause", "3")));
        assert_eq!(Asked::parse("/v2/a/b/c/blobs/sha256:0"), Some(Asked::Blob("sha256:0")));
        assert_eq!(Asked::parse("/v2/a/tags/list"), None);
        assert_eq!(Asked::parse("/v2/manifests/3"), None);
    }

    #[test]
    fn the_host_is_what_containerd_names() {
        assert_eq!(host("ns=ghcr.io"), "ghcr.io");
        assert_eq!(host("a=b&ns=registry.example%3A5000"), "registry.example:5000");
        assert_eq!(host(""), "localhost");
    }
}
