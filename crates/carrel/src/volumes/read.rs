//! Reads what the list is made of, in pages, and says on a terminal how far it is.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::io::{IsTerminal, Write};

use carrel_api::volume_request::VolumeRequest;
use carrel_runtime::Key;
use carrel_runtime::claims::MountingPod;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, ListParams};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

/// Objects of a page.
const PAGE: u32 = 500;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) claims: Vec<PersistentVolumeClaim>,
    /// The claims that pods mount which are not over.
    pub(super) mounted: HashSet<Key>,
    /// VolumeRequests by name; `None` where they can't be read.
    pub(super) requests: Option<HashMap<Key, VolumeRequest>>,
}

/// Something can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("not allowed to list {kind} of {place}: {message}; give --namespace, or ask the cluster's admin")]
    Forbidden { kind: String, place: String, message: String },
    #[error("can't list {kind} of {place}: {source}")]
    Failed { kind: String, place: String, source: Box<kube::Error> },
}

/// Reads the claims, and then the pods: one that mounted a claim meanwhile is seen.
pub(super) async fn read(client: &Client, namespace: Option<&str>) -> Result<Found, ReadError> {
    let mut found = Found::default();
    pages(client, namespace, |claim: PersistentVolumeClaim| found.claims.push(claim)).await?;
    pages(client, namespace, |pod: MountingPod| {
        if !pod.is_over() {
            let namespace = pod.namespace().unwrap_or_default();
            found.mounted.extend(pod.claims().map(|claim| Key::new(&namespace, claim)));
        }
    })
    .await?;
    let mut requests = HashMap::new();
    let read = pages(client, namespace, |request: VolumeRequest| {
        requests.insert(Key::of(&request), request);
    });
    match read.await {
        Ok(()) => found.requests = Some(requests),
        // A cluster without Carrel has claims too.
        Err(ReadError::Failed { source, .. }) if is_missing(&source) => found.requests = Some(HashMap::new()),
        Err(error @ ReadError::Forbidden { .. }) => eprintln!("carrel: {error}. Going on without"),
        Err(error) => return Err(error),
    }
    Ok(found)
}

fn is_missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

async fn pages<K>(client: &Client, namespace: Option<&str>, mut each: impl FnMut(K)) -> Result<(), ReadError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let kind = K::plural(&()).into_owned();
    let place = namespace.map_or("all namespaces".to_owned(), |name| format!("the namespace {name}"));
    let failed = |error: kube::Error| match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            ReadError::Forbidden { kind: kind.clone(), place: place.clone(), message: status.message.clone() }
        }
        error => ReadError::Failed { kind: kind.clone(), place: place.clone(), source: Box::new(error) },
    };
    let api: Api<K> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let (mut progress, mut read) = (Progress::default(), 0);
    let mut params = ListParams::default().limit(PAGE);
    loop {
        progress.say(&format!("reading {kind}: {read}"));
        let page = api.list(&params).await.map_err(failed)?;
        read += page.items.len();
        page.items.into_iter().for_each(&mut each);
        match page.metadata.continue_.filter(|more| !more.is_empty()) {
            Some(more) => params = params.continue_token(&more),
            None => return Ok(()),
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
