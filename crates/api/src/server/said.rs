//! What a status says of any server.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Condition, Phase, Reason};
use crate::activity::{self, Life};

/// The part of a status that is the same for each kind of server that stands beside a volume.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// One of a type: `Ready`, `Stopped`, and `Routed` where routes are made.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The state in one word; absent only in a status that Carrel did not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Why the server is not ready; absent when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The generation of the object that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The node on which the pod runs; absent while it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Whether it is used, and why Carrel stopped it last.
    #[serde(flatten)]
    pub life: Life,
}

impl Said {
    /// The condition of this type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }
}

/// The schema of the fields above. What Kubeflow's controllers wrote into conditions is let through, since a stored object
/// must stay valid until its first new status: `deploymentState` has no type and no status beside it.
pub(crate) fn schema(more: &Value) -> Value {
    let string = json!({"type": "string"});
    let time = json!({"type": "string", "format": "date-time"});
    let mut properties = json!({
        "conditions": {"type": "array", "items": {
            "type": "object",
            "properties": {
                "type": string, "status": string, "reason": string, "message": string,
                "lastProbeTime": time, "lastTransitionTime": time, "lastUpdateTime": time, "deploymentState": string,
            },
        }},
        "phase": string,
        "reason": string,
        "observedGeneration": {"type": "integer", "format": "int64"},
        "nodeName": string,
    });
    for more in [more, &activity::schema()] {
        if let (Some(properties), Some(more)) = (properties.as_object_mut(), more.as_object()) {
            properties.extend(more.clone());
        }
    }
    json!({"type": "object", "properties": properties})
}
