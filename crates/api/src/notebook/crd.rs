//! The CustomResourceDefinition of Notebook: Kubeflow's three versions with one schema, rules that refuse what can't
//! run, and columns for kubectl.

use serde_json::{Value, json};

use crate::activity;
use crate::crd::{age, column};
use crate::pod_spec;

/// The API group, Kubeflow's.
pub const GROUP: &str = "kubeflow.org";
/// The plural in URLs.
pub const PLURAL: &str = "notebooks";
/// The version that is stored, and the one that Carrel reads.
pub const STORED_VERSION: &str = "v1";
/// The versions served, newest first. Schemas are identical, so nothing needs converting.
pub const VERSIONS: &[&str] = &[STORED_VERSION, "v1beta1", "v1alpha1"];

/// The CustomResourceDefinition, to be applied as it is.
pub fn definition() -> Value {
    let schema = schema();
    let versions: Vec<Value> = VERSIONS
        .iter()
        .map(|version| {
            json!({
                "name": version,
                "served": true,
                "storage": *version == STORED_VERSION,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns(),
            })
        })
        .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{PLURAL}.{GROUP}")},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": "Notebook", "listKind": "NotebookList", "plural": PLURAL, "singular": "notebook",
                "shortNames": ["nb"], "categories": ["carrel"],
            },
            "scope": "Namespaced",
            "conversion": {"strategy": "None"},
            "versions": versions,
        }
    })
}

fn columns() -> Value {
    json!([
        column("Ready", ".status.conditions[?(@.type==\"Ready\")].status", "Whether the server answers.", false),
        column("Status", ".status.phase", "The state in one word.", false),
        column("Why", ".status.reason", "Why it is not ready; docs/reasons.md explains each word.", false),
        column("Image", ".spec.template.spec.containers[0].image", "The image of the server.", false),
        column("CPU", ".status.resources.cpu", "CPUs asked for.", false),
        column("Memory", ".status.resources.memory", "Memory asked for.", false),
        column("GPU", ".status.resources.gpu", "Devices asked for.", false),
        column("Activity", ".status.activity.verdict", "Whether somebody works with it.", false),
        age(),
        column("Node", ".status.nodeName", "The node that the pod is on.", true),
        column("Stops", ".status.activity.pending.at", "When it will be stopped unless something happens.", true),
        column("Volumes", ".status.volumes", "The claims that the pod mounts.", true),
    ])
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": {
                "type": "object",
                "properties": {"template": {
                    "type": "object",
                    "properties": {
                        "metadata": {
                            "type": "object",
                            "properties": {
                                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                                "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
                            },
                        },
                        "spec": pod_spec::of_server("notebook"),
                    },
                }},
                "x-kubernetes-validations": [{
                    "rule": "has(self.template) && has(self.template.spec) && has(self.template.spec.containers)",
                    "message": "spec.template.spec.containers must have at least one container, \
                        the server, with name and image",
                }],
            },
            "status": status(),
        },
        // An object that is older than this rule and has no spec must still get a status.
        "x-kubernetes-validations": [{
            "rule": "has(self.spec) || (oldSelf.hasValue() && !has(oldSelf.value().spec))",
            "optionalOldSelf": true,
            "message": "spec is required: spec.template.spec.containers must have at least one container",
        }],
    })
}

fn status() -> Value {
    let mut status = own_status();
    if let (Some(fields), Value::Object(life)) =
        (status.pointer_mut("/properties").and_then(Value::as_object_mut), activity::schema())
    {
        fields.extend(life);
    }
    status
}

