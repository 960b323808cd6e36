//! The CustomResourceDefinition of Tensorboard: Kubeflow's, with more that an owner may ask for, rules that refuse what can't
//! be shown, and columns for kubectl.

use serde_json::{Value, json};

use crate::crd::{Names, Scope, age, column, object};
use crate::pod_spec;
use crate::server;

/// The API group, Kubeflow's.
pub const GROUP: &str = "tensorboard.kubeflow.org";
/// The plural in URLs.
pub const PLURAL: &str = "tensorboards";
/// The version that is served and stored.
pub const VERSION: &str = "v1alpha1";

/// What works as a logspath, for whoever wrote another.
pub const LOGSPATHS: &str = "pvc://CLAIM, pvc://CLAIM/FOLDER, gs://BUCKET/FOLDER, s3://BUCKET/FOLDER, /cns/PATH, or \
    an absolute path on the claim tb-volume";

/// The CustomResourceDefinition, to be applied as it is.
pub fn definition() -> Value {
    let names = Names { group: GROUP, kind: "Tensorboard", plural: PLURAL, singular: "tensorboard", short: &["tb"] };
    crate::crd::definition(&names, Scope::Namespaced, VERSION, &schema(), &columns())
}

fn columns() -> Value {
    json!([
        column("Ready", ".status.conditions[?(@.type==\"Ready\")].status", "Whether TensorBoard answers.", false),
        column("Status", ".status.phase", "The state in one word.", false),
        column("Why", ".status.reason", "Why it is not ready; docs/reasons.md explains each word.", false),
        column("Logs", ".spec.logspath", "Where the runs are.", false),
        age(),
        column("Node", ".status.nodeName", "The node that the pod is on.", true),
    ])
}

fn schema() -> Value {
    let status = server::schema(&json!({"readyReplicas": {"type": "integer", "format": "int32"}}));
    object(&spec(), &status, &format!("spec is required: spec.logspath must be {LOGSPATHS}"))
}

fn spec() -> Value {
    let pod = pod_spec::published();
    let resources = pod.pointer("/properties/containers/items/properties/resources").cloned().unwrap_or_default();
    let name = json!({"type": "string", "minLength": 1, "maxLength": 253});
    json!({
        "type": "object",
        "required": ["logspath"],
        "properties": {
            "logspath": {
                "type": "string",
                "maxLength": 2048,
                "x-kubernetes-validations": [
                    {
                        "rule": "self.matches('^pvc://[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(/([^/\\n].*)?)?$') \
                            || self.matches('^(gs|s3)://[^/\\n].*$') || self.matches('^/[^/:\\n][^:\\n]*$')",
                        "message": format!("logspath must be {LOGSPATHS}"),
                    },
                    {
                        "rule": "!self.split('/').exists(part, part == '..')",
                        "message": "logspath must not leave its folder by ..",
                    },
                ],
            },
            "image": {"type": "string", "minLength": 1, "maxLength": 1024},
            "resources": resources,
            "args": {"type": "array", "maxItems": 64, "items": {"type": "string", "maxLength": 4096}},
            "credentials": {
                "type": "object",
                "properties": {
                    "secretName": name,
                    "key": name,
                    "s3Endpoint": {"type": "string", "maxLength": 1024, "pattern": "^https?://[^/ ]+/?$"},
                },
            },
            "serviceAccountName": name,
            "podLabels": {"type": "object", "maxProperties": 64, "additionalProperties": {"type": "string"}},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorboard::TensorboardSpec;

    #[test]
    fn our_types_know_every_field_of_the_schema() {
        let known = serde_json::to_value(TensorboardSpec {
            logspath: Some(String::new()),
            image: Some(String::new()),
            resources: Some(k8s_openapi::api::core::v1::ResourceRequirements::default()),
            args: vec![String::new()],
            credentials: Some(crate::tensorboard::Credentials::default()),
            service_account_name: Some(String::new()),
            pod_labels: [(String::new(), String::new())].into(),
        })
        .unwrap();
        let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(&known), fields(&spec()["properties"]));
    }
}
