//! Why a claim is refused, out of the API server's words.
//!
//! These words have no form that anything promises; what is not recognized is told as it is.

use carrel_api::volume_request::Reason;
use carrel_runtime::quota::{Short, exceeded, why};

use crate::resolve::Refusal;

/// The reason, and a sentence for the owner.
pub(crate) fn rejection(words: &str) -> Refusal {
    let why = why(words);
    if let Some(exceeded) = exceeded(words) {
        let part =
            |Short { resource, asked, used, hard }: &Short| format!("{resource}: {asked} asked, {used} of {hard} used");
        let parts: Vec<_> = exceeded.resources.iter().map(part).collect();
        let message = format!(
            "the quota {} has no room ({}); ask for less, or delete volumes that nobody needs",
            exceeded.quota,
            parts.join("; ")
        );
        return Refusal::new(Reason::QuotaExceeded, message);
    }
    if why.starts_with("exceeded quota: ") {
        return Refusal::new(Reason::QuotaExceeded, why);
    }
    if why.contains("usage per PersistentVolumeClaim is") {
        let limits = why.trim_start_matches('[').trim_end_matches(']');
        return Refusal::new(Reason::LimitRange, format!("the namespace's LimitRange refuses the claim: {limits}"));
    }
    if let Some((webhook, text)) =
        why.strip_prefix("admission webhook \"").and_then(|rest| rest.split_once("\" denied the request: "))
    {
        return Refusal::new(Reason::Refused, format!("the admission webhook {webhook} refuses the claim: {text}"));
    }
    Refusal::new(Reason::Refused, format!("the claim is refused: {why}"))
}

/// Whether what is refused may fit one day as it is: when a quota or a LimitRange changes.
pub(crate) fn is_about_room(reason: Reason) -> bool {
    matches!(reason, Reason::QuotaExceeded | Reason::LimitRange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_refuse_is_told_with_its_numbers() {
        let head = "persistentvolumeclaims \"data\" is forbidden: ";
        for (words, reason, said) in [
            (
                "exceeded quota: team, requested: persistentvolumeclaims=1,requests.storage=5Gi, used: persistentvolumeclaims=2,requests.storage=8Gi, limited: persistentvolumeclaims=2,requests.storage=10Gi",
                Reason::QuotaExceeded,
                "the quota team has no room (persistentvolumeclaims: 1 asked, 2 of 2 used; requests.storage: 5Gi asked, 8Gi of 10Gi used); ask for less, or delete volumes that nobody needs",
            ),
            (
                "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi",
                Reason::LimitRange,
                "the namespace's LimitRange refuses the claim: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi",
            ),
            ("something new", Reason::Refused, "the claim is refused: something new"),
        ] {
            assert_eq!(rejection(&format!("{head}{words}")), Refusal::new(reason, said));
        }
    }
}
