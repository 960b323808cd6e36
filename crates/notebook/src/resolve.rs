//! Spec, names and stop state, turned once into a value that can't be wrong, or a refusal. What comes after reads only
//! that.

use std::collections::BTreeMap;

use carrel_api::Checked;
use carrel_api::notebook::{NotebookTemplate, Reason};
use carrel_api::vocabulary::{
    FS_GROUP, HOME, NB_PREFIX, NOTEBOOK_NAME, NOTEBOOK_PORT, NOTEBOOK_PORT_NAME, STATEFUL_SET, STOPPED, notebook_path,
};
use carrel_runtime::hash;
use k8s_openapi::api::core::v1::{Container, ContainerPort, EnvVar, PodSecurityContext, PodSpec};
use kube::ResourceExt;

use crate::Settings;
use crate::observe::Observed;

/// A Notebook that can be run, or stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The Notebook's namespace, its children's too.
    pub namespace: String,
    /// The Notebook's name, its children's too.
    pub name: String,
    /// The Notebook's uid, for owner references.
    pub uid: String,
    /// Whether its owner stopped it.
    pub stopped: bool,
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
    /// Hash of the template as its owner wrote it: the one change that restarts a running pod.
    pub owner_template: String,
}

/// Why a Notebook can't be run: a reason and a sentence that names the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The condition's reason.
    pub reason: Reason,
    /// The condition's message.
    pub message: String,
}

impl Refusal {
    fn invalid(message: impl Into<String>) -> Self {
        Self { reason: Reason::InvalidSpec, message: message.into() }
    }
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

    Ok(Resolved {
        stopped: notebook.annotations().contains_key(STOPPED),
        labels: labels(notebook.labels(), template, &name),
        annotations: annotations(notebook.annotations(), template),
        owner_template: owner_template(template),
        uid: notebook.uid().unwrap_or_default(),
        namespace,
        name,
        pod,
        server,
        port,
    })
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
    labels.insert(STATEFUL_SET.to_owned(), name.to_owned());
    labels.insert(NOTEBOOK_NAME.to_owned(), name.to_owned());
    labels
}

/// Kubeflow copies the Notebook's annotations too, save those of kubectl and its own; the stop would stay for good in a
/// template, so it is left out as well.
fn annotations(own: &BTreeMap<String, String>, template: &NotebookTemplate) -> BTreeMap<String, String> {
    let copied = |key: &str| !key.contains("kubectl") && !key.contains("notebook") && key != STOPPED;
    let mut annotations: BTreeMap<_, _> =
        own.iter().filter(|(key, _)| copied(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    annotations.extend(template.metadata.iter().flat_map(|metadata| metadata.annotations.clone()));
    annotations
}

fn owner_template(template: &NotebookTemplate) -> String {
    hash::of(&serde_json::to_value(template).unwrap_or_default())
}

#[cfg(test)]
mod tests;
