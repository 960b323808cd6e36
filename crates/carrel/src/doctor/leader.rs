//! Whether a replica of the controllers works.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::ResourceExt;

use super::finding::{Finding, Level, Seen};
use super::settings::container;
use crate::age::short;

const LEADER: &str = "leader";
const DEPLOYMENT: &str = "deployment";

/// What of the controllers stands in their namespace.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) lease: Seen<Option<Lease>>,
    pub(crate) deployment: Seen<Option<Deployment>>,
}

pub(super) fn findings(work: &Work, namespace: &str, now: Timestamp) -> Vec<Finding> {
    let leader = finding(&work.lease, namespace, now);
    let deployment = match &work.deployment {
        Ok(deployment) => of_deployment(deployment.as_ref(), namespace, leader.level == Level::Ok),
        Err(unread) => Finding::unread(DEPLOYMENT, unread),
    };
    vec![deployment, leader]
}

/// Whether a replica holds the Lease and renews it.
pub(crate) fn finding(lease: &Seen<Option<Lease>>, namespace: &str, now: Timestamp) -> Finding {
    match lease {
        Ok(lease) => leader(lease.as_ref(), namespace, now),
        Err(unread) => Finding::unread(LEADER, unread),
    }
}

fn leader(lease: Option<&Lease>, namespace: &str, now: Timestamp) -> Finding {
    let logs = format!("see why none works: kubectl -n {namespace} logs deployment/carrel");
    let Some(lease) = lease else {
        let saw = format!("no Lease in {namespace}: no replica of the controllers ever worked");
        return Finding::problem(
            LEADER,
            saw,
            "start them; --namespace names where they are, --lease-name what they hold",
        );
    };
    let spec = lease.spec.clone().unwrap_or_default();
    let LeaseSpec { holder_identity, renew_time, lease_duration_seconds, .. } = spec;
    let Some(holder) = holder_identity.filter(|holder| !holder.is_empty()) else {
        return Finding::problem(LEADER, format!("nobody holds the Lease {}", lease.name_any()), logs);
    };
    let age = renew_time.map(|at| now.duration_since(at.0));
    let good = SignedDuration::from_secs(lease_duration_seconds.unwrap_or(15).into());
    let renewed = age.map_or("never".to_owned(), |age| format!("{} ago", short(age)));
    let saw = format!("{holder} leads, renewed {renewed} (good for {})", short(good));
    // Clocks differ, and a replica takes over within twice the time.
    if age.is_some_and(|age| age <= good.saturating_mul(2)) {
        Finding::ok(LEADER, saw)
    } else {
        Finding::problem(LEADER, format!("{saw}: it is gone, and no other took over"), logs)
    }
}

fn of_deployment(deployment: Option<&Deployment>, namespace: &str, is_led: bool) -> Finding {
    let Some(deployment) = deployment else {
        let saw = format!("no Deployment of the controllers in {namespace}");
        let mend = "kubectl apply -k deploy/manifests/overlays/standalone, or name the namespace where they are by --namespace";
        return if is_led {
            Finding::warning(DEPLOYMENT, saw + ", but one leads from elsewhere", mend)
        } else {
            Finding::problem(DEPLOYMENT, saw, mend)
        };
    };
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
    let image = container(deployment).and_then(|container| container.image.clone()).unwrap_or_default();
    let name = deployment.name_any();
    let saw = format!("{name}: {ready} of {wanted} replicas ready, image {image}");
    let pods =
        format!("kubectl -n {namespace} describe deployment/{name}, and its pods; /readyz names what is missing");
    match (wanted, ready) {
        (0, _) => {
            let mend = format!("kubectl -n {namespace} scale deployment/{name} --replicas=1");
            Finding::problem(DEPLOYMENT, saw, mend)
        }
        (_, 0) => Finding::problem(DEPLOYMENT, saw, pods),
        (wanted, ready) if ready < wanted => Finding::warning(DEPLOYMENT, saw, pods),
        _ => Finding::ok(DEPLOYMENT, saw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn lease(holder: &str, renewed: &str) -> Option<Lease> {
        let spec = json!({"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15});
        serde_json::from_value(json!({"metadata": {"name": "carrel-controllers"}, "spec": spec})).unwrap()
    }

    fn deployment(wanted: i32, ready: i32) -> Option<Deployment> {
        let value: Value = json!({"metadata": {"name": "carrel"}, "status": {"readyReplicas": ready}, "spec": {
            "replicas": wanted, "selector": {}, "template": {"spec": {"containers": [{"name": "carrel", "image": "carrel:1"}]}}}});
        serde_json::from_value(value).unwrap()
    }

    fn of(lease: Option<Lease>, deployment: Option<Deployment>) -> (Level, Level) {
        levels(&Work { lease: Ok(lease), deployment: Ok(deployment) })
    }

    fn levels(work: &Work) -> (Level, Level) {
        let now = "2026-01-02T10:00:00Z".parse().unwrap();
        let found = findings(work, "carrel-system", now);
        (found[0].level, found[1].level)
    }

    #[test]
    fn a_leader_renews_its_lease() {
        let fresh = || lease("carrel-1", "2026-01-02T09:59:50.000000Z");
        assert_eq!(of(fresh(), deployment(1, 1)), (Level::Ok, Level::Ok));
        assert_eq!(of(fresh(), deployment(2, 1)), (Level::Warning, Level::Ok));
        assert_eq!(of(fresh(), None), (Level::Warning, Level::Ok), "run by hand, outside");
        let old = lease("carrel-1", "2026-01-02T09:59:00.000000Z");
        assert_eq!(of(old, deployment(1, 0)), (Level::Problem, Level::Problem));
        assert_eq!(of(lease("", "2026-01-02T09:59:50.000000Z"), deployment(0, 0)), (Level::Problem, Level::Problem));
        assert_eq!(of(None, None), (Level::Problem, Level::Problem));
        let blind = Work { lease: Err("no".to_owned()), deployment: Err("no".to_owned()) };
        assert_eq!(levels(&blind), (Level::Warning, Level::Warning));
    }
}
