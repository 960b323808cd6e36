//! The names of a Notebook's children. Most are the Notebook's own; those that Kubernetes would refuse are derived.
//!
//! Beside what bounds the name of a Service, a pod's label `controller-revision-hash` is the StatefulSet's name with up to 11
//! characters more, 63 in all (kubernetes issue 64023).

use carrel_runtime::names::{label, looks_derived};

/// So that `NAME-` and a revision's hash fit a label.
const LONGEST: usize = 52;

/// The name of the children of a Notebook of this name: its own where that will do, else the start of it and a hash.
///
/// A Notebook whose own name looks like a derived one gets a derived one too, so two never share a name.
///
/// ```
/// use carrel_notebook::names::child_name;
/// assert_eq!(child_name("iris"), "iris");
/// assert!(child_name("2nd.try").starts_with("nb-2nd-try-x"));
/// ```
pub fn child_name(notebook: &str) -> String {
    label(notebook, "nb-", LONGEST)
}

/// The value of the pod label by which Kubeflow's tools find a notebook: its own name, or where that is too long for a
/// label its children's.
pub fn label_value(notebook: &str) -> String {
    if notebook.len() <= 63 { notebook.to_owned() } else { child_name(notebook) }
}

/// What the name of an object may have at most.
const LONGEST_OF_OBJECTS: usize = 253;

/// The name of the VirtualService of a Notebook: Kubeflow's, so that one of its controller's is taken over. Where that is too
/// long it is made of the children's name, which no other Notebook's is.
pub fn virtual_service_name(namespace: &str, notebook: &str) -> String {
    let name = format!("notebook-{namespace}-{notebook}");
    if name.len() <= LONGEST_OF_OBJECTS && !looks_derived(notebook) {
        return name;
    }
    format!("notebook-{namespace}-{}", child_name(notebook))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_will_do_stays() {
        for name in ["a", "iris", "team-a-2", &"n".repeat(52)] {
            assert_eq!(child_name(name), name);
        }
    }

    #[test]
    fn derived_names_stay_what_earlier_releases_made() {
        assert_eq!(child_name(&"n".repeat(53)), format!("{}-xe838735b4b", "n".repeat(40)));
        assert_eq!(child_name("9lives"), "nb-9lives-x275451e2b3");
        assert_eq!(child_name("a.b"), "a-b-x12734df70e");
    }

    #[test]
    fn a_notebook_can_not_take_the_derived_name_of_another() {
        let derived = child_name("a.b");
        assert_ne!(child_name(&derived), derived);
        assert_eq!(child_name("my-xylophone"), "my-xylophone");
    }

    #[test]
    fn a_virtual_service_has_kubeflows_name_where_that_is_possible() {
        assert_eq!(virtual_service_name("team-a", "iris"), "notebook-team-a-iris");
        assert_eq!(virtual_service_name("team-a", "9.b"), "notebook-team-a-9.b");
        let (namespace, long) = ("n".repeat(63), "l".repeat(253));
        let name = virtual_service_name(&namespace, &long);
        assert!(name.len() <= 253 && name.ends_with(&child_name(&long)), "{name}");
        assert_ne!(virtual_service_name(&namespace, &child_name(&long)), name);
    }
}
