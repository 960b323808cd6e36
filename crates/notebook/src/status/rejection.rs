//! Why no pod can be made, out of the words with which the API server refused the StatefulSet's controller.
//!
//! These words have no form that anything promises; what is not recognized is told as it is.

use carrel_api::notebook::Reason;

/// The reason and a sentence for the owner.
pub(super) fn rejection(words: &str) -> (Reason, String) {
    // `create Pod X-0 in StatefulSet X failed error: pods "X-0" is forbidden: WHY`
    let words = words.split_once("failed error: ").map_or(words, |(_, words)| words);
    let why = words.split_once("is forbidden: ").map_or(words, |(_, why)| why).trim();
    if let Some(rest) = why.strip_prefix("exceeded quota: ") {
        return (Reason::QuotaExceeded, quota(rest).unwrap_or_else(|| why.to_owned()));
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

/// `NAME, requested: a=1,b=2, used: a=0,b=0, limited: a=1,b=1`, resource by resource.
fn quota(text: &str) -> Option<String> {
    let (name, rest) = text.split_once(", requested: ")?;
    let (requested, rest) = rest.split_once(", used: ")?;
    let (used, limited) = rest.split_once(", limited: ")?;
    let amount = |of: &str, resource: &str| {
        let pair = of.split(',').filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == resource);
        pair.map(|(_, amount)| amount.to_owned())
    };
    let parts: Option<Vec<_>> = requested
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(resource, asked)| {
            let (used, hard) = (amount(used, resource)?, amount(limited, resource)?);
            Some(format!("{resource}: {asked} asked, {used} of {hard} used"))
        })
        .collect();
    Some(format!("the quota {name} has no room ({}); ask for less, or stop what uses it", parts?.join("; ")))
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
        rejection(&format!("create Pod nb-0 in StatefulSet nb failed error: pods \"nb-0\" is forbidden: {why}"))
    }

    #[test]
    fn a_quota_is_told_with_its_numbers() {
        let why = "exceeded quota: team, requested: limits.cpu=2,requests.cpu=1, used: limits.cpu=3,requests.cpu=1500m, limited: limits.cpu=4,requests.cpu=2";
        let message = "the quota team has no room (limits.cpu: 2 asked, 3 of 4 used; requests.cpu: 1 asked, 1500m of 2 used); ask for less, or stop what uses it";
        assert_eq!(told(why), (Reason::QuotaExceeded, message.to_owned()));
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
        assert_eq!(rejection(webhook).1, "the admission webhook p.example refuses the pod: no");
    }
}
