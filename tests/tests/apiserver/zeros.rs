//! Which zeros the API server stores is written down in `carrel_runtime::covers`; the API server itself must agree.

use anyhow::Result;
use carrel_runtime::covers::stores_zero;
use carrel_tests::Desk;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::api::PostParams;
use serde_json::{Value, json};

/// Fields whose zero is not left out but replaced by a default.
const DEFAULTED: &[&str] = &["timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];

/// Each zero that was sent, by the name of its field, and whether it is stored.
fn zeros(sent: &Value, stored: Option<&Value>, found: &mut Vec<(String, bool)>) {
    match sent {
        Value::Object(fields) => {
            for (name, field) in fields {
                let there = stored.and_then(|stored| stored.get(name));
                if *field == false || *field == 0 {
                    found.push((name.clone(), there == Some(field)));
                }
                zeros(field, there, found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                zeros(item, stored.and_then(|stored| stored.get(at)), found);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_api_server_stores_the_zeros_that_we_miss_and_no_other() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {
        "hostNetwork": false, "hostPID": false, "hostIPC": false, "shareProcessNamespace": false, "hostUsers": false,
        "automountServiceAccountToken": false, "enableServiceLinks": false, "setHostnameAsFQDN": false,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsUser": 0, "runAsGroup": 0, "fsGroup": 0, "runAsNonRoot": false},
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}],
        "volumes": [
            {"name": "a", "secret": {"secretName": "s", "optional": false, "defaultMode": 0}},
            {"name": "b", "persistentVolumeClaim": {"claimName": "c", "readOnly": false}},
            {"name": "c", "csi": {"driver": "d", "readOnly": false}},
        ],
        "containers": [{
            "name": "a", "image": "i", "stdin": false, "stdinOnce": false, "tty": false,
            "ports": [{"containerPort": 1, "hostPort": 0}],
            "volumeMounts": [{"name": "a", "mountPath": "/a", "readOnly": false}],
            "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": false}}}],
            "livenessProbe": {"tcpSocket": {"port": 1}, "initialDelaySeconds": 0, "timeoutSeconds": 0, "periodSeconds": 0,
                "successThreshold": 0, "failureThreshold": 0},
            "securityContext": {"privileged": false, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": false,
                "runAsNonRoot": false, "runAsUser": 0},
        }],
    }});
    let set = json!({"metadata": {"name": "zeros"}, "spec": {"replicas": 0, "minReadySeconds": 0, "revisionHistoryLimit": 0,
        "selector": {"matchLabels": {"a": "b"}}, "template": template}});
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let stored = desk.api::<StatefulSet>().create(&params, &serde_json::from_value(set.clone())?).await?;
    let mut found = Vec::new();
    zeros(&set, Some(&serde_json::to_value(stored)?), &mut found);
    println!("{} zeros", found.len());
    assert!(found.len() > 35, "{found:?}");
    for (field, is_stored) in found {
        // One driver's `readOnly` is stored, the others' are not; it means the same.
        let agrees = is_stored == stores_zero(&field) || field == "readOnly";
        assert!(agrees && !(is_stored && DEFAULTED.contains(&field.as_str())), "{field}: stored is {is_stored}");
    }
    Ok(())
}
