//! Spec, names and stop state, turned once into a value that can't be wrong, or a refusal. What comes after reads only
//! that.

use std::collections::BTreeMap;

use carrel_api::Checked;
use carrel_api::notebook::NotebookTemplate;
use carrel_api::vocabulary::{
    AT_ONCE, FS_GROUP, HOME, NB_PREFIX, NOTEBOOK, NOTEBOOK_NAME, NOTEBOOK_PORT, NOTEBOOK_PORT_NAME, ON_STOP,
    OWNER_TEMPLATE, RESTART_REQUESTED, STATEFUL_SET, STOPPED, TAKEN_OVER, UPDATE_POLICY, notebook_path,
};
use carrel_runtime::covers::canonical;
use carrel_runtime::hash;
pub use carrel_server::Refusal;
use carrel_server::kind::child_metadata;
use carrel_server::pod_spec::keep_last_words;
use carrel_server::route::{Routed, Routing};
use k8s_openapi::api::core::v1::{Container, ContainerPort, EnvVar, PodSecurityContext, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use serde::{Deserialize, Serialize};

use crate::Settings;

use crate::children::rules;
use crate::names::{child_name, label_value};
use crate::observe::Observed;

/// A Notebook that can be run, or stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The Notebook's namespace, its children's too.
    pub namespace: String,
    /// The Notebook's name.
    pub name: String,
    /// Its children's name.
    pub child: String,
    /// Its children's metadata, as far as they have it in common.
    pub metadata: ObjectMeta,
    /// The Notebook's uid, for owner references.
    pub uid: String,
    /// How new its text is: the Notebook's generation.
    pub generation: i64,
    /// Whether its owner stopped it.
    pub stopped: bool,
    /// Labels of the StatefulSet: the Notebook's own, so that what selects by them (Kueue's queue label) finds it.
    pub set_labels: BTreeMap<String, String>,
    /// Annotations of the StatefulSet: the Notebook's own, as far as they are copied.
    pub set_annotations: BTreeMap<String, String>,
    /// Labels of the pod.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pod.
    pub annotations: BTreeMap<String, String>,
    /// The pod, whole: its first container is the server.
    pub pod: PodSpec,
    /// The server's container.
    pub server: String,
    /// The port on which the server listens.
    pub port: i32,
    /// Hash of the template as its owner wrote it.
    pub owner_template: String,
    /// When the owner's edit of the template reaches a running pod.
    pub update: Update,
    /// The owner's last request for a restart.
    pub restart_request: Option<String>,
    /// How it is to be reached from outside, or why it can't be as its owner asks; `None` where no routes are made.
    pub route: Option<Result<Routed, Refusal>>,
    /// What a running pod that another controller made is taken to be made from.
    pub taken_over: Option<TakenOver>,
}

/// When the owner's edit of the template reaches a running pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The pod restarts.
    AtOnce,
    /// It waits for the next stop.
    OnStop,
}

/// What its owner asked for when a running pod was taken over from another controller: only what is asked later counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenOver {
    /// Hash of the owner's template.
    pub owner_template: String,
    /// The owner's last request for a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_request: Option<String>,
}

/// Turns what was observed into what can be run.
pub fn resolve(observed: &Observed, settings: &Settings) -> Result<Resolved, Refusal> {
    let notebook = observed.notebook.as_ref();
    let spec = match &notebook.spec {
        Checked::Valid(spec) => spec,
        Checked::Invalid { problem, .. } => return Err(Refusal::invalid(format!("spec: {problem}"))),
    };
    let template = spec.template.as_ref().ok_or_else(|| Refusal::invalid("spec.template is missing"))?;
    let written = template.spec.as_ref().ok_or_else(|| Refusal::invalid("spec.template.spec is missing"))?;
    check_containers(written)?;

    let (namespace, name) = (notebook.namespace().unwrap_or_default(), notebook.name_any());
    let mut pod = written.clone();
    let (server, port) = match pod.containers.first_mut() {
        Some(container) => (container.name.clone(), complete_server(container, &namespace, &name)),
        None => return Err(Refusal::invalid("spec.template.spec.containers is empty")),
    };
    if pod.security_context.is_none() && settings.add_fs_group {
        pod.security_context = Some(PodSecurityContext { fs_group: Some(FS_GROUP), ..PodSecurityContext::default() });
    }
    for container in pod.containers.iter_mut().chain(pod.init_containers.iter_mut().flatten()) {
        keep_last_of_each_name(&mut container.env);
    }
    keep_last_words(&mut pod);

    let stopped = notebook.annotations().contains_key(STOPPED);
    let owner_template = owner_template(template);
    let restart_request = notebook.annotations().get(RESTART_REQUESTED).cloned();
    Ok(Resolved {
        metadata: owned_as_by_kubeflow(child_metadata(notebook, &child_name(&name), NOTEBOOK)),
        child: child_name(&name),
        // A stop is heeded whatever else is wrong.
        update: if stopped { Update::AtOnce } else { update(notebook.annotations())? },
        taken_over: taken_over(observed, &owner_template, restart_request.as_ref()),
        restart_request,
        route: route(notebook.annotations(), &settings.routing),
        stopped,
        set_labels: notebook.labels().clone(),
        set_annotations: copied(notebook.annotations()),
        labels: labels(notebook.labels(), template, &name),
        annotations: annotations(notebook.annotations(), template),
        owner_template,
        uid: notebook.uid().unwrap_or_default(),
        generation: notebook.metadata.generation.unwrap_or_default(),
        namespace,
        name,
        pod,
        server,
        port,
    })
}

/// The version of Notebooks that Kubeflow's controller names in its children's owner references. All versions are one object, but
/// where the admission plugin OwnerReferencesPermissionEnforcement is on, whoever changes a reference needs the right to delete the
/// child; with the same text a takeover changes none.
const OWNER_VERSION: &str = "kubeflow.org/v1beta1";

