//! Servers beside the cluster that Carrel asks or tells: by their URL, with kube's client, which brings TLS and tokens.

use std::path::Path;

use kube::{Client, Config};

/// Why a server can't be reached at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutsideError {
    #[error("{url:?} must be the URL of a server, such as http://prometheus.monitoring:9090")]
    NoUrl { url: String },
    #[error("can't make a client for {url}: {source}")]
    Client { url: String, source: Box<kube::Error> },
}

/// A client for the server, and the path in its URL. The token in the file is sent along, and read again when it changes.
pub(crate) fn client(url: &str, token: Option<&Path>) -> Result<(Client, String), OutsideError> {
    // Fails only if a provider is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let no_url = || OutsideError::NoUrl { url: url.to_owned() };
    let mut parts = url.parse::<http::Uri>().map_err(|_| no_url())?.into_parts();
    if !parts.scheme.as_ref().is_some_and(|scheme| ["http", "https"].contains(&scheme.as_str())) {
        return Err(no_url());
    }
    let path = parts.path_and_query.replace(http::uri::PathAndQuery::from_static("/"));
    let server = http::Uri::from_parts(parts).map_err(|_| no_url())?;
    let mut config = Config::new(server);
    config.auth_info.token_file = token.map(|file| file.display().to_string());
    let broken = |source| OutsideError::Client { url: url.to_owned(), source: Box::new(source) };
    let client = Client::try_from(config).map_err(broken)?;
    Ok((client, path.map_or_else(|| "/".to_owned(), |path| path.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_has_a_scheme_and_its_path_is_kept() {
        for url in ["prometheus:9090", "/api", "ftp://a/b", "http//a"] {
            let error = client(url, None).err().unwrap().to_string();
            assert!(error.contains("must be the URL of a server"), "{error}");
        }
        assert_eq!(client("http://hooks.example/a/b?c=d", None).unwrap().1, "/a/b?c=d");
        assert_eq!(client("https://hooks.example", None).unwrap().1, "/");
    }
}
