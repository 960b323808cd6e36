//! Reads lists of objects in pages, and says on a terminal how far it is.

use std::fmt::Debug;
use std::io::{IsTerminal, Write};

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, ListParams};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

/// Objects of a page.
const PAGE: u32 = 500;

/// Something can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("not allowed to list {kind} of {place}: {message}; {}", hint(.place))]
    Forbidden { kind: String, place: String, message: String },
    #[error("can't list {kind} of {place}: {source}")]
    Failed { kind: String, place: String, source: Box<kube::Error> },
}

/// Whether the cluster lacks the kind, or the object.
pub(crate) fn is_missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Whether the cluster has the kind of which the objects were read.
pub(crate) fn is_served(read: Result<(), ReadError>) -> Result<bool, ReadError> {
    match read {
        Err(ReadError::Failed { source, .. }) if is_missing(&source) => Ok(false),
        read => read.map(|()| true),
    }
}

/// Where nobody named a namespace.
const EVERYWHERE: &str = "all namespaces";

/// How a place is called.
pub(crate) fn place(namespace: Option<&str>) -> String {
    namespace.map_or(EVERYWHERE.to_owned(), |name| format!("the namespace {name}"))
}

/// What helps who may not read.
fn hint(place: &str) -> &'static str {
    if place == EVERYWHERE { "give --namespace, or ask the cluster's admin" } else { "ask the cluster's admin" }
}

/// Reads all objects of a kind, of one namespace or of all.
pub(crate) async fn of_namespace<K>(
    client: &Client,
    namespace: Option<&str>,
    each: impl FnMut(K),
) -> Result<(), ReadError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    pages(&api, &K::plural(&()), &place(namespace), each).await
}

/// Reads all objects of an API.
pub(crate) async fn pages<K>(api: &Api<K>, kind: &str, place: &str, mut each: impl FnMut(K)) -> Result<(), ReadError>
where
    K: Clone + DeserializeOwned + Debug,
{
    let (mut progress, mut read) = (Progress::default(), 0);
    let mut params = ListParams::default().limit(PAGE);
    loop {
        progress.say(&format!("reading {kind}: {read}"));
        let page = api.list(&params).await.map_err(|error| ReadError::of(error, kind, place))?;
        read += page.items.len();
        page.items.into_iter().for_each(&mut each);
        match page.metadata.continue_.filter(|more| !more.is_empty()) {
            Some(more) => params = params.continue_token(&more),
            None => return Ok(()),
        }
    }
}

impl ReadError {
    pub(crate) fn of(error: kube::Error, kind: &str, place: &str) -> Self {
        let (kind, place) = (kind.to_owned(), place.to_owned());
        match error {
            kube::Error::Api(status) if status.is_forbidden() => {
                Self::Forbidden { kind, place, message: status.message.clone() }
            }
            error => Self::Failed { kind, place, source: Box::new(error) },
        }
    }
}

/// A line on the terminal that changes; none where nobody looks. Taken away when dropped.
#[derive(Default)]
struct Progress {
    shown: bool,
}

impl Progress {
    fn say(&mut self, words: &str) {
        let mut err = std::io::stderr();
        if err.is_terminal() {
            // A progress that can't be shown is no reason to end.
            let _ = write!(err, "\r\x1b[K{words}").and_then(|()| err.flush());
            self.shown = true;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