fn owned_as_by_kubeflow(mut metadata: ObjectMeta) -> ObjectMeta {
    for owner in metadata.owner_references.iter_mut().flatten() {
        OWNER_VERSION.clone_into(&mut owner.api_version);
    }
    metadata
}

fn update(annotations: &BTreeMap<String, String>) -> Result<Update, Refusal> {
    match annotations.get(UPDATE_POLICY).map(String::as_str) {
        None | Some(AT_ONCE) => Ok(Update::AtOnce),
        Some(ON_STOP) => Ok(Update::OnStop),
        Some(other) => {
            let message = format!("the annotation {UPDATE_POLICY} is {other:?}; it must be {AT_ONCE} or {ON_STOP}");
            Err(Refusal::invalid(message))
        }
    }
}

/// What is wrong with a route is the route's matter alone.
fn route(annotations: &BTreeMap<String, String>, routing: &Routing) -> Option<Result<Routed, Refusal>> {
    routing.kind()?;
    Some(rules(annotations, routing).map(|rules| Routed { routing: routing.clone(), rules }))
}

/// A pod without our hash, of a StatefulSet that is this Notebook's, was made by another controller. What its owner asks
/// for when that is first seen is what it runs; the StatefulSet remembers it.
fn taken_over(observed: &Observed, owner_template: &str, restart_request: Option<&String>) -> Option<TakenOver> {
    let pod = observed.pod.as_ref()?;
    if pod.annotation(OWNER_TEMPLATE).is_some() {
        return None;
    }
    let text = observed.stateful_set.ours().and_then(|set| set.annotations().get(TAKEN_OVER));
    let remembered = text.and_then(|text| serde_json::from_str(text).ok());
    Some(remembered.unwrap_or_else(|| TakenOver {
        owner_template: owner_template.to_owned(),
        restart_request: restart_request.cloned(),
    }))
}

/// The CRD asks for this too; an object that is older than its rules is caught here.
fn check_containers(spec: &PodSpec) -> Result<(), Refusal> {
    for (at, container) in spec.containers.iter().enumerate() {
        let missing = |field| Refusal::invalid(format!("spec.template.spec.containers[{at}].{field} is missing"));
        if container.name.is_empty() {
            return Err(missing("name"));
        }
        if container.image.as_deref().unwrap_or_default().is_empty() {
            return Err(missing("image"));
        }
    }
    Ok(())
}

/// Gives the server's container what Kubeflow's images expect, where its owner says nothing. Returns its port.
fn complete_server(container: &mut Container, namespace: &str, name: &str) -> i32 {
    if container.working_dir.as_deref().unwrap_or_default().is_empty() {
        container.working_dir = Some(HOME.to_owned());
    }
    let ports = container.ports.get_or_insert_default();
    if ports.is_empty() {
        ports.push(ContainerPort {
            container_port: NOTEBOOK_PORT,
            name: Some(NOTEBOOK_PORT_NAME.to_owned()),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        });
    }
    let port = ports.first().map_or(NOTEBOOK_PORT, |port| port.container_port);
    let env = container.env.get_or_insert_default();
    // A prefix that the owner sets stays, as in Kubeflow: images that serve under another path rely on it.
    if !env.iter().any(|variable| variable.name == NB_PREFIX) {
        let value = Some(notebook_path(namespace, name));
        env.push(EnvVar { name: NB_PREFIX.to_owned(), value, ..EnvVar::default() });
    }
    port
}

/// A container gets the last of several variables of one name. Kubernetes accepts such a list, server-side apply does
/// not, so the others, which mean nothing, are left out.
fn keep_last_of_each_name(env: &mut Option<Vec<EnvVar>>) {
    let Some(env) = env else { return };
    let last: BTreeMap<String, usize> = env.iter().enumerate().map(|(at, var)| (var.name.clone(), at)).collect();
    if last.len() < env.len() {
        let mut at = 0;
        env.retain(|variable| {
            let keep = last.get(&variable.name) == Some(&at);
            at += 1;
            keep
        });
    }
}

/// Kubeflow copies the Notebook's labels to the pod; what the template itself says wins over them, and the two by which
/// the pod is found are nobody's to change.
fn labels(own: &BTreeMap<String, String>, template: &NotebookTemplate, name: &str) -> BTreeMap<String, String> {
    let mut labels = own.clone();
    labels.extend(template.metadata.iter().flat_map(|metadata| metadata.labels.clone()));
    labels.insert(STATEFUL_SET.to_owned(), child_name(name));
    labels.insert(NOTEBOOK_NAME.to_owned(), label_value(name));
    labels
}

/// What Carrel's own annotations begin with. Nobody else's word may stand there.
const OURS: &str = "carrel.dev/";

/// What the template itself says wins over the Notebook's own.
fn annotations(own: &BTreeMap<String, String>, template: &NotebookTemplate) -> BTreeMap<String, String> {
    let mut annotations = copied(own);
    annotations.extend(template.metadata.iter().flat_map(|metadata| metadata.annotations.clone()));
    annotations.retain(|key, _| !key.starts_with(OURS));
    annotations
}

/// Kubeflow copies the Notebook's annotations too, save those of kubectl and its own; the stop would stay for good in a
/// template, so it is left out as well, and so are Carrel's own.
fn copied(own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let copied =
        |key: &str| !key.contains("kubectl") && !key.contains("notebook") && key != STOPPED && !key.starts_with(OURS);
    own.iter().filter(|(key, _)| copied(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn owner_template(template: &NotebookTemplate) -> String {
    hash::of(&canonical(&serde_json::to_value(template).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
