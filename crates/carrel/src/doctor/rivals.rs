//! Whether controllers of Kubeflow look after the same objects: two for one kind fight.

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;

use super::finding::{Finding, Seen};

const CHECK: &str = "kubeflow";

/// Names of Deployments of Kubeflow's and Open Data Hub's controllers.
const NAMES: &[&str] = &[
    "notebook-controller-deployment",
    "tensorboard-controller-deployment",
    "pvcviewer-controller-manager",
    "odh-notebook-controller-manager",
];

/// The last parts of the names of their images.
const IMAGES: &[&str] = &[
    "notebook-controller",
    "tensorboard-controller",
    "pvcviewer-controller",
    "odh-notebook-controller",
    "kf-notebook-controller",
];

/// A Deployment that runs one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rival {
    namespace: String,
    name: String,
    wanted: i32,
    ready: i32,
}

impl Rival {
    /// Whether it works, or is about to.
    pub(crate) fn is_active(&self) -> bool {
        self.wanted > 0 || self.ready > 0
    }

    /// How it does.
    pub(crate) fn saw(&self) -> String {
        let Self { namespace, name, wanted, ready } = self;
        format!("{namespace}/{name}: {ready} of {wanted} replicas ready")
    }

    /// The command that stops it.
    pub(crate) fn stop(&self) -> String {
        format!("kubectl -n {} scale deployment/{} --replicas=0", self.namespace, self.name)
    }
}

/// What of a Deployment matters here, if it is of one of these controllers.
pub(crate) fn rival(deployment: &Deployment) -> Option<Rival> {
    let name = deployment.name_any();
    let pod = deployment.spec.template.spec.as_ref();
    let images = pod.into_iter().flat_map(|pod| &pod.containers).filter_map(|container| container.image.as_deref());
    let is_one = NAMES.contains(&name.as_str()) || images.map(last_part).any(|image| IMAGES.contains(&image));
    is_one.then(|| Rival {
        namespace: deployment.namespace().unwrap_or_default(),
        name,
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

pub(super) fn findings(rivals: &Seen<Vec<Rival>>) -> Vec<Finding> {
    let rivals = match rivals {
        Ok(rivals) => rivals,
        Err(unread) => return vec![Finding::unread(CHECK, unread)],
    };
    let active: Vec<_> = rivals.iter().filter(|one| one.is_active()).map(finding).collect();
    if !active.is_empty() {
        return active;
    }
    let at_rest: Vec<_> = rivals.iter().map(|one| format!("{}/{}", one.namespace, one.name)).collect();
    vec![Finding::ok(
        CHECK,
        match at_rest.as_slice() {
            [] => "none of Kubeflow's controllers of these kinds is there".to_owned(),
            some => format!("scaled to zero: {}", some.join(", ")),
        },
    )]
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
        let found = |wanted, ready| {
            findings(&Ok(of("notebook-controller-deployment", "i", wanted, ready).into_iter().collect())).remove(0)
        };
        let works = found(1, 1);
        assert_eq!(works.level, Level::Problem);
        let mend = "kubectl -n kubeflow scale deployment/notebook-controller-deployment --replicas=0";
        assert!(works.mend.unwrap().ends_with(mend));
        assert_eq!(found(1, 0).level, Level::Warning, "it fights as soon as it comes up");
        assert_eq!(found(0, 0).level, Level::Ok);
        assert_eq!(findings(&Ok(Vec::new())).remove(0).level, Level::Ok);
    }
}
