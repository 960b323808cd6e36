//! Whether a replica of the controllers works.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::ResourceExt;

use super::finding::{Finding, Level, Seen};
use super::settings::{Settings, container};
use crate::age::short;
use crate::args::LEASE;

const LEADER: &str = "leader";
const DEPLOYMENT: &str = "deployment";

/// What of the controllers stands in their namespace.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) lease: Seen<Option<Lease>>,
    pub(crate) deployment: Seen<Option<Deployment>>,
    /// Whether somebody renewed a Lease that looked old, as one does by the clock of a machine that is ahead.
    pub(crate) is_renewed: bool,
}

impl Work {
    pub(crate) fn deployment(&self) -> Option<&Deployment> {
        self.deployment.as_ref().ok().and_then(Option::as_ref)
    }
}

/// Whether the controllers of a Deployment hold the Lease of this name.
pub(super) fn holds(deployment: &Deployment, lease: &str) -> bool {
    Settings::of(&[], Some(deployment)).get("lease-name", "").unwrap_or(LEASE) == lease
}

pub(super) fn findings(work: &Work, settings: &Settings, namespace: &str, now: Timestamp) -> Vec<Finding> {
    let leader = finding(work, settings, namespace, now);
    let deployment = match &work.deployment {
        Ok(deployment) => of_deployment(deployment.as_ref(), namespace, leader.level == Level::Ok),
        Err(unread) => Finding::unread(DEPLOYMENT, unread),
    };
    vec![deployment, leader]
}

/// Whether a replica works: whether it holds the Lease and renews it, or is set to work without.
pub(crate) fn finding(work: &Work, settings: &Settings, namespace: &str, now: Timestamp) -> Finding {
    if settings.is_off("leader-elect", "") {
        return without_lease(work.deployment(), namespace);
    }
    match &work.lease {
        Ok(lease) => leader(lease.as_ref(), work.is_renewed, namespace, now),
        Err(unread) => Finding::unread(LEADER, unread),
    }
}

/// How long a Lease is good for, and since when its holder did not renew it.
fn age(lease: &LeaseSpec, now: Timestamp) -> (SignedDuration, Option<SignedDuration>) {
    let good = SignedDuration::from_secs(lease.lease_duration_seconds.unwrap_or(15).into());
    (good, lease.renew_time.as_ref().map(|at| now.duration_since(at.0)))
}

/// Longer than this nobody waits for a renewal.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// Whether a Lease looks as if its holder did not renew it for long; after what time it should be looked at again, then.
pub(super) fn looks_old(lease: &Lease, now: Timestamp) -> Option<SignedDuration> {
    holder(lease)?;
    let (good, age) = age(lease.spec.as_ref()?, now);
    is_old(good, age).then(|| (good / 3 + SignedDuration::from_secs(1)).min(PATIENCE))
}

