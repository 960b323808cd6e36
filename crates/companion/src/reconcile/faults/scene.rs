//! A companion and its objects, and what may happen to them.

use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_api::vocabulary::{RESTART_REQUESTED, STOPPED};
use carrel_faults::{NAMESPACE, Objects};
use serde_json::{Value, json};

use crate::Companion;

pub(super) const DEPLOYMENTS: &str = "deployments";
pub(super) const SERVICES: &str = "services";
pub(super) const ROUTES: &str = "virtualservices";
pub(super) const PODS: &str = "pods";
pub(super) const CLAIMS: &str = "persistentvolumeclaims";
pub(super) const QUOTAS: &str = "resourcequotas";

/// The companion.
pub(super) const IRIS: &str = "iris";
/// The claim that it shows.
pub(super) const DATA: &str = "data";
/// The pod of a Notebook that mounts the claim.
const NOTEBOOK_POD: &str = "notebook-0";

/// A kind of companion of which stories are told.
pub(super) trait Told: Companion {
    /// What its owner wants at first.
    fn spec() -> Value;
}

impl Told for Tensorboard {
    fn spec() -> Value {
        json!({"logspath": "pvc://data"})
    }
}

impl Told for PvcViewer {
    fn spec() -> Value {
        json!({"pvc": DATA, "rwoScheduling": true, "networking": {"targetPort": 8080, "basePrefix": "/pvcviewer"}})
    }
}

/// The uid of a Service of somebody else.
const THEIRS: &str = "theirs";

#[derive(Clone, Copy)]
pub(super) enum Step {
    Nothing,
    /// The owner says so from the start on, as a patch of the spec.
    AtFirst(&'static str),
    /// The owner changes the spec by a patch.
    Asks(&'static str),
    Stop,
    Start,
    Restart,
    /// A Notebook's pod that mounts the claim comes to this node.
    Notebook(&'static str),
    NotebookGoes,
    Drift,
    Vanish,
    /// Each child is deleted and made again by somebody, at once.
    Replaced,
    Full,
    Room,
    /// The Deployment and the Service are there as Kubeflow's controller makes them.
    Kubeflow,
    /// A Service of the name is there, which selects what another wants. It goes once the owner was told.
    Stranger,
}

impl Step {
    pub(super) fn happens<K: Told>(self, objects: &mut Objects) {
        let child = K::child_name(IRIS);
        let route = K::child_name(IRIS);
        let children = [(ROUTES, &route), (SERVICES, &child), (DEPLOYMENTS, &child)];
        let annotate = |key: &str, value: Option<&str>| json!({"metadata": {"annotations": {key: value}}});
        let mut owner = |patch: Value| objects.change(K::WORDS.plural, IRIS, &patch);
        match self {
            Self::Nothing => {}
            Self::AtFirst(patch) | Self::Asks(patch) => {
                owner(json!({"spec": serde_json::from_str::<Value>(patch).unwrap()}));
            }
            Self::Stop => owner(annotate(STOPPED, Some("now"))),
            Self::Start => owner(annotate(STOPPED, None)),
            Self::Restart => owner(annotate(RESTART_REQUESTED, Some("1"))),
            Self::Notebook(node) => notebook(objects, node),
            Self::NotebookGoes => drop(objects.delete(PODS, NOTEBOOK_POD)),
            Self::Drift => {
                objects.change(ROUTES, &route, &json!({"spec": {"hosts": ["elsewhere"]}}));
                objects.change(SERVICES, &child, &json!({"spec": {"selector": {"app": "another"}}}));
                objects.change(DEPLOYMENTS, &child, &json!({"spec": {"replicas": 0}}));
            }
            Self::Vanish => children.iter().for_each(|(kind, name)| drop(objects.remove(kind, name))),
            Self::Replaced => children.iter().for_each(|(kind, name)| objects.replace(kind, name)),
            Self::Full => quota(objects, 1),
            Self::Room => quota(objects, 0),
            Self::Kubeflow => as_kubeflow_left_it::<K>(objects),
            Self::Stranger => {
                let meta = json!({"name": child, "namespace": NAMESPACE, "uid": THEIRS});
                objects.put(SERVICES, json!({"metadata": meta, "spec": {"selector": {"app": "theirs"}}}));
            }
        }
    }
}

/// Who looked at the status makes room for the child.
pub(super) fn stranger<K: Told>(objects: &mut Objects) {
    let told = objects.get(K::WORDS.plural, IRIS).is_some_and(|object| object["status"]["reason"] == "NameTaken");
    let child = K::child_name(IRIS);
    if told && objects.get(SERVICES, &child).is_some_and(|service| service["metadata"]["uid"] == THEIRS) {
        objects.remove(SERVICES, &child);
    }
}

pub(super) fn begin<K: Told>(objects: &mut Objects) {
    let meta = json!({"name": DATA, "namespace": NAMESPACE});
    objects.put(CLAIMS, json!({"metadata": meta, "spec": {"accessModes": ["ReadWriteOnce"]}}));
    let meta = json!({"name": IRIS, "namespace": NAMESPACE, "uid": "c-1"});
    objects.put(K::WORDS.plural, json!({"metadata": meta, "spec": K::spec()}));
}

/// A quota of one pod, with so many in use.
fn quota(objects: &mut Objects, used: u8) {
    let status = json!({"hard": {"pods": "1"}, "used": {"pods": used.to_string()}});
    objects.put(QUOTAS, json!({"metadata": {"name": "team", "namespace": NAMESPACE}, "status": status}));
}

fn notebook(objects: &mut Objects, node: &str) {
    let meta = json!({"name": NOTEBOOK_POD, "namespace": NAMESPACE, "labels": {"notebook-name": "deep"},
        "finalizers": ["kubelet"]});
    let spec = json!({"nodeName": node, "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": DATA}}]});
    objects.put(PODS, json!({"metadata": meta, "spec": spec}));
}

fn as_kubeflow_left_it<K: Told>(objects: &mut Objects) {
    let owner = json!([{"apiVersion": K::api_version(&()), "kind": K::kind(&()), "name": IRIS, "uid": "c-1",
        "controller": true}]);
    let child = K::child_name(IRIS);
    let meta = json!({"name": child, "namespace": NAMESPACE, "uid": "upstream", "ownerReferences": owner});
    let selector = json!({"app": child});
    objects.put(SERVICES, json!({"metadata": meta, "spec": {"selector": selector}}));
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}});
    let template = json!({"metadata": {"labels": selector}, "spec": {"containers": [{"name": "tensorboard"}]}});
    let spec =
        json!({"replicas": 1, "selector": {"matchLabels": selector}, "strategy": strategy, "template": template});
    objects.put(DEPLOYMENTS, json!({"metadata": meta, "spec": spec}));
}
