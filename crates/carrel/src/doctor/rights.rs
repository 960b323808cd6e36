//! The rights that the controllers need, as the manifests have them.

use std::collections::BTreeSet;
use std::fmt;

use k8s_openapi::api::authorization::v1::ResourceAttributes;
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::Deserialize;

/// The roles that an install makes. What is no role in them is passed over.
const ROLES: &[&str] = &[include_str!("../../../../deploy/manifests/base/rbac.yaml")];

/// What one request needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Right {
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) name: Option<String>,
    /// All if absent.
    pub(super) namespace: Option<String>,
    pub(super) verb: String,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    rules: Vec<PolicyRule>,
}

/// Each right of the roles; those of a Role are for this namespace alone.
pub(super) fn rights(namespace: &str) -> Result<BTreeSet<Right>, serde_saphyr::Error> {
    let mut documents: Vec<Document> = Vec::new();
    for file in ROLES {
        documents.extend(serde_saphyr::from_multiple::<Document>(file)?);
    }
    let mut rights = BTreeSet::new();
    for Document { kind, rules } in &documents {
        let namespace = match kind.as_str() {
            "ClusterRole" => None,
            "Role" => Some(namespace),
            _ => continue,
        };
        rights.extend(rules.iter().flat_map(|rule| of_rule(rule, namespace)));
    }
    Ok(rights)
}

fn of_rule(rule: &PolicyRule, namespace: Option<&str>) -> Vec<Right> {
    let mut rights = Vec::new();
    let names = rule.resource_names.clone().unwrap_or_default();
    let names: Vec<_> = if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
    for group in rule.api_groups.iter().flatten() {
        for resource in rule.resources.iter().flatten() {
            let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            for name in &names {
                rights.extend(rule.verbs.iter().map(|verb| Right {
                    group: group.clone(),
                    resource: resource.to_owned(),
                    subresource: subresource.to_owned(),
                    name: name.clone(),
                    namespace: namespace.map(str::to_owned),
                    verb: verb.clone(),
                }));
            }
        }
    }
    rights
}

impl Right {
    /// What the right is to, without the verb.
    pub(super) fn to(&self) -> String {
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        let dot = if self.group.is_empty() { "" } else { "." };
        let name = self.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let place = self.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        format!("{}{dot}{}{slash}{}{name}{place}", self.resource, self.group, self.subresource)
    }

    /// The right as the API server is asked for it.
    pub(super) fn attributes(&self) -> ResourceAttributes {
        let or_none = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        ResourceAttributes {
            group: or_none(&self.group),
            resource: Some(self.resource.clone()),
            subresource: or_none(&self.subresource),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            verb: Some(self.verb.clone()),
            ..ResourceAttributes::default()
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb, self.to())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_manifests_are_taken_apart() {
        let all: Vec<_> = rights("carrel-system").unwrap().iter().map(Right::to_string).collect();
        for expected in [
            "patch notebooks.kubeflow.org/status",
            "create pods",
            "list customresourcedefinitions.apiextensions.k8s.io virtualservices.networking.istio.io",
            "update leases.coordination.k8s.io in carrel-system",
        ] {
            assert!(all.iter().any(|one| one == expected), "{expected}: {all:?}");
        }
        assert!(all.len() > 80, "only {}", all.len());
        assert!(!all.iter().any(|one| one.contains('*')), "{all:?}");
    }
}
