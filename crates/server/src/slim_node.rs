//! A node, as far as it is looked at.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Taint, Toleration};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Serialize};

use crate::slim_pod::SlimPodCondition;

/// A Node, with the few fields that are read.
#[derive(Clone, Debug, Default, Resource, Deserialize, Serialize)]
#[resource(inherit = k8s_openapi::api::core::v1::Node)]
pub struct SlimNode {
    /// Its name.
    pub metadata: ObjectMeta,
    /// Whom it takes.
    #[serde(default)]
    pub spec: SlimNodeSpec,
    /// What it has.
    #[serde(default)]
    pub status: SlimNodeStatus,
}

/// The part of a Node's spec that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimNodeSpec {
    /// Whether it takes no new pods (`kubectl cordon`).
    #[serde(default)]
    pub unschedulable: bool,
    /// Whom it keeps away.
    #[serde(default)]
    pub taints: Vec<Taint>,
}

/// The part of a Node's status that is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SlimNodeStatus {
    /// What it has for pods.
    #[serde(default)]
    pub allocatable: BTreeMap<String, Quantity>,
    /// How it does.
    #[serde(default)]
    pub conditions: Vec<SlimPodCondition>,
}

/// Kubernetes' own mark of a cordoned node, which says nothing more.
const CORDONED: &str = "node.kubernetes.io/unschedulable";

/// Taints of a node that is to go, with what they mean. Those of who is to go say more than that of a cordon, which stands
/// last, and which some set without `spec.unschedulable`.
const GOING: &[(&str, &str)] = &[
    ("ToBeDeletedByClusterAutoscaler", "is being removed by the cluster autoscaler"),
    ("karpenter.sh/disrupted", "is being replaced or removed by Karpenter"),
    // Before Karpenter 1.0.
    ("karpenter.sh/disruption", "is being replaced or removed by Karpenter"),
    (CORDONED, "is cordoned"),
];

impl SlimNode {
    /// Whether the control plane has lost it: its kubelet does not report any more.
    pub fn is_lost(&self) -> bool {
        let ready = self.status.conditions.iter().find(|condition| condition.type_ == "Ready");
        ready.is_some_and(|ready| ready.status == "Unknown")
    }

    /// Why its pods are to leave it, if they are: in words that follow its name. That a node takes no new pods is all that
    /// a drain shows of itself.
    pub fn is_going(&self) -> Option<&'static str> {
        let has = |key: &str| self.spec.taints.iter().any(|taint| taint.key == key);
        let tainted = GOING.iter().find(|(key, _)| has(key)).map(|(_, words)| *words);
        tainted.or(self.spec.unschedulable.then_some("is cordoned"))
    }

    /// The taints that keep a pod with these tolerations away, as `key=value` or `key`.
    pub fn keeps_away_by(&self, tolerations: &[Toleration]) -> Vec<String> {
        let blocks = |taint: &&Taint| {
            let hard = ["NoSchedule", "NoExecute"].contains(&taint.effect.as_str());
            hard && taint.key != CORDONED && !tolerations.iter().any(|toleration| tolerates(toleration, taint))
        };
        let word = |taint: &Taint| match taint.value.as_deref() {
            Some(value) if !value.is_empty() => format!("{}={value}", taint.key),
            _ => taint.key.clone(),
        };
        self.spec.taints.iter().filter(blocks).map(word).collect()
    }
}

/// As the scheduler does (Kubernetes' `ToleratesTaint`).
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let key = toleration.key.as_deref().unwrap_or_default();
    let exists = toleration.operator.as_deref() == Some("Exists");
    let same_value = toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default();
    (effect.is_empty() || effect == taint.effect)
        && (key == taint.key || key.is_empty() && exists)
        && (exists || same_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_to_go_shows_by_its_cordon_or_its_taints() {
        let said = |spec: &str| {
            let node: SlimNode = serde_saphyr::from_str(&format!("{{metadata: {{}}, spec: {spec}}}")).unwrap();
            node.is_going()
        };
        assert_eq!(said("{}"), None);
        assert_eq!(said("{taints: [{key: gpu, effect: NoSchedule}]}"), None);
        assert_eq!(said("{unschedulable: true}"), Some("is cordoned"));
        let both = "{unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule},
            {key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}";
        assert_eq!(said(both), Some("is being removed by the cluster autoscaler"));
        assert!(said("{taints: [{key: karpenter.sh/disrupted, effect: NoSchedule}]}").unwrap().contains("Karpenter"));
    }

    #[test]
    fn a_taint_keeps_away_who_does_not_tolerate_it() {
        let node: SlimNode = serde_saphyr::from_str(
            "{metadata: {}, spec: {taints: [{key: gpu, value: 'yes', effect: NoSchedule}, {key: soft, effect: PreferNoSchedule},
              {key: node.kubernetes.io/unschedulable, effect: NoSchedule}]}}",
        )
        .unwrap();
        let left =
            |tolerations: &str| node.keeps_away_by(&serde_saphyr::from_str::<Vec<Toleration>>(tolerations).unwrap());
        assert_eq!(left("[]"), ["gpu=yes"]);
        assert_eq!(left("[{key: gpu, operator: Equal, value: 'no'}]"), ["gpu=yes"]);
        assert_eq!(left("[{key: gpu, operator: Exists, effect: NoExecute}]"), ["gpu=yes"]);
        for tolerations in
            ["[{key: gpu, value: 'yes'}]", "[{operator: Exists}]", "[{key: gpu, operator: Exists, effect: NoSchedule}]"]
        {
            assert!(left(tolerations).is_empty(), "{tolerations}");
        }
    }
}
