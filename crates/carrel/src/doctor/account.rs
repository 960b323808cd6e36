//! Whether the controllers' account has the rights that they need.

use std::collections::BTreeMap;

use super::finding::{Finding, Seen};
use super::rights::Right;

const CHECK: &str = "rights";

/// Rights that are told at most.
const MANY: usize = 6;

/// What the API server says of an account.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// As Kubernetes names it.
    pub(super) user: String,
    /// How many rights were asked for.
    pub(super) asked: usize,
    /// Those that it lacks.
    pub(super) lacks: Vec<Right>,
}

/// A ServiceAccount as a user, and its groups.
pub(super) fn user(namespace: &str, name: &str) -> (String, Vec<String>) {
    let groups = vec![
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".to_owned(),
    ];
    (format!("system:serviceaccount:{namespace}:{name}"), groups)
}

pub(super) fn findings(account: &Seen<Account>) -> Vec<Finding> {
    let account = match account {
        Ok(account) => account,
        Err(unread) => return vec![Finding::unread(CHECK, unread)],
    };
    let Account { user, asked, lacks } = account;
    if lacks.is_empty() {
        return vec![Finding::ok(CHECK, format!("{user} has all {asked} rights that the controllers need"))];
    }
    let mut verbs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for right in lacks {
        verbs.entry(right.to()).or_default().push(&right.verb);
    }
    let words = |(to, verbs): (&String, &Vec<&str>)| format!("{} {to}", verbs.join(", "));
    let mut told = verbs.iter().take(MANY).map(words).collect::<Vec<_>>().join("; ");
    if verbs.len() > MANY {
        told = format!("{told}; and {} more", verbs.len() - MANY);
    }
    let saw = format!("{user} lacks {} of {asked} rights: {told}", lacks.len());
    let mend = "apply the roles of this version, deploy/manifests/base or the chart's, and see that their bindings name the account";
    vec![Finding::problem(CHECK, saw, mend)]
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::rights::rights;
    use super::super::settings::Settings;
    use super::*;

    fn of(keep: impl Fn(&Right) -> bool) -> Finding {
        let all: Vec<_> = rights("carrel-system", &Settings::default()).into_iter().collect();
        let asked = all.len();
        let lacks = all.into_iter().filter(keep).collect();
        let (user, _) = user("carrel-system", "carrel");
        findings(&Ok(Account { user, asked, lacks })).remove(0)
    }

    #[test]
    fn what_an_account_lacks_is_told_by_resource() {
        assert_eq!(of(|_| false).level, Level::Ok);
        let found = of(|right| right.resource == "nodes");
        assert_eq!(found.level, Level::Problem);
        let expected = "system:serviceaccount:carrel-system:carrel lacks 2 of";
        assert!(found.saw.starts_with(expected) && found.saw.ends_with("rights: list, watch nodes"), "{}", found.saw);
        assert!(of(|_| true).saw.contains("more"));
    }

    #[test]
    fn who_may_not_ask_gets_a_warning() {
        let found = findings(&Err("no right to create subjectaccessreviews".to_owned())).remove(0);
        assert_eq!(found.level, Level::Warning);
        assert!(found.saw.contains("not looked at: no right"), "{}", found.saw);
    }
}
