//! The rights that the controllers need, one by one.

use std::collections::BTreeSet;
use std::fmt;

use k8s_openapi::api::authorization::v1::ResourceAttributes;

use crate::rights::{at_home, everywhere};

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

/// Each right of the controllers; those of their own namespace are for this one alone.
pub(super) fn rights(namespace: &str) -> BTreeSet<Right> {
    let everywhere = everywhere().into_iter().flatten().flat_map(|right| one_by_one(right, None));
    everywhere.chain(at_home().iter().flat_map(|right| one_by_one(right, Some(namespace)))).collect()
}

fn one_by_one(right: &carrel_runtime::rights::Right, namespace: Option<&str>) -> Vec<Right> {
    let names: Vec<_> =
        if right.names.is_empty() { vec![None] } else { right.names.iter().map(|name| Some(*name)).collect() };
    let mut rights = Vec::new();
    for resource in right.resources {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        for name in &names {
            rights.extend(right.verbs.iter().map(|verb| Right {
                group: right.group.to_owned(),
                resource: resource.to_owned(),
                subresource: subresource.to_owned(),
                name: name.map(str::to_owned),
                namespace: namespace.map(str::to_owned),
                verb: (*verb).to_owned(),
            }));
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
    fn rights_are_taken_apart() {
        let all: Vec<_> = rights("carrel-system").iter().map(Right::to_string).collect();
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
