//! The controllers of Deployments, the scheduler and kubelets: as far as a companion depends on them.

use carrel_faults::{NAMESPACE, Objects};
use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Value, json};

use super::scene::{DATA, DEPLOYMENTS, PODS, QUOTAS};
use crate::affinity::bound;

type Refuses = fn(&Objects, &str, &Value) -> Option<String>;

/// Where a pod starts that may start anywhere.
const NODE: &str = "a";
/// On a pod: the template that it was made from.
const TEMPLATE: &str = "pod-template-hash";

/// What the API server does not take.
pub(super) fn refusal(objects: &Objects, kind: &str, object: &Value) -> Option<String> {
    match kind {
        PODS => {
            let full = objects.get(QUOTAS, "team").is_some_and(|quota| quota["status"]["used"]["pods"] == "1");
            let words =
                "pods \"iris-0\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1";
            full.then(|| words.to_owned())
        }
        DEPLOYMENTS => {
            let old = objects.get(kind, object["metadata"]["name"].as_str()?);
            let (spec, selects) = (&object["spec"], |object: &Value| object["spec"]["selector"].clone());
            if spec["strategy"]["type"] == "Recreate" && !spec["strategy"]["rollingUpdate"].is_null() {
                return Some("spec.strategy.rollingUpdate: Forbidden: the type is Recreate".to_owned());
            }
            let moved = old.is_some_and(|old| selects(old) != selects(object));
            moved.then(|| "spec.selector: Invalid value: field is immutable".to_owned())
        }
        _ => None,
    }
}

pub(super) fn work(objects: &mut Objects, refuses: Refuses) {
    let is_ending = |object: &Value| !object["metadata"]["deletionTimestamp"].is_null();
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    // What was told to end has ended by now.
    for pod in objects.of(PODS).iter().filter(|pod| is_ending(pod)) {
        objects.remove(PODS, &name(pod));
    }
    let deployments = objects.of(DEPLOYMENTS);
    for pod in objects.of(PODS) {
        let owner = &pod["metadata"]["ownerReferences"][0]["uid"];
        let is_owned = owner.is_null() || deployments.iter().any(|deployment| deployment["metadata"]["uid"] == *owner);
        if !is_owned {
            objects.delete(PODS, &name(&pod));
        }
    }
    for deployment in deployments {
        run(objects, deployment, refuses);
    }
    for pod in objects.of(PODS).into_iter().filter(|pod| !is_ending(pod)) {
        schedule_and_start(objects, pod);
    }
}

/// Ends what is of another template or too many, all of it before it makes anything.
fn run(objects: &mut Objects, mut deployment: Value, refuses: Refuses) {
    let uid = deployment["metadata"]["uid"].clone();
    let template = deployment["spec"]["template"].clone();
    let own = |pod: &Value| pod["metadata"]["ownerReferences"][0]["uid"] == uid;
    let pods: Vec<_> = objects.of(PODS).into_iter().filter(own).collect();
    let wanted = deployment["spec"]["replicas"] != 0;
    for pod in &pods {
        let is_of_it = pod["metadata"]["labels"][TEMPLATE].as_str() == Some(&template.to_string());
        if !(wanted && is_of_it) {
            objects.delete(PODS, pod["metadata"]["name"].as_str().unwrap());
        }
    }
    let mut status = json!({"observedGeneration": deployment["metadata"]["generation"]});
    if wanted && pods.is_empty() {
        let pod = made_from(&template, &deployment, objects.made(PODS));
        match refuses(objects, PODS, &pod) {
            Some(words) => {
                status["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "message": words}]);
            }
            None => drop(objects.put(PODS, pod)),
        }
    }
    deployment["status"] = status;
    objects.put(DEPLOYMENTS, deployment);
}

fn made_from(template: &Value, deployment: &Value, nth: usize) -> Value {
    let (uid, child) = (&deployment["metadata"]["uid"], deployment["metadata"]["name"].as_str().unwrap());
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": child, "uid": uid, "controller": true}]);
    let mut pod = template.clone();
    let meta = json!({"name": format!("{child}-{nth}"), "generateName": format!("{child}-"), "namespace": NAMESPACE,
        "creationTimestamp": format!("2026-01-01T00:{:02}:{:02}Z", nth / 60, nth % 60),
        "labels": {TEMPLATE: template.to_string()}, "ownerReferences": owner, "finalizers": ["kubelet"]});
    json_patch::merge(&mut pod, &json!({"metadata": meta}));
    pod
}

/// A claim that one node has can't be mounted on another.
fn schedule_and_start(objects: &mut Objects, mut pod: Value) {
    if pod["spec"]["nodeName"].is_null() {
        let spec: PodSpec = serde_json::from_value(pod["spec"].clone()).unwrap();
        pod["spec"]["nodeName"] = bound(&spec, &PodSpec::default()).unwrap_or(NODE).into();
    }
    let mounts = |pod: &Value| {
        let volumes = pod["spec"]["volumes"].as_array();
        volumes.is_some_and(|volumes| volumes.iter().any(|one| one["persistentVolumeClaim"]["claimName"] == DATA))
    };
    let has_it_elsewhere = |other: &Value| {
        mounts(other) && other["status"]["phase"] == "Running" && other["spec"]["nodeName"] != pod["spec"]["nodeName"]
    };
    if pod["status"]["phase"] != "Running" {
        let starts = !(mounts(&pod) && objects.of(PODS).iter().any(has_it_elsewhere));
        pod["status"] = if starts {
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
        } else {
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]})
        };
    }
    objects.put(PODS, pod);
}
