//! A Notebook and its objects, what may happen to them, and the StatefulSet's controller.

use carrel_api::vocabulary::{HEADERS_REQUEST_SET, ODH_RESTART, REWRITE_URI};
use carrel_faults::{NAMESPACE, Objects};
use serde_json::{Value, json};

use super::super::RESTART_REQUESTED;

pub(super) const NOTEBOOKS: &str = "notebooks";
pub(super) const SETS: &str = "statefulsets";
pub(super) const SERVICES: &str = "services";
pub(super) const PODS: &str = "pods";
pub(super) const QUOTAS: &str = "resourcequotas";
pub(super) const ROUTES: &str = "virtualservices";

/// The Notebook, and all of its children but the route.
pub(super) const IRIS: &str = "iris";
const POD: &str = "iris-0";
const ROUTE: &str = "notebook-team-a-iris";

const CHILDREN: [(&str, &str); 3] = [(ROUTES, ROUTE), (SERVICES, IRIS), (SETS, IRIS)];

#[derive(Clone, Copy)]
pub(super) enum Step {
    Nothing,
    Image(&'static str),
    Stop,
    Start,
    Request(&'static str),
    OpenDataHub,
    Label,
    /// What the route must do.
    Rewrite(Option<&'static str>),
    /// A word on the route that can't be followed.
    BadHeaders,
    Drift,
    Vanish,
    /// Each child is deleted and made again by somebody, at once.
    Replaced,
    Full,
    Room,
    Kubeflow,
}

impl Step {
    pub(super) fn happens(self, objects: &mut Objects) {
        let annotate = |key: &str, value: Option<&str>| json!({"metadata": {"annotations": {key: value}}});
        let mut owner = |patch: Value| objects.change(NOTEBOOKS, IRIS, &patch);
        match self {
            Self::Nothing => {}
            Self::Image(image) => {
                owner(json!({"spec": {"template": {"spec": {"containers": [{"name": "iris", "image": image}]}}}}));
            }
            Self::Stop => owner(annotate("kubeflow-resource-stopped", Some("now"))),
            Self::Start => owner(annotate("kubeflow-resource-stopped", None)),
            Self::Request(name) => owner(annotate(RESTART_REQUESTED, Some(name))),
            Self::OpenDataHub => owner(annotate(ODH_RESTART, Some("true"))),
            Self::Label => owner(json!({"metadata": {"labels": {"new": "label"}}})),
            Self::Rewrite(to) => owner(annotate(REWRITE_URI, to)),
            Self::BadHeaders => owner(annotate(HEADERS_REQUEST_SET, Some("{"))),
            Self::Drift => {
                objects.change(ROUTES, ROUTE, &json!({"spec": {"hosts": ["elsewhere"]}}));
                objects.change(SERVICES, IRIS, &json!({"spec": {"selector": {"statefulset": "another"}}}));
                objects.change(SETS, IRIS, &json!({"spec": {"replicas": 3}}));
            }
            Self::Vanish => CHILDREN.iter().for_each(|(kind, name)| drop(objects.remove(kind, name))),
            Self::Replaced => CHILDREN.iter().for_each(|(kind, name)| objects.replace(kind, name)),
            Self::Full => quota(objects, 1),
            Self::Room => quota(objects, 0),
            Self::Kubeflow => as_kubeflow_left_it(objects),
        }
    }
}

pub(super) fn begin(objects: &mut Objects) {
    objects.put(
        NOTEBOOKS,
        json!({"metadata": {"name": IRIS, "namespace": NAMESPACE, "uid": "n-1", "generation": 1},
            "spec": {"template": {"spec": {"containers": [{"name": "iris", "image": "i"}]}}}}),
    );
}

/// A quota of one pod, with so many in use.
fn quota(objects: &mut Objects, used: u8) {
    let status = json!({"hard": {"pods": "1"}, "used": {"pods": used.to_string()}});
    objects.put(QUOTAS, json!({"metadata": {"name": "team", "namespace": NAMESPACE}, "status": status}));
}

/// Why there is no room for a pod.
pub(super) fn no_room(objects: &Objects, kind: &str) -> Option<String> {
    let full = objects.get(QUOTAS, "team").is_some_and(|quota| quota["status"]["used"]["pods"] == "1");
    let words = "pods \"iris-0\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1";
    (kind == PODS && full).then(|| words.to_owned())
}

/// The children and the pod as Kubeflow's controller makes them.
fn as_kubeflow_left_it(objects: &mut Objects) {
    let owner = json!([{"apiVersion": "kubeflow.org/v1beta1", "kind": "Notebook", "name": "iris", "uid": "n-1", "controller": true}]);
    let meta = |name: &str| json!({"name": name, "namespace": NAMESPACE, "uid": "upstream", "ownerReferences": owner});
    objects.put(
        SERVICES,
        json!({"kind": "Service", "metadata": meta(IRIS), "spec": {"selector": {"statefulset": "iris"}}}),
    );
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
    let template = json!({"metadata": {"labels": {"statefulset": "iris", "notebook-name": "iris"}},
        "spec": {"containers": [{"name": "iris", "image": "i"}]}});
    let spec = json!({"replicas": 1, "selector": {}, "updateStrategy": strategy, "template": template});
    objects.put(SETS, json!({"kind": "StatefulSet", "metadata": meta(IRIS), "spec": spec}));
    let spec = json!({"hosts": ["*"], "http": [{"timeout": "300s"}]});
    objects.put(ROUTES, json!({"kind": "VirtualService", "metadata": meta(ROUTE), "spec": spec}));
}

pub(super) fn stateful_set_controller(objects: &mut Objects) {
    let Some(mut set) = objects.get(SETS, IRIS).cloned() else {
        objects.remove(PODS, POD);
        return;
    };
    let wanted = set["spec"]["replicas"] != 0;
    set["status"] = json!({"replicas": 1, "observedGeneration": set["metadata"]["generation"]});
    let (template, set_uid) = (set["spec"]["template"].clone(), set["metadata"]["uid"].clone());
    // One of a StatefulSet that is gone goes with it.
    if objects.get(PODS, POD).is_some_and(|pod| pod["metadata"]["ownerReferences"][0]["uid"] != set_uid) {
        objects.remove(PODS, POD);
    }
    objects.put(SETS, set);
    if !wanted {
        objects.remove(PODS, POD);
    } else if objects.get(PODS, POD).is_none() {
        let owner =
            json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": IRIS, "uid": set_uid, "controller": true}]);
        let mut pod = json!({"metadata": template["metadata"],
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let uid = format!("p-{}", objects.made(PODS) + 1);
        let meta = json!({"name": POD, "namespace": NAMESPACE, "uid": uid, "ownerReferences": owner});
        json_patch::merge(&mut pod, &json!({"metadata": meta}));
        objects.put(PODS, pod);
    }
}
