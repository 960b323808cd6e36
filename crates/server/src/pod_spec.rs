//! What the pod of every server gets beyond what its owner asks for.

use k8s_openapi::api::core::v1::PodSpec;

/// Kubernetes' policy that takes the end of the log of a container that failed for its termination message.
const LAST_WORDS: &str = "FallbackToLogsOnError";

/// So that the reason CrashLoop has the last words of a server that writes to its log, as servers do.
pub fn keep_last_words(pod: &mut PodSpec) {
    for container in pod.containers.iter_mut().chain(pod.init_containers.iter_mut().flatten()) {
        container.termination_message_policy.get_or_insert_with(|| LAST_WORDS.to_owned());
    }
}

/// The API server writes the name of a pod's account under its old name too, and takes it from there where the new one is
/// gone. So both are ours, and go together when the owner takes the account away.
pub fn name_account(pod: &mut PodSpec) {
    let named = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let account = named(&pod.service_account_name).or_else(|| named(&pod.service_account));
    if account.is_some() {
        pod.service_account_name.clone_from(&account);
        pod.service_account = account;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_both_its_names_and_the_newer_one_counts() {
        for (given, expected) in [
            ("serviceAccountName: a", Some("a")),
            ("serviceAccount: b", Some("b")),
            ("serviceAccount: b, serviceAccountName: a", Some("a")),
            ("serviceAccountName: ''", None),
        ] {
            let mut pod = serde_saphyr::from_str(&format!("{{{given}, containers: []}}")).unwrap();
            name_account(&mut pod);
            let name = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
            assert_eq!(name(&pod.service_account_name).as_deref(), expected, "{given}");
            assert_eq!(name(&pod.service_account).as_deref(), expected, "{given}");
        }
    }
}
