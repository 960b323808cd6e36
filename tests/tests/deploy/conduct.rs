//! What holds for every object, whichever way it comes in.

use std::sync::LazyLock;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::rendered::{ALL_ON, OVERLAYS, Objects, chart, overlay};

/// All sets of objects that somebody may apply, by a name.
static EVERYTHING: LazyLock<Vec<(String, Objects)>> = LazyLock::new(|| everything().expect("the sets"));

fn everything() -> Result<Vec<(String, Objects)>> {
    let mut sets = vec![("the chart".to_owned(), chart(&[])?), ("the chart, all on".to_owned(), chart(ALL_ON)?)];
    for name in OVERLAYS {
        sets.push((name.to_owned(), overlay(name)?));
    }
    Ok(sets)
}

#[test]
fn every_object_says_what_it_belongs_to() -> Result<()> {
    for (set, objects) in &*EVERYTHING {
        for (name, object) in objects {
            let label = |key: &str| object["metadata"]["labels"][format!("app.kubernetes.io/{key}")].as_str();
            ensure!(label("name") == Some("carrel") && label("part-of") == Some("carrel"), "{set}: {name}");
            let is_crd = object["kind"] == "CustomResourceDefinition";
            ensure!(is_crd || label("component") == Some("controllers"), "{set}: {name} has no component");
            if set.starts_with("the chart") {
                let of_release = [label("instance"), label("version"), label("managed-by")];
                let expected = [Some("carrel"), Some(env!("CARGO_PKG_VERSION")), Some("Helm")];
                ensure!(of_release == expected, "{set}: {name} is labelled {of_release:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_namespace_lets_no_pod_have_a_privilege() -> Result<()> {
    let overlays = EVERYTHING.iter().filter(|(set, _)| OVERLAYS.contains(&set.as_str()));
    for (name, objects) in overlays {
        let labels = &objects.get("Namespace /carrel-system").context("no namespace")?["metadata"]["labels"];
        ensure!(labels["pod-security.kubernetes.io/enforce"] == "restricted", "{name}: {labels}");
    }
    Ok(())
}

/// What is wrong with a pod by the Pod Security Standard `restricted`, and by what we ask of ours beside it.
fn flaws(pod: &Value) -> Vec<String> {
    let mut flaws = Vec::new();
    let mut wants = |holds: bool, what: &str| {
        if !holds {
            flaws.push(what.to_owned());
        }
    };
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        wants(pod[host].is_null(), host);
    }
    wants(pod["securityContext"]["runAsNonRoot"] == true, "runAsNonRoot");
    wants(pod["securityContext"]["runAsUser"].as_u64().is_some_and(|user| user > 0), "runAsUser");
    wants(pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", "seccompProfile");
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let kinds: Vec<_> = volume.as_object().unwrap().keys().filter(|key| *key != "name").collect();
        wants(kinds == ["persistentVolumeClaim"], "volumes");
    }
    let containers: Vec<_> =
        ["containers", "initContainers"].iter().flat_map(|list| pod[*list].as_array().into_iter().flatten()).collect();
    wants(!containers.is_empty(), "containers");
    for container in containers {
        let security = &container["securityContext"];
        wants(security["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation");
        wants(security["privileged"].is_null(), "privileged");
        wants(security["capabilities"] == json!({"drop": ["ALL"]}), "capabilities");
        wants(security["readOnlyRootFilesystem"] == true, "readOnlyRootFilesystem");
        wants(container["resources"]["requests"]["cpu"].is_string(), "requests.cpu");
        wants(container["resources"]["limits"]["memory"].is_string(), "limits.memory");
        for port in container["ports"].as_array().into_iter().flatten() {
            wants(port["hostPort"].is_null(), "hostPort");
        }
    }
    flaws
}

#[test]
fn pods_meet_the_standard_restricted_and_have_a_read_only_root() -> Result<()> {
    for (set, objects) in &*EVERYTHING {
        let deployments: Vec<_> = objects.values().filter(|object| object["kind"] == "Deployment").collect();
        ensure!(!deployments.is_empty(), "{set} has no Deployment");
        for deployment in deployments {
            let found = flaws(&deployment["spec"]["template"]["spec"]);
            ensure!(found.is_empty(), "{set}: {}: {found:?}", deployment["metadata"]["name"]);
        }
    }
    Ok(())
}

#[test]
fn what_is_made_has_the_version_of_this_build() -> Result<()> {
    for (set, objects) in &*EVERYTHING {
        let deployment = objects.get("Deployment carrel-system/carrel").with_context(|| format!("{set}: no Carrel"))?;
        let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str();
        ensure!(image == Some(concat!("carrel:", env!("CARGO_PKG_VERSION"))), "{set}: {image:?}");
    }
    Ok(())
}

/// A field that Kubernetes does not know is lost on the way through its types.
fn known<K: Serialize + DeserializeOwned>(object: &Value) -> Result<()> {
    let read: K = serde_json::from_value(object.clone())?;
    let kept = serde_json::to_value(read)?;
    ensure!(kept == *object, "Kubernetes would keep {kept} of {object}");
    Ok(())
}

#[test]
fn every_field_is_one_that_kubernetes_knows() -> Result<()> {
    for (set, objects) in &*EVERYTHING {
        for (name, object) in objects {
            match object["kind"].as_str().unwrap_or_default() {
                "ClusterRole" => known::<ClusterRole>(object),
                "ClusterRoleBinding" => known::<ClusterRoleBinding>(object),
                "ConfigMap" => known::<ConfigMap>(object),
                "Deployment" => known::<Deployment>(object),
                "Namespace" => known::<Namespace>(object),
                "NetworkPolicy" => known::<NetworkPolicy>(object),
                "PersistentVolumeClaim" => known::<PersistentVolumeClaim>(object),
                "PodDisruptionBudget" => known::<PodDisruptionBudget>(object),
                "Role" => known::<Role>(object),
                "RoleBinding" => known::<RoleBinding>(object),
                "Service" => known::<Service>(object),
                "ServiceAccount" => known::<ServiceAccount>(object),
                // Generated, and tried on an API server; and those of Prometheus' operator.
                "CustomResourceDefinition" | "PrometheusRule" | "ServiceMonitor" => Ok(()),
                kind => bail!("{set}: nobody expected a {kind}"),
            }
            .with_context(|| format!("{set}: {name}"))?;
        }
    }
    Ok(())
}

/// A rule that grants a wildcard grants what nobody looked at.
#[test]
fn no_rule_has_a_wildcard() -> Result<()> {
    for (set, objects) in &*EVERYTHING {
        for (name, object) in objects.iter().filter(|(_, object)| object["rules"].is_array()) {
            ensure!(!object["rules"].to_string().contains('*'), "{set}: {name}");
        }
    }
    Ok(())
}
