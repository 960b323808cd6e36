//! Stories: what was observed of a Notebook, as YAML, read through the same front door as objects of the API server.

use std::collections::BTreeMap;
use std::sync::Arc;

use carrel_api::notebook::Notebook;
use carrel_runtime::bounds::Limits;
use carrel_runtime::child::{Child, Owner};
use carrel_server::rejection::rejection;
use carrel_server::route::{Gateway, IngressRules, Istio, ObservedRoute, Routing};
use carrel_server::slim_node::SlimNode;
use carrel_server::slim_pod::SlimPod;
use carrel_server::surroundings::Surroundings;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ResourceQuota, Service};
use serde::Deserialize;
use serde_json::Value;

use crate::Settings;
use crate::observe::Observed;
use crate::resolve::{Refusal, resolve};
use crate::room::Judged;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Story {
    notebook: Notebook,
    stateful_set: Option<StatefulSet>,
    service: Option<Service>,
    pod: Option<SlimPod>,
    rejection: Option<String>,
    #[serde(default)]
    quotas: Vec<ResourceQuota>,
    refused: Option<String>,
    #[serde(default)]
    around: Around,
    /// `istio`, `gateway` or `ingress`: an admin's settings as they often are.
    #[serde(default)]
    routing: String,
    route: Option<Value>,
    #[serde(default)]
    route_api_missing: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Around {
    said: BTreeMap<String, String>,
    node: Option<SlimNode>,
    nodes: Vec<SlimNode>,
    sharers: Vec<SlimPod>,
}

/// Kubeflow's own settings.
pub(crate) fn istio() -> Routing {
    Routing::Istio(Istio {
        gateway: "kubeflow/kubeflow-gateway".to_owned(),
        host: "*".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
    })
}

/// An admin's settings as they often are; none for an empty name.
pub(crate) fn routing(name: &str) -> Routing {
    match name {
        "" => Routing::None,
        "istio" => istio(),
        "gateway" => Routing::Gateway(Gateway {
            namespace: "infra".to_owned(),
            name: "public".to_owned(),
            section: Some("https".to_owned()),
            host: Some("hub.example.org".to_owned()),
        }),
        "ingress" => {
            Routing::Ingress(IngressRules { class: Some("nginx".to_owned()), host: Some("hub.example.org".to_owned()) })
        }
        other => panic!("no routing is called {other}"),
    }
}

/// The settings under which a story happens.
pub(crate) fn settings(text: &str) -> Settings {
    let story: Story = serde_saphyr::from_str(text).unwrap();
    Settings { routing: routing(&story.routing), ..Settings::default() }
}

fn observed_route(story: &Story) -> ObservedRoute {
    fn child<K>(story: &Story) -> Child<K>
    where
        K: kube::Resource<DynamicType = ()> + serde::de::DeserializeOwned,
    {
        let route = story.route.clone().map(|route| Arc::new(serde_json::from_value(route).unwrap()));
        Child::of(route, Owner::of(&story.notebook))
    }
    match routing(&story.routing) {
        Routing::None => ObservedRoute::Off,
        _ if story.route_api_missing => ObservedRoute::ApiMissing,
        Routing::Istio(_) => ObservedRoute::VirtualService(child(story)),
        Routing::Gateway(_) => ObservedRoute::HTTPRoute(child(story)),
        Routing::Ingress(_) => ObservedRoute::Ingress(child(story)),
    }
}

/// Reads a story. `@OWNER_TEMPLATE@` stands for the hash of the Notebook's own template.
pub(crate) fn story(text: &str) -> Observed {
    let observed = observed(text);
    match resolve(&observed, &Settings::default()) {
        Ok(resolved) => self::observed(&text.replace("@OWNER_TEMPLATE@", &resolved.owner_template)),
        Err(_) => observed,
    }
}

fn observed(text: &str) -> Observed {
    let story: Story = serde_saphyr::from_str(text).unwrap();
    let status = story.notebook.status.as_ref().and_then(|status| status.valid()).cloned();
    Observed {
        route: observed_route(&story),
        status: status.unwrap_or_default(),
        stateful_set: Child::of(story.stateful_set.map(Arc::new), Owner::of(&story.notebook)),
        service: Child::of(story.service.map(Arc::new), Owner::of(&story.notebook)),
        pod: story.pod.map(Arc::new),
        rejection: story.rejection,
        around: Surroundings {
            said: story.around.said,
            node: story.around.node.map(Arc::new),
            nodes: story.around.nodes.into_iter().map(Arc::new).collect(),
            sharers: story.around.sharers.into_iter().map(Arc::new).collect(),
        },
        limits: Limits { quotas: story.quotas.into_iter().map(Arc::new).collect(), ranges: 0 },
        judged: story.refused.map_or(Judged::Not, |words| {
            let (reason, message) = rejection(&words, &[]);
            Judged::Refused(Refusal { reason, message })
        }),
        notebook: Arc::new(story.notebook),
    }
}

/// A story of a Notebook that asks for this pod spec and nothing else.
pub(crate) fn asks_for(pod_spec: &str) -> Observed {
    story(&format!(
        "notebook: {{metadata: {{name: iris, namespace: team-a, uid: n-1}}, spec: {{template: {{spec: {pod_spec}}}}}}}"
    ))
}
