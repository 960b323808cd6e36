//! What becomes of the children of Notebooks: by the plan that the controller itself would make. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use carrel_api::notebook::{Notebook, NotebookStatus};
use carrel_notebook::Settings;
use carrel_notebook::names::{child_name, virtual_service_name};
use carrel_notebook::observe::{Observed, pod_name};
use carrel_notebook::plan::{Cause, Plan, Restart, is_being_deleted, plan};
use carrel_notebook::resolve::resolve;
use carrel_notebook::room::Judged;
use carrel_runtime::Key;
use carrel_runtime::bounds::Limits;
use carrel_runtime::child::{Child as Live, Owner};
use carrel_runtime::names::why_derived;
use carrel_server::route::{ObservedRoute, Routing};
use carrel_server::surroundings::Surroundings;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;

use super::child::{Server, live};
use super::chosen::Chosen;
use super::read::{Found, FoundPod};
use super::rows::{Child, Fate, PodFate, Row, VIRTUAL_SERVICE};

const KIND: &str = "Notebook";
const STATEFUL_SET: &str = "StatefulSet";
const SERVICE: &str = "Service";

pub(super) fn rows(found: &Found, chosen: &Chosen) -> Vec<Row> {
    found.notebooks.iter().flat_map(|(key, notebook)| of(key, notebook, found, chosen)).collect()
}

fn of(key: &Key, notebook: &Arc<Notebook>, found: &Found, chosen: &Chosen) -> Vec<Row> {
    let child = Key::new(&key.namespace, child_name(&key.name));
    let owner = Owner::of(notebook.as_ref());
    let observed = observed(key, notebook, found);
    // Routes are told apart from it: what is wrong with one stops nothing else.
    let settings = Settings { add_fs_group: chosen.add_fs_group, routing: Routing::None };
    let resolved = resolve(&observed, &settings);
    let passed_over = match (&resolved, chosen.passes_over(&key.namespace, true)) {
        (_, Some(why)) => Some(Fate::Stays(why)),
        _ if is_being_deleted(notebook) => Some(Fate::Stays("the Notebook is being deleted".to_owned())),
        (Err(refusal), _) => Some(Fate::Refused(refusal.message.clone())),
        (Ok(_), None) => None,
    };
    let server = Server { kind: KIND, key, owner, passed_over: passed_over.as_ref() };
    let mut rows = beside(&server, &child, found);
    let mut set = server.wants(Child::new(STATEFUL_SET, &child.name), &observed.stateful_set);
    let has_pod = observed.pod.is_some();
    match (&passed_over, plan(&observed, &resolved)) {
        (None, Plan::Apply(act)) => {
            set.pod = has_pod.then(|| act.restart.as_ref().map_or(PodFate::GoesOn, restarts));
            set.waits_for_restart = act.waiting.into_keys().collect();
        }
        (None, Plan::NameRequest(_)) => {
            set.pod = has_pod.then(|| PodFate::Restarts(Cause::Requested.sentence().to_owned()));
        }
        _ => {}
    }
    rows.push(set);
    rows.push(server.wants(Child::new(SERVICE, &child.name), &observed.service));
    rows.extend(route(&server, found, chosen));
    rows
}

fn restarts(restart: &Restart) -> PodFate {
    PodFate::Restarts(restart.cause.sentence().to_owned())
}

/// What Kubeflow's controller made under a name that Carrel's children do not have.
fn beside(server: &Server<'_>, child: &Key, found: &Found) -> Vec<Row> {
    let key = server.key;
    if child.name == key.name {
        return Vec::new();
    }
    let why = format!(
        "its name {}, and Carrel makes {} beside it: stop the Notebook and delete this one first",
        why_derived(&key.name),
        child.name
    );
    let set = server.leaves(Child::new(STATEFUL_SET, &key.name), found.stateful_sets.get(key), why.clone());
    let service = server.leaves(Child::new(SERVICE, &key.name), found.services.get(key), why);
    [set, service].into_iter().flatten().collect()
}

fn route(server: &Server<'_>, found: &Found, chosen: &Chosen) -> Option<Row> {
    let all = found.virtual_services.as_ref()?;
    let name = virtual_service_name(&server.key.namespace, &server.key.name);
    let (key, child) = (Key::new(&server.key.namespace, &name), Child::new(VIRTUAL_SERVICE, &name));
    if chosen.istio {
        return Some(server.wants(child, &live(all, &key, server.owner)));
    }
    server.leaves(child, all.get(&key), super::NO_ROUTES.to_owned())
}

/// The pods of a Notebook: where its children have another name, Kubeflow's runs under its own, beside Carrel's.
pub(super) fn running<'a>(
    key: &'a Key,
    notebook: &'a Notebook,
    found: &'a Found,
) -> impl Iterator<Item = (Key, &'a FoundPod)> {
    let owner = Owner::of(notebook);
    let names: BTreeSet<_> = [child_name(&key.name), key.name.clone()].into();
    names.into_iter().filter_map(move |name| {
        let set = live(&found.stateful_sets, &Key::new(&key.namespace, &name), owner);
        pod_of(&set, &Key::new(&key.namespace, pod_name(&name)), found)
    })
}

fn pod_of<'a>(set: &Live<StatefulSet>, key: &Key, found: &'a Found) -> Option<(Key, &'a FoundPod)> {
    let (set, found) = (set.ours()?, found.pods.get(key)?);
    let is_its = found.pod.owner_references().iter().any(|owner| Some(&owner.uid) == set.metadata.uid.as_ref());
    is_its.then(|| (key.clone(), found))
}

/// What the controller's caches would hold, as far as its plan for the children depends on it. Room is judged where a pod
/// starts, which a takeover does not do.
fn observed(key: &Key, notebook: &Arc<Notebook>, found: &Found) -> Observed {
    let child = Key::new(&key.namespace, child_name(&key.name));
    let owner = Owner::of(notebook.as_ref());
    let stateful_set = live::<StatefulSet>(&found.stateful_sets, &child, owner);
    let pod = pod_of(&stateful_set, &Key::new(&key.namespace, pod_name(&child.name)), found);
    let pod = pod.map(|(_, found)| found.pod.clone());
    let stored = || notebook.status.as_ref().and_then(|status| status.valid()).cloned();
    Observed {
        status: stored().unwrap_or_else(NotebookStatus::default),
        stateful_set,
        service: live::<Service>(&found.services, &child, owner),
        route: ObservedRoute::Off,
        pod,
        rejection: None,
        around: Surroundings::default(),
        limits: Limits::default(),
        judged: Judged::Not,
        notebook: notebook.clone(),
    }
}
