//! The rights that Carrel asks for are those that it uses. Reads the audit log of what the other tests had it do, so it
//! is run after them, on their cluster.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Result;
use carrel_tests::{Audit, Request, given, run};
use serde::Deserialize;

#[derive(Deserialize)]
struct Role {
    kind: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
    verbs: Vec<String>,
}

/// What one may do: group, kind with subresource, the name where only that one, and the verb.
type Right = (String, String, Option<String>, String);

impl Rule {
    fn rights(&self) -> Vec<Right> {
        let names: Vec<_> = match self.resource_names.as_slice() {
            [] => vec![None],
            names => names.iter().cloned().map(Some).collect(),
        };
        let mut rights = Vec::new();
        for group in &self.api_groups {
            for resource in &self.resources {
                for name in &names {
                    let right = |verb: &String| (group.clone(), resource.clone(), name.clone(), verb.clone());
                    rights.extend(self.verbs.iter().map(right));
                }
            }
        }
        rights
    }
}

/// The roles as the binary prints them: of the whole cluster, and of its own namespace.
fn roles() -> Result<Vec<Role>> {
    let text = run(Command::new(given("CARREL_BINARY")?).arg("rights"))?;
    Ok(serde_saphyr::from_multiple(&text)?)
}

/// Rights that the API server asks for beside a request: to create, where an apply meets nothing, and to the finalizers of owners,
/// which is what the admission plugin OwnerReferencesPermissionEnforcement wants.
fn makes_no_request(right: &Right, all: &BTreeSet<Right>) -> bool {
    let (group, kind, name, verb) = right.clone();
    kind.ends_with("/finalizers") || (verb == "create" && all.contains(&(group, kind, name, "patch".to_owned())))
}

fn used(requests: &[Request]) -> BTreeSet<Right> {
    let mut used = BTreeSet::new();
    for request in requests {
        let object = &request.object_ref;
        let slash = if object.subresource.is_empty() { "" } else { "/" };
        let kind = format!("{}{slash}{}", object.resource, object.subresource);
        let group = object.api_group.clone();
        used.insert((group.clone(), kind.clone(), None, request.verb.clone()));
        used.insert((group, kind, Some(object.name.clone()), request.verb.clone()));
    }
    used
}

#[test]
fn each_right_is_used_and_no_request_lacks_one() -> Result<()> {
    let requests = Audit::given()?.requests()?;
    assert!(requests.len() > 1000, "{} requests: the other tests come first", requests.len());

    let refused: BTreeSet<_> = requests.iter().filter(|request| request.was_forbidden()).map(Request::word).collect();
    assert!(refused.is_empty(), "Carrel asked for what it has no right to: {refused:#?}");

    let used = used(&requests);
    let roles = roles()?;
    assert_eq!(roles.iter().map(|role| role.kind.as_str()).collect::<Vec<_>>(), ["ClusterRole", "Role"]);
    let rights: BTreeSet<_> = roles.iter().flat_map(|role| &role.rules).flat_map(Rule::rights).collect();
    let excused = |right: &Right| makes_no_request(right, &rights);
    let unused: BTreeSet<_> = rights.iter().filter(|right| !used.contains(right) && !excused(right)).collect();
    assert!(unused.is_empty(), "Carrel has rights that it never used: {unused:#?}");
    Ok(())
}
