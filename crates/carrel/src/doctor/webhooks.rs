//! Kubeflow's webhooks of PVCViewers, which its controller serves: where that is gone, they refuse every PVCViewer.

use super::finding::{Finding, Seen};
use super::rivals::{CHECK, Rival};
use super::settings::Settings;
use crate::kind::Kind;

/// Their configurations, as Kubeflow's manifests name them.
pub(super) const MUTATING: &str = "pvcviewer-mutating-webhook-configuration";
pub(super) const VALIDATING: &str = "pvcviewer-validating-webhook-configuration";

/// Those that are there, as kubectl names them.
pub(super) type Webhooks = Vec<String>;

/// The command that takes them away.
pub(super) fn delete() -> String {
    format!(
        "kubectl delete --ignore-not-found mutatingwebhookconfiguration/{MUTATING} validatingwebhookconfiguration/{VALIDATING}"
    )
}

pub(super) fn findings(webhooks: &Seen<Webhooks>, rivals: &Seen<Vec<Rival>>, settings: &Settings) -> Vec<Finding> {
    // Where nobody knows whether it runs, that is told already.
    let is_served = rivals.as_ref().map_or(true, |all| all.iter().any(|rival| rival.is_at_work_on(Kind::PvcViewer)));
    match webhooks {
        Err(unread) => vec![Finding::unread(CHECK, unread)],
        Ok(there) if there.is_empty() || is_served || !settings.looks_after(Kind::PvcViewer) => Vec::new(),
        Ok(there) => {
            let saw = format!("{} is there, and nobody serves it: every PVCViewer is refused", there.join(" and "));
            vec![Finding::problem(CHECK, saw, delete())]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::rivals::rival;
    use super::*;
    use serde_json::json;

    #[test]
    fn webhooks_that_nobody_serves_are_a_problem() {
        let there: Seen<Webhooks> = Ok(vec![format!("validatingwebhookconfiguration/{VALIDATING}")]);
        let settings = Settings::default();
        let manager = |replicas| {
            let object = json!({"metadata": {"name": "pvcviewer-controller-manager", "namespace": "kubeflow"},
                "spec": {"replicas": replicas, "selector": {}, "template": {}}});
            Ok(rival(&serde_json::from_value(object).unwrap()).into_iter().collect())
        };
        let found = findings(&there, &manager(0), &settings);
        assert!(found[0].level == Level::Problem && found[0].saw.contains("every PVCViewer is refused"), "{found:?}");
        assert_eq!(findings(&there, &manager(1), &settings), []);
        assert_eq!(findings(&Ok(Vec::new()), &manager(0), &settings), []);
        assert_eq!(findings(&there, &Err("no right".to_owned()), &settings), [], "it may run");
    }
}
