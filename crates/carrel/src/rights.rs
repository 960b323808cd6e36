//! The roles that Carrel's account needs, made of the rights that stand beside the code.

use std::io;

use carrel_runtime::rights::Right;
use carrel_runtime::{bounds, claims, hearing, lease, notice};

use crate::printed;

/// Its namespace, role and account, as the manifests name them.
const NAMESPACE: &str = "carrel-system";
const NAME: &str = "carrel";

/// A part of Carrel that can be switched off, or all the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Core,
    Companions,
    Volumes,
    Policies,
}

/// What it may do in all namespaces, by the part of Carrel that needs it.
pub(crate) fn everywhere() -> [(Part, &'static [Right]); 13] {
    [
        (Part::Core, carrel_notebook::RIGHTS),
        (Part::Companions, carrel_companion::RIGHTS),
        (Part::Volumes, carrel_volume::RIGHTS),
        (Part::Policies, carrel_policy::RIGHTS),
        (Part::Policies, carrel_activity::rulebook::RIGHTS),
        (Part::Core, carrel_activity::usage::RIGHTS),
        (Part::Core, carrel_server::servers::RIGHTS),
        (Part::Core, carrel_server::route::RIGHTS),
        (Part::Core, carrel_server::protection::RIGHTS),
        (Part::Core, claims::RIGHTS),
        (Part::Core, bounds::RIGHTS),
        (Part::Core, hearing::RIGHTS),
        (Part::Core, notice::RIGHTS),
    ]
}

/// What it may do in its own namespace.
pub(crate) fn at_home() -> &'static [Right] {
    lease::RIGHTS
}

/// Prints the ClusterRole and the Role as YAML documents, with the reason of each rule above it.
pub(crate) fn print() -> io::Result<()> {
    let (cluster, home) = (
        role("ClusterRole", None, &everywhere().map(|(_, rights)| rights).concat()),
        role("Role", Some(NAMESPACE), at_home()),
    );
    printed::print(&format!("{cluster}---\n{home}"))
}

/// So many columns has a line of a comment.
const WIDTH: usize = 120;

fn role(kind: &str, namespace: Option<&str>, rights: &[Right]) -> String {
    let namespace = namespace.map(|namespace| format!("  namespace: {namespace}\n")).unwrap_or_default();
    let head = "apiVersion: rbac.authorization.k8s.io/v1\nkind";
    let rules: String = rights.iter().map(rule).collect();
    format!("{head}: {kind}\nmetadata:\n  name: {NAME}\n{namespace}rules:\n{rules}")
}

fn rule(right: &Right) -> String {
    let Right { why, group, resources, names, verbs } = right;
    let why =
        textwrap::wrap(why, textwrap::Options::new(WIDTH).initial_indent("# ").subsequent_indent("# ")).join("\n");
    let list = |list: &[&str]| list.join(", ");
    let group = if group.is_empty() { "\"\"" } else { group };
    let names = names.join("\n  - ");
    let names = if names.is_empty() { names } else { format!("  resourceNames:\n  - {names}\n") };
    let (resources, verbs) = (list(resources), list(verbs));
    format!("{why}\n- apiGroups: [{group}]\n  resources: [{resources}]\n{names}  verbs: [{verbs}]\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_right_is_a_wildcard_or_more_than_a_controller_needs() {
        const READ: [&str; 3] = ["get", "list", "watch"];
        for right in everywhere().into_iter().flat_map(|(_, rights)| rights).chain(at_home()) {
            let words = [right.resources, right.verbs, &[right.group]].concat();
            assert!(!words.iter().any(|word| word.contains('*')), "{right:?}");
            assert!(!right.resources.is_empty() && !right.verbs.is_empty(), "{right:?}");
            assert!(right.resources.iter().all(|resource| *resource != "secrets"), "{right:?}");
            let grants = ["escalate", "bind", "impersonate"];
            assert!(!right.verbs.iter().any(|verb| grants.contains(verb)), "{right:?}");
            if ["nodes", "namespaces", "customresourcedefinitions"].iter().any(|kind| right.resources.contains(kind)) {
                assert!(right.verbs.iter().all(|verb| READ.contains(verb)), "{right:?}");
            }
        }
    }

    #[test]
    fn a_role_is_yaml_that_says_why_above_each_rule() {
        let right = Right::new("Because it is needed.", "", &["pods"], &["list", "watch"]).of(&["a"]);
        let text = role("Role", Some("home"), &[right]);
        let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read["metadata"], serde_json::json!({"name": "carrel", "namespace": "home"}));
        let rule = serde_json::json!(
            {"apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"], "verbs": ["list", "watch"]}
        );
        assert_eq!(read["rules"], serde_json::json!([rule]));
        assert!(text.contains("rules:\n# Because it is needed.\n- apiGroups"), "{text}");
    }
}
