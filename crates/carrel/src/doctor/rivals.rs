//! Whether controllers of Kubeflow look after the same objects: two for one kind fight.

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;

use super::finding::{Finding, Seen};
use super::settings::Settings;
use super::webhooks;
use crate::kind::Kind;

pub(super) const CHECK: &str = "kubeflow";

/// Names of Deployments of Kubeflow's and Open Data Hub's controllers, and of what kind each is.
const NAMES: &[(&str, Kind)] = &[
    ("notebook-controller-deployment", Kind::Notebook),
    ("odh-notebook-controller-manager", Kind::Notebook),
    ("tensorboard-controller-deployment", Kind::Tensorboard),
    ("pvcviewer-controller-manager", Kind::PvcViewer),
];

/// The last parts of the names of their images.
const IMAGES: &[(&str, Kind)] = &[
    ("notebook-controller", Kind::Notebook),
    ("odh-notebook-controller", Kind::Notebook),
    ("kf-notebook-controller", Kind::Notebook),
    ("tensorboard-controller", Kind::Tensorboard),
    ("pvcviewer-controller", Kind::PvcViewer),
];

/// A Deployment that runs one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rival {
    namespace: String,
    name: String,
    /// The kind that it looks after.
    kind: Kind,
    wanted: i32,
    ready: i32,
}

impl Rival {
    /// Whether Carrel's controllers are set to look after the same kind, and it works or is about to.
    pub(crate) fn is_in_the_way(&self, settings: &Settings) -> bool {
        settings.looks_after(self.kind) && self.is_active()
    }

    /// Whether it works, or is about to.
    fn is_active(&self) -> bool {
        self.wanted > 0 || self.ready > 0
    }

    /// How it does.
    pub(crate) fn saw(&self) -> String {
        let Self { namespace, name, wanted, ready, .. } = self;
        format!("{namespace}/{name}: {ready} of {wanted} replicas ready")
    }

    /// Whether it works, and on which kind.
    pub(super) fn is_at_work_on(&self, kind: Kind) -> bool {
        self.kind == kind && self.is_active()
    }

    /// The command that stops it, and that takes away what would wait for it.
    pub(crate) fn stop(&self) -> String {
        let stop = format!("kubectl -n {} scale deployment/{} --replicas=0", self.namespace, self.name);
        if self.kind == Kind::PvcViewer { format!("{stop} && {}", webhooks::delete()) } else { stop }
    }
}

/// What of a Deployment matters here, if it is of one of these controllers.
pub(crate) fn rival(deployment: &Deployment) -> Option<Rival> {
    let name = deployment.name_any();
    let pod = deployment.spec.template.spec.as_ref();
    let images = pod.into_iter().flat_map(|pod| &pod.containers).filter_map(|container| container.image.as_deref());
    let of = |all: &[(&str, Kind)], one: &str| all.iter().find(|(word, _)| *word == one).map(|(_, kind)| *kind);
    let kind = of(NAMES, &name).or_else(|| images.map(last_part).find_map(|image| of(IMAGES, image)))?;
    Some(Rival {
        namespace: deployment.namespace().unwrap_or_default(),
        name,
        kind,
        wanted: deployment.spec.replicas.unwrap_or(1),
        ready: deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default(),
    })
}

/// An image without its registry, path, tag and digest.
fn last_part(image: &str) -> &str {
    let without_digest = image.split('@').next().unwrap_or(image);
    let last = without_digest.rsplit('/').next().unwrap_or(without_digest);
    last.split(':').next().unwrap_or(last)
}

pub(super) fn findings(rivals: &Seen<Vec<Rival>>, settings: &Settings) -> Vec<Finding> {
    let rivals = match rivals {
        Ok(rivals) => rivals,
        Err(unread) => return vec![Finding::unread(CHECK, unread)],
    };
    let in_the_way: Vec<_> = rivals.iter().filter(|one| one.is_in_the_way(settings)).map(finding).collect();
    if !in_the_way.is_empty() {
        return in_the_way;
    }
    if rivals.is_empty() {
        return vec![Finding::ok(CHECK, "none of Kubeflow's controllers of these kinds is there")];
    }
    let word = |one: &Rival| {
        let how = if one.is_active() { format!("alone with {}s", one.kind.as_str()) } else { "at rest".to_owned() };
        format!("{}/{} ({how})", one.namespace, one.name)
    };
    let all: Vec<_> = rivals.iter().map(word).collect();
    vec![Finding::ok(CHECK, format!("none is in the way: {}", all.join(", ")))]
}

fn finding(one: &Rival) -> Finding {
    let (saw, mend) = (one.saw(), format!("two controllers of one kind fight: {}", one.stop()));
    if one.ready > 0 { Finding::problem(CHECK, saw, mend) } else { Finding::warning(CHECK, saw, mend) }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use serde_json::json;

    fn of(name: &str, image: &str, wanted: i32, ready: i32) -> Option<Rival> {
        let deployment: Deployment = serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "kubeflow"}, "status": {"readyReplicas": ready},
            "spec": {"replicas": wanted, "selector": {}, "template": {"spec": {"containers": [{"name": "a", "image": image}]}}},
        }))
        .unwrap();
        rival(&deployment)
    }

    #[test]
    fn they_are_known_by_name_or_image() {
        assert!(of("notebook-controller-deployment", "mine:1", 1, 1).is_some());
        assert!(of("mine", "ghcr.io:443/kubeflow/kubeflow/notebook-controller:v1.9@sha256:ab", 1, 1).is_some());
        for image in ["carrel:0.1.0", "ghcr.io/kubeflow/notebook-controller/web", "my-notebook-controller"] {
            assert_eq!(of("mine", image, 1, 1), None, "{image}");
        }
    }

    #[test]
    fn one_that_works_is_a_problem_and_one_at_rest_is_none() {
        let of_all = |rivals: Option<Rival>, settings: &Settings| {
            findings(&Ok(rivals.into_iter().collect()), settings).remove(0)
        };
        let found =
            |wanted, ready| of_all(of("notebook-controller-deployment", "i", wanted, ready), &Settings::default());
        let works = found(1, 1);
        assert_eq!(works.level, Level::Problem);
        let mend = "kubectl -n kubeflow scale deployment/notebook-controller-deployment --replicas=0";
        assert!(works.mend.unwrap().ends_with(mend));
        assert_eq!(found(1, 0).level, Level::Warning, "it fights as soon as it comes up");
        assert_eq!(found(0, 0).level, Level::Ok);
        assert_eq!(of_all(None, &Settings::default()).level, Level::Ok);

        let config = serde_json::from_value(json!({"metadata": {}, "data": {"CARREL_PVC_VIEWERS": "false"}})).unwrap();
        let viewers = || of("pvcviewer-controller-manager", "i", 1, 1);
        let kept = of_all(viewers(), &Settings::of(&[config], None));
        assert_eq!(
            (kept.level, kept.saw.as_str()),
            (Level::Ok, "none is in the way: kubeflow/pvcviewer-controller-manager (alone with PVCViewers)")
        );
        let mend = of_all(viewers(), &Settings::default()).mend.unwrap();
        assert!(mend.ends_with("validatingwebhookconfiguration/pvcviewer-validating-webhook-configuration"), "{mend}");
    }
}
