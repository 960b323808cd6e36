//! Names of children. Most are the owner's own; those that Kubernetes would refuse are derived.
//!
//! An owner may be called whatever the API server lets through: up to 253 of a-z, 0-9, `-` and `.`. Its children are bound by
//! more: a Service is a DNS label that begins with a letter, and labels that carry a name are short.

use serde_json::Value;

use crate::hash;

/// What a derived name ends with: a mark, then digits that stand for the whole name.
const MARK: &str = "-x";
const DIGITS: usize = 10;

/// A name of at most `longest` characters that a Service can have: this one where it will do, else the start of it and a hash.
/// `start` stands before one that does not begin with a letter.
///
/// One that looks derived is derived too, so that two never become the same.
///
/// ```
/// use carrel_runtime::names::label;
/// assert_eq!(label("iris", "nb-", 52), "iris");
/// assert!(label("2nd.try", "nb-", 52).starts_with("nb-2nd-try-x"));
/// ```
pub fn label(name: &str, start: &str, longest: usize) -> String {
    if will_do(name, longest) && !looks_derived(name) {
        return name.to_owned();
    }
    let digits: String = hash::of(&Value::from(name)).chars().take(DIGITS).collect();
    let label = name.replace('.', "-");
    let whole = if label.starts_with(|c: char| c.is_ascii_lowercase()) { label } else { format!("{start}{label}") };
    let cut: String = whole.chars().take(longest - MARK.len() - DIGITS).collect();
    format!("{}{MARK}{digits}", cut.trim_end_matches('-'))
}

/// Why [`label`] does not leave this name as it is, as the end of a sentence about it.
///
/// ```
/// assert_eq!(carrel_runtime::names::why_derived("2nd.try"), "has dots");
/// ```
pub fn why_derived(name: &str) -> &'static str {
    if name.contains('.') {
        "has dots"
    } else if name.starts_with(|c: char| c.is_ascii_digit()) {
        "begins with a digit"
    } else if looks_derived(name) {
        "looks like one that Carrel derives"
    } else {
        "is too long"
    }
}

/// Whether a Service can have this name, and it has at most so many characters.
fn will_do(name: &str, longest: usize) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= longest
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(inner)
        && !name.ends_with('-')
}

/// Whether a name has the form of a derived one.
pub fn looks_derived(name: &str) -> bool {
    let digits = name.rsplit_once(MARK).map(|(_, digits)| digits);
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.chars().all(|c| c.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_name_gives_one_that_a_service_can_have(name in "[a-z0-9]([-a-z0-9.]{0,80}[a-z0-9])?") {
            prop_assert!(will_do(&label(&name, "nb-", 52), 52), "{}", label(&name, "nb-", 52));
            prop_assert!(will_do(&label(&name, "nb-", 63), 63));
        }

        #[test]
        fn two_names_give_two(a in "[a-c]([-.x0]{0,3}[a-c0-9]){0,20}", b in "[a-c]([-.x0]{0,3}[a-c0-9]){0,20}") {
            prop_assume!(a != b);
            prop_assert_ne!(label(&a, "nb-", 52), label(&b, "nb-", 52));
        }
    }
}
