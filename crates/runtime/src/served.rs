//! Whether the API server serves a kind that a cluster may lack, by its CRD: one watch of one object, and no request that
//! fails again and again. The API that is missing is noticed when it appears, and one that goes when it goes.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::warn;

use crate::feed::everything;
use crate::metrics::Metrics;

/// A CRD, with the few fields that are read.
#[derive(Clone, Debug, Default, Resource, Deserialize, Serialize)]
#[resource(inherit = k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition)]
pub struct SlimCrd {
    /// Its name.
    pub metadata: ObjectMeta,
    /// Its versions.
    #[serde(default)]
    pub spec: SlimCrdSpec,
    /// Whether it is in force.
    #[serde(default)]
    pub status: SlimCrdStatus,
}

/// The part of a CRD's spec that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimCrdSpec {
    /// Its versions.
    #[serde(default)]
    pub versions: Vec<SlimCrdVersion>,
}

/// A version of a CRD, as far as it is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimCrdVersion {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Whether objects can be read and written in it.
    #[serde(default)]
    pub served: bool,
}

/// The part of a CRD's status that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimCrdStatus {
    /// Its conditions.
    #[serde(default)]
    pub conditions: Vec<SlimCrdCondition>,
}

/// A condition of a CRD, as far as it is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimCrdCondition {
    /// Its type.
    #[serde(rename = "type", default)]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default)]
    pub status: String,
}

impl SlimCrd {
    /// Whether objects of this version can be read and written.
    pub fn serves(&self, version: &str) -> bool {
        let established = |one: &SlimCrdCondition| one.type_ == "Established" && one.status == "True";
        self.metadata.deletion_timestamp.is_none()
            && self.spec.versions.iter().any(|one| one.served && one.name == version)
            && self.status.conditions.iter().any(established)
    }
}

/// How often a process that may not read the CRD asks whether the kind is there, which everybody may ask.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// Follows the CRD of this name and tells whether the API server serves this version of it, whenever that changes. Never ends.
pub async fn follow(
    client: &Client,
    crd: &'static str,
    version: &'static str,
    metrics: Arc<Metrics>,
    told: watch::Sender<Option<bool>>,
) {
    let config = everything().fields(&format!("metadata.name={crd}"));
    let events = watcher(Api::<SlimCrd>::all(client.clone()), config).default_backoff();
    hear(events, crd, version, &metrics, &told).await;
    let (plural, group) = crd.split_once('.').unwrap_or((crd, ""));
    let group_version = format!("{group}/{version}");
    loop {
        match client.list_api_group_resources(&group_version).await {
            Ok(list) => tell(&told, list.resources.iter().any(|resource| resource.name == plural)),
            Err(kube::Error::Api(status)) if status.code == 404 => tell(&told, false),
            Err(error) => warn!("asking for {group_version}: {error}; trying again"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

fn tell(told: &watch::Sender<Option<bool>>, is: bool) {
    told.send_if_modified(|was| was.replace(is) != Some(is));
}

/// Hears of the CRD until it is known that this process may not read it.
async fn hear(
    events: impl Stream<Item = watcher::Result<Event<SlimCrd>>>,
    crd: &'static str,
    version: &'static str,
    metrics: &Metrics,
    told: &watch::Sender<Option<bool>>,
) {
    let mut listed = false;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed = false,
            Ok(Event::InitApply(crd)) => listed = crd.serves(version),
            Ok(Event::InitDone) => tell(told, listed),
            Ok(Event::Apply(crd)) => tell(told, crd.serves(version)),
            Ok(Event::Delete(_)) => tell(told, false),
            Err(error) if is_forbidden(&error) => {
                return warn!(
                    "not allowed to watch the CRD {crd} (deploy/manifests has the rule); whether its kind is there is asked each minute"
                );
            }
            Err(error) => {
                metrics.watch_error("customresourcedefinitions");
                warn!("watching the CRD {crd}: {error}; trying again");
            }
        }
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.is_forbidden(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::client::Body;
    use serde_json::json;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn crd(version: &str, established: &str) -> SlimCrd {
        serde_json::from_value(json!({
            "metadata": {"name": "routes.example.org"},
            "spec": {"group": "example.org", "versions": [{"name": version, "served": true}, {"name": "v1alpha1", "served": false}]},
            "status": {"conditions": [{"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": established}]},
        }))
        .unwrap()
    }

    async fn told(events: Vec<watcher::Result<Event<SlimCrd>>>) -> Option<bool> {
        let (sender, told) = watch::channel(None);
        hear(futures::stream::iter(events), "routes.example.org", "v1", &Metrics::default(), &sender).await;
        *told.borrow()
    }

    #[tokio::test]
    async fn a_crd_counts_once_it_is_established_and_as_long_as_it_serves_the_version() {
        assert_eq!(told(vec![Ok(Event::Init)]).await, None, "nothing is known before the list is whole");
        assert_eq!(told(vec![Ok(Event::Init), Ok(Event::InitDone)]).await, Some(false));
        let listed = |crd| vec![Ok(Event::Init), Ok(Event::InitApply(crd)), Ok(Event::InitDone)];
        assert_eq!(told(listed(crd("v1", "True"))).await, Some(true));
        assert_eq!(told(listed(crd("v1", "False"))).await, Some(false));
        assert_eq!(told(listed(crd("v1beta1", "True"))).await, Some(false));
        assert!(!crd("v1", "True").serves("v1alpha1"));
        let mut events = listed(crd("v1", "False"));
        events.push(Ok(Event::Apply(crd("v1", "True"))));
        assert_eq!(told(events).await, Some(true));
        let mut events = listed(crd("v1", "True"));
        events.push(Ok(Event::Delete(crd("v1", "True"))));
        assert_eq!(told(events).await, Some(false));
        let mut events = listed(crd("v1", "True"));
        events.extend([Ok(Event::Init), Ok(Event::InitDone)]);
        assert_eq!(told(events).await, Some(false), "it went while the watch was down");
    }

    /// Who may not read the CRD asks for the group's kinds, which come at the third time.
    #[tokio::test(start_paused = true)]
    async fn without_the_right_to_read_it_the_kind_is_noticed_all_the_same() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let answer = move |request: http::Request<Body>| {
            let (code, body) = if request.uri().path() == "/apis/example.org/v1" {
                match count.fetch_add(1, Ordering::Relaxed) {
                    0 => (404, json!({"status": "Failure", "code": 404})),
                    1 => (200, json!({"groupVersion": "example.org/v1", "resources": []})),
                    _ => (
                        200,
                        json!({"groupVersion": "example.org/v1", "resources": [
                        {"name": "routes", "singularName": "route", "namespaced": true, "kind": "Route", "verbs": ["list"]}]}),
                    ),
                }
            } else {
                (403, json!({"status": "Failure", "code": 403, "reason": "Forbidden"}))
            };
            let response = http::Response::builder().status(code).body(Body::from(body.to_string().into_bytes()));
            async move { Ok::<_, std::convert::Infallible>(response.unwrap()) }
        };
        let client = Client::new(tower::service_fn(answer), "default");
        let (sender, mut told) = watch::channel(None);
        let following = follow(&client, "routes.example.org", "v1", Arc::default(), sender);
        let waiting = async {
            told.wait_for(|told| *told == Some(false)).await.unwrap();
            told.wait_for(|told| *told == Some(true)).await.unwrap();
        };
        tokio::select! {
            () = following => panic!("it never ends"),
            () = waiting => {}
        }
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
