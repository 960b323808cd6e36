//! What becomes of the children of Tensorboards and PVCViewers. Pure.

use std::collections::BTreeMap;

use carrel_companion::{Companion, Settings};
use carrel_runtime::Key;
use carrel_runtime::child::Owner;
use carrel_runtime::names::why_derived;
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;

use super::child::{Server, live};
use super::chosen::Chosen;
use super::read::{ByKey, Found, FoundPod};
use super::rows::{Child, Fate, Now, PodFate, Row, VIRTUAL_SERVICE};

const DEPLOYMENT: &str = "Deployment";
const SERVICE: &str = "Service";

pub(super) fn rows<K: Companion>(all: &ByKey<K>, found: &Found, chosen: &Chosen, is_on: bool) -> Vec<Row> {
    all.iter().flat_map(|(key, object)| of(key, object.as_ref(), found, chosen, is_on)).collect()
}

fn of<K: Companion>(key: &Key, object: &K, found: &Found, chosen: &Chosen, is_on: bool) -> Vec<Row> {
    let wanted = object.wanted(&settings());
    let passed_over = match (&wanted, chosen.passes_over(&key.namespace, is_on)) {
        (_, Some(why)) => Some(Fate::Stays(why)),
        _ if object.meta().deletion_timestamp.is_some() => {
            Some(Fate::Stays(format!("the {} is being deleted", K::WORDS.kind)))
        }
        (Err(refusal), _) => Some(Fate::Refused(refusal.message.clone())),
        (Ok(_), None) => None,
    };
    let owner = Owner::of(object);
    let server = Server { kind: K::WORDS.kind, key, owner, passed_over: passed_over.as_ref() };
    let child = Key::new(&key.namespace, K::child_name(&key.name));
    let mut rows = beside::<K>(&server, &child, found);

    let deployment = live(&found.deployments, &child, owner);
    let mut row = server.wants(Child::new(DEPLOYMENT, &child.name), &deployment);
    if let (Now::Kubeflow, Fate::TakenOver, Some(deployment)) = (&row.now, &row.becomes, deployment.ours()) {
        // Carrel's mark is new in its pod's labels, and with it the template.
        row.pod = pods(deployment, found).next().map(|_| PodFate::Replaced);
    }
    rows.push(row);
    let has_front = wanted.as_ref().is_ok_and(|wanted| wanted.front.is_some());
    rows.extend(service(&server, &child, has_front, found));
    rows.extend(route(&server, &child, has_front, found, chosen));
    rows
}

/// What its pod is made of is of no matter here, only whether it can be.
fn settings() -> Settings {
    let image = "image".to_owned();
    Settings { tensorboard_image: image.clone(), viewer_image: image, ..Settings::default() }
}

/// What Kubeflow's controller made under a name that Carrel's children do not have.
fn beside<K: Companion>(server: &Server<'_>, child: &Key, found: &Found) -> Vec<Row> {
    let key = Key::new(&child.namespace, format!("{}{}", K::WORDS.prefix, server.key.name));
    if child.name == key.name {
        return Vec::new();
    }
    let why = format!("its name {}, and Carrel makes {} beside it: delete it", why_derived(&key.name), child.name);
    let deployment = server.leaves(Child::new(DEPLOYMENT, &key.name), found.deployments.get(&key), why.clone());
    let service = server.leaves(Child::new(SERVICE, &key.name), found.services.get(&key), why);
    [deployment, service].into_iter().flatten().collect()
}

fn service(server: &Server<'_>, key: &Key, has_front: bool, found: &Found) -> Option<Row> {
    let child = Child::new(SERVICE, &key.name);
    if has_front || server.passed_over.is_some() {
        return Some(server.wants(child, &live(&found.services, key, server.owner)));
    }
    server.leaves(child, found.services.get(key), "its owner asks for none".to_owned())
}

fn route(server: &Server<'_>, key: &Key, has_front: bool, found: &Found, chosen: &Chosen) -> Option<Row> {
    let all = found.virtual_services.as_ref()?;
    let child = Child::new(VIRTUAL_SERVICE, &key.name);
    if !chosen.istio {
        return server.leaves(child, all.get(key), super::NO_ROUTES.to_owned());
    }
    if has_front || server.passed_over.is_some() {
        return Some(server.wants(child, &live(all, key, server.owner)));
    }
    server.leaves(child, all.get(key), "its owner asks for none".to_owned())
}

/// The pods that a Deployment selects.
pub(super) fn pods<'a>(deployment: &Deployment, found: &'a Found) -> impl Iterator<Item = (&'a Key, &'a FoundPod)> {
    let namespace = deployment.namespace().unwrap_or_default();
    let selector: BTreeMap<_, _> = deployment.spec.selector.match_labels.clone().unwrap_or_default();
    found.pods.iter().filter(move |(key, found)| {
        let labels = found.pod.labels();
        let is_selected = selector.iter().all(|(key, value)| labels.get(key) == Some(value));
        key.namespace == namespace && !selector.is_empty() && is_selected
    })
}
