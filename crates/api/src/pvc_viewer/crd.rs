//! The CustomResourceDefinition of PVCViewer: Kubeflow's, with the rules that its webhook has there, and columns for kubectl.

use serde_json::{Value, json};

use crate::crd::{Names, Scope, age, column, object};
use crate::pod_spec::{self, set};
use crate::server;

/// The API group, Kubeflow's.
pub const GROUP: &str = "kubeflow.org";
/// The plural in URLs.
pub const PLURAL: &str = "pvcviewers";
/// The version that is served and stored.
pub const VERSION: &str = "v1alpha1";

/// The CustomResourceDefinition, to be applied as it is.
pub fn definition() -> Value {
    let names = Names { group: GROUP, kind: "PVCViewer", plural: PLURAL, singular: "pvcviewer", short: &["pvcv"] };
    crate::crd::definition(&names, Scope::Namespaced, VERSION, &schema(), &columns())
}

fn columns() -> Value {
    json!([
        column("Ready", ".status.conditions[?(@.type==\"Ready\")].status", "Whether the viewer answers.", false),
        column("Status", ".status.phase", "The state in one word.", false),
        column("Why", ".status.reason", "Why it is not ready; docs/reasons.md explains each word.", false),
        column("Claim", ".spec.pvc", "The claim whose files are shown.", false),
        age(),
        column("URL", ".status.url", "The path under which it is reached.", true),
        column("Node", ".status.nodeName", "The node that the pod is on.", true),
    ])
}

fn schema() -> Value {
    let status = server::schema(&json!({"ready": {"type": "boolean", "default": false}, "url": {"type": "string"}}));
    object(&spec(), &status, "spec is required: spec.pvc names the claim whose files are shown")
}

/// The pod may be left out whole, `{}` included: then the admin's is taken.
fn pod() -> Value {
    let mut pod = pod_spec::of_server("viewer");
    set(&mut pod, "", "required", json!([]));
    set(&mut pod, "", "anyOf", json!([{"required": ["containers"]}, {"maxProperties": 0}]));
    set(&mut pod, "/properties/volumes", "maxItems", json!(128));
    pod
}

fn spec() -> Value {
    let path = json!({"type": "string", "maxLength": 253});
    json!({
        "type": "object",
        "required": ["pvc"],
        "properties": {
            "pvc": {"type": "string", "minLength": 1, "maxLength": 253},
            "podSpec": pod(),
            "networking": {
                "type": "object",
                "properties": {
                    "targetPort": {"x-kubernetes-int-or-string": true},
                    "basePrefix": path, "rewrite": path,
                    "timeout": {"type": "string", "maxLength": 64},
                },
                "x-kubernetes-validations": [
                    {
                        "rule": "!has(self.basePrefix) || self.basePrefix == '' \
                            || self.basePrefix.matches('^(/[-._~a-zA-Z0-9]+)+$')",
                        "fieldPath": ".basePrefix",
                        "message": "basePrefix must be a path such as /pvcviewer, without a slash at its end",
                    },
                    {
                        "rule": "!has(self.rewrite) || self.rewrite == '' || self.rewrite.matches('^/[^ ?#]*$')",
                        "fieldPath": ".rewrite",
                        "message": "rewrite must begin with / and have no blank, ? or #",
                    },
                    {
                        "rule": "!has(self.timeout) || self.timeout == '' \
                            || self.timeout.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$')",
                        "fieldPath": ".timeout",
                        "message": "timeout must be a duration such as 30s",
                    },
                ],
            },
            "rwoScheduling": {"type": "boolean", "default": false},
        },
        "x-kubernetes-validations": [{
            "rule": "!has(self.podSpec) || !has(self.podSpec.containers) || (has(self.podSpec.volumes) \
                && self.podSpec.volumes.exists(volume, has(volume.persistentVolumeClaim) \
                && volume.persistentVolumeClaim.claimName == self.pvc))",
            "fieldPath": ".podSpec",
            "message": "a podSpec must mount the claim that pvc names, in a volume; or leave podSpec out",
        }],
    })
}
