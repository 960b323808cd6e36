//! Whether the servers that run can be asked whether they are used.

use std::collections::{BTreeMap, BTreeSet};

use carrel_api::activity::{Verdict, Vote};
use carrel_api::server::ACTIVITY_UNKNOWN;
use kube::ResourceExt;
use kube::api::DynamicObject;

use super::finding::{Finding, Seen};
use super::settings::Settings;
use crate::status::{conditions, life};

const CHECK: &str = "probes";

/// Reasons that are told of a namespace at most.
const MANY: usize = 3;

/// What is known of a server that runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    namespace: String,
    verdict: Verdict,
    /// What the signals said that could not tell.
    reasons: Vec<String>,
    /// Whether nobody can tell for long.
    for_long: bool,
}

/// What a server's status says of it; `None` while it has no verdict.
pub(super) fn known(object: &DynamicObject) -> Option<Known> {
    let activity = life(object).activity?;
    let unknown = activity.evidence.iter().filter(|one| one.vote == Vote::Unknown);
    Some(Known {
        namespace: object.namespace().unwrap_or_default(),
        verdict: activity.verdict,
        reasons: unknown.map(|one| format!("{:?}: {}", one.signal, one.value)).collect(),
        for_long: conditions(object).iter().any(|one| one.type_ == ACTIVITY_UNKNOWN),
    })
}

pub(super) fn findings(servers: &Seen<Vec<Known>>, settings: &Settings) -> Vec<Finding> {
    if settings.is_off("probe", "CARREL_PROBE") {
        return vec![Finding::ok(CHECK, "servers are not asked, as CARREL_PROBE says")];
    }
    let servers = match servers {
        Ok(servers) => servers,
        Err(unread) => return vec![Finding::unread(CHECK, unread)],
    };
    let count = |verdict| servers.iter().filter(|one| one.verdict == verdict).count();
    let (busy, idle, unknown) = (count(Verdict::Busy), count(Verdict::Idle), count(Verdict::Unknown));
    let saw = match servers.len() {
        0 => "no server runs of which anything is known".to_owned(),
        all => format!("of {all} servers that run {busy} are Busy, {idle} Idle and {unknown} Unknown"),
    };
    let mut by_namespace: BTreeMap<&str, Vec<&Known>> = BTreeMap::new();
    for one in servers {
        by_namespace.entry(&one.namespace).or_default().push(one);
    }
    let of = |(namespace, all): (&str, Vec<&Known>)| of_namespace(namespace, &all);
    std::iter::once(Finding::ok(CHECK, saw)).chain(by_namespace.into_iter().filter_map(of)).collect()
}

/// Tells of a namespace where servers are Unknown for long.
fn of_namespace(namespace: &str, servers: &[&Known]) -> Option<Finding> {
    let silent: Vec<_> = servers.iter().filter(|one| one.for_long).collect();
    if silent.is_empty() {
        return None;
    }
    let reasons: BTreeSet<_> = silent.iter().flat_map(|one| one.reasons.iter().map(String::as_str)).collect();
    let told = reasons.into_iter().take(MANY).collect::<Vec<_>>().join("; ");
    let because = if told.is_empty() { told } else { format!(" ({told})") };
    let saw = format!("{namespace}: {} of {} servers are Unknown for long{because}", silent.len(), servers.len());
    let mend = format!(
        "see whether a NetworkPolicy or AuthorizationPolicy of {namespace} keeps Carrel's pods from them, or set how they are asked \
        by the annotation carrel.dev/activity; they are never stopped for being idle so (docs/activity.md)"
    );
    Some(Finding::warning(CHECK, saw, mend))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use serde_json::json;

    fn server(namespace: &str, verdict: &str, for_long: bool) -> Known {
        let evidence = json!([{"signal": "Kernels", "vote": if verdict == "Unknown" { "Unknown" } else { "Idle" },
            "value": "no answer in time", "at": "2026-01-02T10:00:00Z"}]);
        let conditions = if for_long { json!([{"type": "ActivityUnknown", "status": "True"}]) } else { json!([]) };
        let object = serde_json::from_value(json!({
            "apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "iris", "namespace": namespace},
            "status": {"conditions": conditions,
                "activity": {"verdict": verdict, "since": "2026-01-02T10:00:00Z", "evidence": evidence}},
        }));
        known(&object.unwrap()).unwrap()
    }

    #[test]
    fn a_namespace_whose_servers_do_not_answer_is_told() {
        let servers = vec![
            server("a", "Busy", false),
            server("a", "Unknown", false),
            server("b", "Unknown", true),
            server("b", "Unknown", true),
            server("b", "Idle", false),
        ];
        let found = findings(&Ok(servers), &Settings::default());
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], Finding::ok(CHECK, "of 5 servers that run 1 are Busy, 1 Idle and 3 Unknown"));
        assert_eq!(found[1].level, Level::Warning);
        assert_eq!(found[1].saw, "b: 2 of 3 servers are Unknown for long (Kernels: no answer in time)");
        let none = findings(&Ok(Vec::new()), &Settings::default());
        assert_eq!(none, [Finding::ok(CHECK, "no server runs of which anything is known")]);
    }
}
