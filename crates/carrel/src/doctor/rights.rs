//! The rights that the controllers need, one by one.

use std::collections::BTreeSet;
use std::fmt;

use k8s_openapi::api::authorization::v1::ResourceAttributes;

use super::routes;
use super::settings::Settings;
use crate::kind::Kind;
use crate::rights::{Part, at_home, everywhere};

/// Resources that stand above namespaces: of them Carrel needs rights on the cluster also where it looks after one alone.
const ABOVE: [&str; 6] =
    ["nodes", "namespaces", "labpolicies", "storageclasses", "customresourcedefinitions", "volumesnapshotcontents"];

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

/// Each right that controllers of these settings need; those of the Lease are for its namespace alone.
pub(super) fn rights(home: &str, settings: &Settings) -> BTreeSet<Right> {
    let only = settings.get("namespace", "");
    let place = |resource: &str| only.filter(|_| !ABOVE.contains(&resource)).map(str::to_owned);
    let parts = everywhere().into_iter().filter(|(part, _)| is_on(*part, settings));
    let everywhere = parts
        .flat_map(|(_, rights)| rights)
        .flat_map(|right| one_by_one(right, None))
        .filter(|right| is_needed(right, settings))
        .map(|right| Right { namespace: place(&right.resource), ..right });
    everywhere.chain(at_home().iter().flat_map(|right| one_by_one(right, Some(home)))).collect()
}

fn is_on(part: Part, settings: &Settings) -> bool {
    match part {
        Part::Core => true,
        Part::Companions => settings.looks_after(Kind::Tensorboard) || settings.looks_after(Kind::PvcViewer),
        Part::Volumes => settings.looks_after(Kind::VolumeRequest),
        Part::Policies => settings.follows_policies(),
    }
}

/// Whether controllers of these settings need a right of a part that is on. Those to routes that an earlier setting made are not
/// needed: such routes are left where they can't be listed.
fn is_needed(right: &Right, settings: &Settings) -> bool {
    match right.resource.as_str() {
        "nodes" => !settings.is_off("watch-nodes", "CARREL_WATCH_NODES"),
        // Where a policy decides is written by those alone who see all namespaces.
        "labpolicies" => right.subresource.is_empty() || settings.get("namespace", "").is_none(),
        "tensorboards" => settings.looks_after(Kind::Tensorboard),
        "pvcviewers" => settings.looks_after(Kind::PvcViewer),
        "virtualservices" => routes::chosen(settings) == "istio",
        "httproutes" => routes::chosen(settings) == "gateway",
        "ingresses" => routes::chosen(settings) == "ingress",
        _ => true,
    }
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
    use serde_json::{Value, json};

    #[test]
    fn rights_are_taken_apart() {
        let all = of(&json!({}));
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

    fn of(variables: &Value) -> Vec<String> {
        let config = serde_json::from_value(json!({"metadata": {}, "data": variables})).unwrap();
        let deployment = json!({"metadata": {}, "spec": {"selector": {}, "template": {"spec": {"containers": [
            {"name": "carrel", "args": ["controllers", "--namespace=team"]}]}}}});
        let deployment = serde_json::from_value(deployment).unwrap();
        let deployment = variables.get("CARREL_TENSORBOARDS").map(|_| &deployment);
        rights("carrel-system", &Settings::of(&[config], deployment)).iter().map(Right::to_string).collect()
    }

    #[test]
    fn settings_that_need_fewer_rights_are_asked_for_fewer() {
        let all =
            of(&json!({"CARREL_TENSORBOARDS": "false", "CARREL_WATCH_NODES": "false", "CARREL_ROUTING": "ingress",
            "CARREL_VOLUME_REQUESTS": "false"}));
        for gone in ["tensorboards", "nodes", "virtualservices", "httproutes", "volumerequests", "storageclasses"] {
            let is_it = |one: &String| one.split([' ', '.', '/']).nth(1) == Some(gone);
            assert!(!all.iter().any(is_it), "{gone}: {all:?}");
        }
        assert!(!all.iter().any(|one| one.contains("labpolicies.carrel.dev/status")), "{all:?}");
        for there in [
            "list namespaces",
            "create deployments.apps in team",
            "patch ingresses.networking.k8s.io in team",
            "update leases.coordination.k8s.io in carrel-system",
        ] {
            assert!(all.iter().any(|one| one == there), "{there}: {all:?}");
        }
    }
}