/// Whether the one is the other, renewed by its holder.
pub(super) fn is_renewal(before: &Lease, after: &Lease) -> bool {
    holder(before).is_some() && holder(before) == holder(after) && before.resource_version() != after.resource_version()
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// A replica takes over after once the time, and a little.
fn is_old(good: SignedDuration, age: Option<SignedDuration>) -> bool {
    age.is_none_or(|age| age > good.saturating_mul(2))
}

fn without_lease(deployment: Option<&Deployment>, namespace: &str) -> Finding {
    let (wanted, ready) = deployment.map_or((0, 0), replicas);
    match (wanted, ready) {
        (2.., _) => Finding::problem(
            LEADER,
            format!("{wanted} replicas, and --leader-elect=false: all of them write"),
            "leave --leader-elect at true, or have one replica alone",
        ),
        (_, 0) => Finding::problem(
            LEADER,
            "no replica is ready, and none needs the Lease (--leader-elect=false)",
            logs(namespace),
        ),
        _ => Finding::ok(LEADER, "the one replica works without a Lease (--leader-elect=false)"),
    }
}

fn logs(namespace: &str) -> String {
    format!(
        "see why none works: kubectl -n {namespace} logs -l app.kubernetes.io/component=controllers --prefix --tail=-1"
    )
}

fn leader(lease: Option<&Lease>, is_renewed: bool, namespace: &str, now: Timestamp) -> Finding {
    let Some(lease) = lease else {
        let saw = format!("no Lease in {namespace}: no replica of the controllers ever worked");
        return Finding::problem(
            LEADER,
            saw,
            "start them; --namespace names where they are, --lease-name what they hold",
        );
    };
    let Some(holder) = holder(lease) else {
        return Finding::problem(LEADER, format!("nobody holds the Lease {}", lease.name_any()), logs(namespace));
    };
    let (good, age) = lease.spec.as_ref().map_or((SignedDuration::ZERO, None), |spec| age(spec, now));
    let renewed = age.map_or("never".to_owned(), |age| format!("{} ago", short(age)));
    let saw = format!("{holder} leads, renewed {renewed} (good for {})", short(good));
    if is_renewed {
        Finding::ok(LEADER, format!("{saw}, and again just now: its clock is not this machine's"))
    } else if !is_old(good, age) {
        Finding::ok(LEADER, saw)
    } else {
        Finding::problem(LEADER, format!("{saw}: it is gone, and no other took over"), logs(namespace))
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
    let (wanted, ready) = replicas(deployment);
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

/// How many are wanted, and how many are ready.
fn replicas(deployment: &Deployment) -> (i32, i32) {
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas);
    (deployment.spec.replicas.unwrap_or(1), ready.unwrap_or_default())
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
        levels(&Work { lease: Ok(lease), deployment: Ok(deployment), is_renewed: false })
    }

    fn levels(work: &Work) -> (Level, Level) {
        let now = "2026-01-02T10:00:00Z".parse().unwrap();
        let found = findings(work, &Settings::of(&[], work.deployment()), "carrel-system", now);
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
        let slow = Work {
            lease: Ok(lease("carrel-1", "2026-01-02T09:00:00.000000Z")),
            deployment: Ok(deployment(1, 1)),
            is_renewed: true,
        };
        assert_eq!(levels(&slow), (Level::Ok, Level::Ok), "its clock is an hour behind");
        let blind = Work { lease: Err("no".to_owned()), deployment: Err("no".to_owned()), is_renewed: false };
        assert_eq!(levels(&blind), (Level::Warning, Level::Warning));
    }

    #[test]
    fn a_lease_that_looks_old_is_renewed_by_its_holder_alone() {
        let now = "2026-01-02T10:00:00Z".parse().unwrap();
        let of = |holder, version: &str| {
            let mut lease = lease(holder, "2026-01-02T09:00:00.000000Z").unwrap();
            lease.metadata.resource_version = Some(version.to_owned());
            lease
        };
        assert_eq!(looks_old(&of("a", "1"), now), Some(SignedDuration::from_secs(6)));
        assert_eq!(looks_old(&of("", "1"), now), None, "nobody would renew it");
        assert!(is_renewal(&of("a", "1"), &of("a", "2")));
        assert!(!is_renewal(&of("a", "1"), &of("a", "1")) && !is_renewal(&of("a", "1"), &of("b", "2")));
        let mut long = of("a", "1");
        long.spec.as_mut().unwrap().lease_duration_seconds = Some(i32::MAX);
        long.spec.as_mut().unwrap().renew_time = None;
        assert_eq!(looks_old(&long, now), Some(PATIENCE));
    }

    #[test]
    fn one_that_needs_no_lease_works_alone() {
        let without = |wanted, ready| {
            let mut deployment = serde_json::to_value(deployment(wanted, ready).unwrap()).unwrap();
            deployment["spec"]["template"]["spec"]["containers"][0]["args"] =
                json!(["controllers", "--leader-elect=false"]);
            of(None, serde_json::from_value(deployment).unwrap()).1
        };
        assert_eq!(without(1, 1), Level::Ok);
        assert_eq!(without(1, 0), Level::Problem);
        assert_eq!(without(2, 2), Level::Problem, "both write");
    }

    #[test]
    fn the_deployment_of_a_lease_is_told_from_others() {
        let mut team = serde_json::to_value(deployment(1, 1).unwrap()).unwrap();
        team["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["controllers", "--lease-name=team-a"]);
        let team: Deployment = serde_json::from_value(team).unwrap();
        assert!(holds(&team, "team-a") && !holds(&team, LEASE));
        assert!(holds(&deployment(1, 1).unwrap(), LEASE));
    }
}
