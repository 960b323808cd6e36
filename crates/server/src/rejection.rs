//! Why no pod can be made, out of the words with which the API server refused the controller of the StatefulSet or Deployment.
//!
//! These words have no form that anything promises; what is not recognized is told as it is.

use carrel_api::server::Reason;
use carrel_runtime::quantity;
use carrel_runtime::quota::{Exceeded, Short, exceeded, why};

use crate::holders::Holder;

/// The reason and a sentence for the owner. `holders` are the running servers of the namespace.
pub fn rejection(words: &str, holders: &[Holder]) -> (Reason, String) {
    let why = why(words);
    if let Some(exceeded) = exceeded(words) {
        return (Reason::QuotaExceeded, no_room(&exceeded, holders));
    }
    if why.starts_with("exceeded quota: ") {
        return (Reason::QuotaExceeded, why.to_owned());
    }
    if let Some(rest) = why.strip_prefix("failed quota: ") {
        return (Reason::QuotaExceeded, unsaid(rest));
    }
    if let Some(rest) = why.strip_prefix("violates PodSecurity ") {
        let message = format!("the namespace's Pod Security Standard refuses the pod: {rest}");
        return (Reason::PodSecurity, message);
    }
    if ["usage per Container is", "usage per Pod is", "limit to request ratio per"]
        .iter()
        .any(|mark| why.contains(mark))
    {
        let limits = why.trim_start_matches('[').trim_end_matches(']');
        return (Reason::LimitRange, format!("the namespace's LimitRange refuses the pod: {limits}"));
    }
    if let Some((webhook, text)) =
        why.strip_prefix("admission webhook \"").and_then(|rest| rest.split_once("\" denied the request: "))
    {
        return (Reason::PodRejected, format!("the admission webhook {webhook} refuses the pod: {text}"));
    }
    if let Some((_, account)) = why.split_once("serviceaccount \"") {
        let account = account.split('"').next().unwrap_or_default();
        let message = format!("the ServiceAccount {account} is not in the namespace; create it or name another");
        return (Reason::PodRejected, message);
    }
    (Reason::PodRejected, format!("the pod is refused: {why}"))
}

/// Whether what is refused may fit one day without a change of the pod: when a quota or a LimitRange changes.
pub fn is_about_room(reason: Reason) -> bool {
    matches!(reason, Reason::QuotaExceeded | Reason::LimitRange)
}

/// The most servers that a message names for a resource.
const NAMED: usize = 5;

fn no_room(exceeded: &Exceeded, holders: &[Holder]) -> String {
    let parts: Vec<_> = exceeded
        .resources
        .iter()
        .map(|Short { resource, asked, used, hard }| {
            let held = held(resource, used, holders).map(|held| format!(" by {held}")).unwrap_or_default();
            format!("{resource}: {asked} asked, {used} of {hard} used{held}")
        })
        .collect();
    format!("the quota {} has no room ({}); ask for less, or stop what uses it", exceeded.quota, parts.join("; "))
}

/// Which servers use how much, the largest first, and what is left for others.
fn held(resource: &str, used: &str, holders: &[Holder]) -> Option<String> {
    let mut held: Vec<(i128, &str)> = holders
        .iter()
        .filter_map(|holder| Some((holder.amount(resource)?, holder.name.as_str())))
        .filter(|(amount, _)| *amount > 0)
        .collect();
    held.sort_by(|(a, first), (b, second)| b.cmp(a).then(first.cmp(second)));
    let all: i128 = held.iter().map(|(amount, _)| amount).sum();
    let (named, unnamed) = held.split_at(held.len().min(NAMED));
    let mut parts: Vec<_> =
        named.iter().map(|(amount, name)| format!("{name} ({})", quantity::text(*amount))).collect();
    if !unnamed.is_empty() {
        parts.push(format!("{} more notebooks", unnamed.len()));
    }
    let others = quantity::nanos(used)?.checked_sub(all)?;
    if others > 0 && !parts.is_empty() {
        parts.push(format!("others ({})", quantity::text(others)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `NAME: must specify limits.cpu for: main; limits.memory for: main`
fn unsaid(text: &str) -> String {
    let (name, rest) = text.split_once(": ").unwrap_or(("", text));
    let what = rest.trim_start_matches("must specify ");
    format!("the quota {name} asks each container to say what it needs, and it is not said: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(why: &str) -> (Reason, String) {
        rejection(&format!("create Pod nb-0 in StatefulSet nb failed error: pods \"nb-0\" is forbidden: {why}"), &[])
    }

    #[test]
    fn a_quota_is_told_with_its_numbers() {
        let why = "exceeded quota: team, requested: limits.cpu=2,requests.cpu=1, used: limits.cpu=3,requests.cpu=1500m, limited: limits.cpu=4,requests.cpu=2";
        let message = "the quota team has no room (limits.cpu: 2 asked, 3 of 4 used; requests.cpu: 1 asked, 1500m of 2 used); ask for less, or stop what uses it";
        assert_eq!(told(why), (Reason::QuotaExceeded, message.to_owned()));
    }

    #[test]
    fn who_holds_the_rest_is_named_by_amount() {
        let holder =
            |name: &str, spec: &str| Holder { name: name.to_owned(), pod: serde_saphyr::from_str(spec).unwrap() };
        let holders = [
            holder("small", "{containers: [{name: a, resources: {requests: {cpu: 500m}}}]}"),
            holder(
                "large",
                "{containers: [{name: a, resources: {limits: {cpu: 2}}}, {name: b, resources: {requests: {cpu: 1}}}]}",
            ),
            holder("none", "{containers: [{name: a}]}"),
        ];
        let why = "pods \"x-0\" is forbidden: exceeded quota: team, requested: requests.cpu=1, used: requests.cpu=4, limited: requests.cpu=4";
        let message = "the quota team has no room (requests.cpu: 1 asked, 4 of 4 used by large (3), small (500m), others (500m)); ask for less, or stop what uses it";
        assert_eq!(rejection(why, &holders).1, message);
    }

    #[test]
    fn a_quota_on_what_is_not_said_is_told_as_that() {
        let (reason, message) = told("failed quota: team: must specify limits.cpu for: main; limits.memory for: main");
        assert_eq!(reason, Reason::QuotaExceeded);
        assert!(message.contains("the quota team asks each container"), "{message}");
        assert!(message.ends_with("limits.cpu for: main; limits.memory for: main"), "{message}");
    }

    #[test]
    fn each_way_to_refuse_has_its_reason() {
        for (why, reason, part) in [
            ("violates PodSecurity \"restricted:latest\": runAsNonRoot != true", Reason::PodSecurity, "runAsNonRoot"),
            (
                "[maximum cpu usage per Container is 1, but limit is 2]",
                Reason::LimitRange,
                "maximum cpu usage per Container is 1",
            ),
            (
                "error looking up service account a/x: serviceaccount \"x\" not found",
                Reason::PodRejected,
                "ServiceAccount x",
            ),
            ("something new", Reason::PodRejected, "something new"),
        ] {
            let (found, message) = told(why);
            assert_eq!(found, reason, "{message}");
            assert!(message.contains(part), "{message}");
        }
        let webhook =
            "create Pod nb-0 in StatefulSet nb failed error: admission webhook \"p.example\" denied the request: no";
        assert_eq!(rejection(webhook, &[]).1, "the admission webhook p.example refuses the pod: no");
    }
}
