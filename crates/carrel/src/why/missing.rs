//! What is said of a name that nobody has.

use std::fmt::Write;

use super::target::Target;

/// What was seen of a name that is not there.
pub(super) struct Seen {
    /// Whether the namespace is there; absent where that can't be read.
    pub(super) namespace: Option<bool>,
    /// The names of the kind in the namespace; absent where they can't be read.
    pub(super) names: Option<Vec<String>>,
    /// Other namespaces that have one of this name.
    pub(super) elsewhere: Vec<String>,
    /// Other kinds that have one of this name in the namespace.
    pub(super) other_kinds: Vec<&'static str>,
}

/// How alike two names must be to be told; by Jaro and Winkler, where 1 is equal.
const NEAR: f64 = 0.8;

/// Names that are told at most.
const MANY: usize = 5;

/// The refusal.
pub(super) fn sentence(target: &Target, namespace: &str, seen: &Seen) -> String {
    if seen.namespace == Some(false) {
        return format!("there is no namespace {namespace}, and so no {target} in it{}", elsewhere(seen));
    }
    let mut text = format!("there is no {target} in the namespace {namespace}");
    let near = near(&target.name, seen.names.as_deref().unwrap_or_default());
    if let [first, ..] = seen.other_kinds.as_slice() {
        let _ = write!(text, ", but a {first} of that name: --kind {}", first.to_lowercase());
    } else if !near.is_empty() {
        let _ = write!(text, "; there is {}", near.join(", "));
    } else if seen.names.as_ref().is_some_and(Vec::is_empty) {
        let _ = write!(text, ", nor any other {}", target.kind.as_str());
    }
    text + &elsewhere(seen)
}

fn elsewhere(seen: &Seen) -> String {
    match seen.elsewhere.as_slice() {
        [] => String::new(),
        [one] => format!("; the namespace {one} has one: -n {one}"),
        many => format!("; {} namespaces have one: {}", many.len(), first(many)),
    }
}

fn first(names: &[String]) -> String {
    let more = if names.len() > MANY { ", …" } else { "" };
    names.iter().take(MANY).cloned().collect::<Vec<_>>().join(", ") + more
}

/// The names that may be meant, the nearest first.
fn near(name: &str, names: &[String]) -> Vec<String> {
    let mut all: Vec<_> = names.iter().map(|other| (strsim::jaro_winkler(name, other), other)).collect();
    all.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    let is_near = |(likeness, other): &(f64, &String)| *likeness >= NEAR || other.contains(name);
    all.into_iter().filter(is_near).take(MANY).map(|(_, other)| other.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    fn of(name: &str, seen: &Seen) -> String {
        sentence(&Target { kind: Kind::Notebook, name: name.to_owned() }, "team-a", seen)
    }

    fn seen(names: &[&str], elsewhere: &[&str]) -> Seen {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Seen { namespace: Some(true), names: Some(owned(names)), elsewhere: owned(elsewhere), other_kinds: Vec::new() }
    }

    #[test]
    fn names_that_may_be_meant_are_told() {
        let said = of("irsi", &seen(&["zebra", "iris", "my-irsi-2"], &[]));
        assert_eq!(said, "there is no Notebook irsi in the namespace team-a; there is iris, my-irsi-2");
        assert_eq!(of("irsi", &seen(&["zebra"], &[])), "there is no Notebook irsi in the namespace team-a");
        let unread = Seen { names: None, ..seen(&[], &[]) };
        assert_eq!(of("irsi", &unread), "there is no Notebook irsi in the namespace team-a");
        let said = of("iris", &seen(&[], &["team-b"]));
        let expected = "there is no Notebook iris in the namespace team-a, nor any other Notebook; \
            the namespace team-b has one: -n team-b";
        assert_eq!(said, expected);
        let said = of("runs", &Seen { other_kinds: vec!["Tensorboard"], ..seen(&["run"], &[]) });
        assert!(said.ends_with("but a Tensorboard of that name: --kind tensorboard"), "{said}");
        let said = of("iris", &Seen { namespace: Some(false), ..seen(&[], &["b", "c"]) });
        let expected = "there is no namespace team-a, and so no Notebook iris in it; 2 namespaces have one: b, c";
        assert_eq!(said, expected);
    }
}
