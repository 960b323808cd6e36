//! A pod that must run on one node, beside whatever its owner asks of nodes.

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec,
};

/// The one field of a node that a term can name.
const NAME: &str = "metadata.name";

/// Binds a pod to a node. Terms are alternatives, so that each of the owner's gets the node.
pub fn bind(pod: &mut PodSpec, node: &str) {
    let here = NodeSelectorRequirement {
        key: NAME.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let affinity: &mut Affinity = pod.affinity.get_or_insert_default();
    let nodes: &mut NodeAffinity = affinity.node_affinity.get_or_insert_default();
    let required: &mut NodeSelector = nodes.required_during_scheduling_ignored_during_execution.get_or_insert_default();
    if required.node_selector_terms.is_empty() {
        required.node_selector_terms.push(NodeSelectorTerm::default());
    }
    for term in &mut required.node_selector_terms {
        term.match_fields.get_or_insert_default().push(here.clone());
    }
}

/// The node to which a pod is bound, beyond what its owner asks for.
pub fn bound<'a>(pod: &'a PodSpec, owners: &PodSpec) -> Option<&'a str> {
    // Ours comes last; an owner may bind a pod in the same way.
    let here = fields(pod)?.get(fields(owners).map_or(0, <[_]>::len)..)?.last()?;
    let is_ours = here.key == NAME && here.operator == "In";
    here.values.as_ref().filter(|_| is_ours)?.first().map(String::as_str)
}

fn fields(pod: &PodSpec) -> Option<&[NodeSelectorRequirement]> {
    let nodes = pod.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = nodes.required_during_scheduling_ignored_during_execution.as_ref()?;
    required.node_selector_terms.first()?.match_fields.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alternative_of_the_owners_gets_the_node() {
        let text = "{containers: [], affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}, {matchExpressions: [{key: b, operator: Exists}]}]}},
            podAffinity: {}}}";
        let mut pod: PodSpec = serde_saphyr::from_str(text).unwrap();
        let owners = pod.clone();
        assert_eq!(bound(&pod, &owners), None);
        bind(&mut pod, "n1");
        assert_eq!(bound(&pod, &owners), Some("n1"));
        let affinity = pod.affinity.unwrap();
        assert!(affinity.pod_affinity.is_some());
        let required = affinity.node_affinity.unwrap().required_during_scheduling_ignored_during_execution.unwrap();
        for (term, key) in required.node_selector_terms.iter().zip(["a", "b"]) {
            assert_eq!(term.match_expressions.as_ref().unwrap()[0].key, key);
            assert_eq!(term.match_fields.as_ref().unwrap()[0].values, Some(vec!["n1".to_owned()]));
        }
        let mut plain = PodSpec::default();
        bind(&mut plain, "n2");
        assert_eq!(bound(&plain, &PodSpec::default()), Some("n2"));
    }

    #[test]
    fn what_the_owner_binds_by_name_is_not_ours() {
        let text = "{containers: [], affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [n5]}]}]}}}}";
        let owners: PodSpec = serde_saphyr::from_str(text).unwrap();
        let mut pod = owners.clone();
        assert_eq!(bound(&pod, &owners), None);
        bind(&mut pod, "n1");
        assert_eq!(bound(&pod, &owners), Some("n1"));
    }
}