fn own_status() -> Value {
    let string = json!({"type": "string"});
    let time = json!({"type": "string", "format": "date-time"});
    json!({
        "type": "object",
        "required": ["conditions", "containerState", "readyReplicas"],
        "properties": {
            "conditions": {"type": "array", "items": {
                "type": "object",
                "required": ["status", "type"],
                "properties": {
                    "type": string, "status": string, "reason": string, "message": string,
                    "lastProbeTime": time, "lastTransitionTime": time,
                },
            }},
            "containerState": {"type": "object", "properties": {
                "running": {"type": "object", "properties": {"startedAt": time}},
                "waiting": {"type": "object", "properties": {"reason": string, "message": string}},
                "terminated": {"type": "object", "required": ["exitCode"], "properties": {
                    "exitCode": {"type": "integer", "format": "int32"},
                    "signal": {"type": "integer", "format": "int32"},
                    "reason": string, "message": string, "containerID": string,
                    "startedAt": time, "finishedAt": time,
                }},
            }},
            "readyReplicas": {"type": "integer", "format": "int32"},
            "phase": string,
            "reason": string,
            "observedGeneration": {"type": "integer", "format": "int64"},
            "nodeName": string,
            "resources": {"type": "object", "properties": {"cpu": string, "memory": string, "gpu": string}},
            "volumes": {"type": "array", "items": string},
            "lastLoss": {"type": "object", "properties": {
                "at": time, "reason": string, "message": string, "node": string,
            }},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::LastLoss;
    use crate::notebook::{Condition, ContainerState, NotebookStatus, Phase, READY, Reason, Resources};
    use k8s_openapi::api::core::v1::{ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting};

    #[test]
    fn the_pod_spec_is_there_with_its_own_rules() {
        let spec = pod_spec::of_server("notebook");
        let container = spec.pointer("/properties/containers").unwrap();
        assert_eq!(container["minItems"], 1);
        assert_eq!(container["x-kubernetes-list-map-keys"], json!(["name"]));
        for field in ["image", "name"] {
            assert_eq!(container["items"]["properties"][field]["minLength"], 1);
        }
        for field in ["hostUsers", "schedulingGates", "resourceClaims", "resources"] {
            assert!(spec["properties"][field].is_object(), "{field}");
        }
        assert_eq!(spec["x-kubernetes-validations"].as_array().unwrap().len(), 3);
    }

    /// A value that has every field of a schema.
    fn whole(schema: &Value) -> Value {
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        if schema["x-kubernetes-int-or-string"] == true {
            return "1".into();
        }
        match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
            ("object", _) => match (&schema["properties"], &schema["additionalProperties"]) {
                (Value::Object(properties), _) => {
                    properties.iter().map(|(name, field)| (name.clone(), whole(field))).collect()
                }
                (_, Value::Object(_)) => json!({"key": whole(&schema["additionalProperties"])}),
                _ => json!({}),
            },
            ("array", _) => json!([whole(&schema["items"])]),
            ("string", Some("date-time")) => "2026-01-01T00:00:00Z".into(),
            ("string", Some("byte")) => "YQ==".into(),
            ("string", _) => "a".into(),
            ("integer", _) => 1.into(),
            ("boolean", _) => true.into(),
            other => panic!("a schema that this test does not know: {other:?}"),
        }
    }

    #[test]
    fn our_types_know_every_field_of_the_schema() {
        let schema = schema();
        let whole = whole(&schema["properties"]["spec"]);
        let spec: crate::Checked<crate::notebook::NotebookSpec> = serde_json::from_value(whole.clone()).unwrap();
        assert!(spec.valid().is_some(), "{spec:?}");
        assert_eq!(serde_json::to_value(&spec).unwrap(), whole);
    }

    /// A value without the fields that a schema does not have, as the API server stores it.
    fn pruned(value: &Value, schema: &Value) -> Value {
        match (value, &schema["properties"], &schema["items"]) {
            (Value::Object(fields), Value::Object(known), _) => fields
                .iter()
                .filter_map(|(name, field)| Some((name.clone(), pruned(field, known.get(name)?))))
                .collect(),
            (Value::Array(items), _, schema) if schema.is_object() => {
                items.iter().map(|item| pruned(item, schema)).collect()
            }
            _ => value.clone(),
        }
    }

    /// A field of ours that the schema lacks would be written for ever. No `..`: a new field does not compile here.
    #[test]
    fn no_field_of_a_status_is_pruned() {
        let time = || Some(jiff::Timestamp::UNIX_EPOCH);
        let condition = Condition {
            type_: READY.to_owned(),
            status: "True".to_owned(),
            last_probe_time: time(),
            last_transition_time: time(),
            reason: Some("Running".to_owned()),
            message: Some("m".to_owned()),
        };
        let text = || Some("t".to_owned());
        let at = || time().map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time);
        let status = NotebookStatus {
            ready_replicas: 1,
            container_state: ContainerState {
                running: Some(ContainerStateRunning { started_at: at() }),
                waiting: Some(ContainerStateWaiting { message: text(), reason: text() }),
                terminated: Some(ContainerStateTerminated {
                    container_id: text(),
                    exit_code: 1,
                    finished_at: at(),
                    message: text(),
                    reason: text(),
                    signal: Some(9),
                    started_at: at(),
                }),
            },
            conditions: vec![condition],
            phase: Some(Phase::Running),
            reason: Some(Reason::Pending),
            observed_generation: Some(1),
            node_name: text(),
            resources: Resources { cpu: text(), memory: text(), gpu: text() },
            volumes: vec!["v".to_owned()],
            last_loss: Some(LastLoss {
                at: jiff::Timestamp::UNIX_EPOCH,
                reason: "Evicted".to_owned(),
                message: "m".to_owned(),
                node: text(),
            }),
            life: crate::testing::life(),
        };
        let status = serde_json::to_value(status).unwrap();
        assert_eq!(pruned(&status, &schema()["properties"]["status"]), status);
    }

    /// Client-side apply keeps the whole object in an annotation, and annotations have this limit.
    #[test]
    fn the_definition_fits_a_plain_kubectl_apply() {
        assert!(serde_json::to_string(&definition()).unwrap().len() < 262_144);
    }
}
