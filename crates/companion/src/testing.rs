//! Stories: companions and what stands around them, as observed, from YAML.

use std::collections::BTreeMap;
use std::sync::Arc;

use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_runtime::bounds::Limits;
use carrel_runtime::child::{Child, Owner};
use carrel_runtime::claims::MountingPod;
use carrel_server::Refusal;
use carrel_server::rejection::rejection;
use carrel_server::route::{Gateway, IngressRules, Istio, ObservedRoute, Routing};
use carrel_server::slim_pod::SlimPod;
use carrel_server::surroundings::Surroundings;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, ResourceQuota, Service};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::beside::Mounted;
use crate::observe::{Judged, Observed};
use crate::{Companion, Settings};

/// A story, but for the companion itself.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Around {
    deployment: Option<Deployment>,
    service: Option<Service>,
    pod: Option<SlimPod>,
    claims: Vec<PersistentVolumeClaim>,
    /// Pods that mount each of the claims, its own among them.
    pods: Vec<MountingPod>,
    said: BTreeMap<String, String>,
    quotas: Vec<ResourceQuota>,
    refused: Option<String>,
    /// `istio`, `gateway` or `ingress`.
    routing: String,
}

/// A companion of either kind, and what stands around it.
pub(crate) enum Story {
    Tensorboard(Box<Observed<Tensorboard>>, Settings),
    Viewer(Box<Observed<PvcViewer>>, Settings),
}

/// Reads a story: `tensorboard` or `viewer`, and what stands around it.
pub(crate) fn story(text: &str) -> Story {
    let mut story: Value = serde_saphyr::from_str(text).unwrap();
    let fields = story.as_object_mut().unwrap();
    let (tensorboard, viewer) = (fields.remove("tensorboard"), fields.remove("viewer"));
    let around: Around = serde_json::from_value(story).unwrap();
    let settings = settings(&around.routing);
    match (tensorboard, viewer) {
        (Some(object), None) => Story::Tensorboard(Box::new(observed(object, around, &settings)), settings),
        (None, Some(object)) => Story::Viewer(Box::new(observed(object, around, &settings)), settings),
        _ => panic!("a story is about a tensorboard or a viewer"),
    }
}

/// An admin's settings as they often are.
pub(crate) fn settings(routing: &str) -> Settings {
    let routing = match routing {
        "" => Routing::None,
        "istio" => Routing::Istio(Istio {
            gateway: "kubeflow/kubeflow-gateway".to_owned(),
            host: "*".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
        }),
        "gateway" => Routing::Gateway(Gateway {
            namespace: "infra".to_owned(),
            name: "public".to_owned(),
            section: None,
            host: None,
        }),
        "ingress" => Routing::Ingress(IngressRules { class: None, host: Some("hub.example.org".to_owned()) }),
        other => panic!("no routing is called {other}"),
    };
    Settings { routing, tensorboard_image: "boards:1".to_owned(), viewer_image: "files:1".to_owned(), viewer_pod: None }
}

fn observed<K: Companion + DeserializeOwned>(object: Value, around: Around, settings: &Settings) -> Observed<K> {
    let object: K = serde_json::from_value(object).unwrap();
    let owner = Owner::of(&object);
    let pods: Vec<_> = around.pods.into_iter().map(Arc::new).collect();
    let claims: Vec<_> = around.claims.into_iter().map(Arc::new).collect();
    let mounted = object.claims(settings).into_iter().map(|name| Mounted {
        claim: claims.iter().find(|claim| claim.metadata.name.as_ref() == Some(&name)).cloned(),
        pods: pods.iter().filter(|pod| pod.claims().any(|claim| claim == name)).cloned().collect(),
        name,
    });
    Observed {
        status: object.stored().cloned().unwrap_or_default(),
        mounted: mounted.collect(),
        deployment: Child::of(around.deployment.map(Arc::new), owner),
        service: Child::of(around.service.map(Arc::new), owner),
        route: match settings.routing {
            Routing::None => ObservedRoute::Off,
            Routing::Istio(_) => ObservedRoute::VirtualService(Child::Missing),
            Routing::Gateway(_) => ObservedRoute::HTTPRoute(Child::Missing),
            Routing::Ingress(_) => ObservedRoute::Ingress(Child::Missing),
        },
        pod: around.pod.map(Arc::new),
        around: Surroundings { said: around.said, ..Surroundings::default() },
        limits: Limits { quotas: around.quotas.into_iter().map(Arc::new).collect(), ranges: 0 },
        judged: around.refused.map_or(Judged::Not, |words| {
            let (reason, message) = rejection(&words, &[]);
            Judged::Refused(Refusal { reason, message })
        }),
        object: Arc::new(object),
    }
}
