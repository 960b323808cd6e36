//! What running servers take of a quota.

use carrel_runtime::quantity::nanos;
use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};

/// A server that runs.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Its name.
    pub name: String,
    /// Its pod, as the child that makes it has it.
    pub pod: PodSpec,
}

impl Holder {
    /// How much of a resource, as a quota names it, it takes, in billionths. A LimitRange may have given its pod more than
    /// it asked for, which is not known here.
    pub fn amount(&self, resource: &str) -> Option<i128> {
        amount(&self.pod, resource)
    }
}

/// How much of a resource, as a quota names it, a pod takes, in billionths.
pub fn amount(pod: &PodSpec, resource: &str) -> Option<i128> {
    let (is_limit, name) = match resource.split_once('.') {
        Some(("limits", name)) => (true, name),
        Some(("requests", name)) => (false, name),
        _ if ["pods", "count/pods"].contains(&resource) => return nanos("1"),
        _ => (false, resource),
    };
    let of = |resources: Option<&ResourceRequirements>| {
        let resources = resources?;
        let limit = || resources.limits.as_ref()?.get(name);
        let request = || resources.requests.as_ref()?.get(name);
        let found = if is_limit { limit() } else { request().or_else(limit) };
        found.and_then(|quantity| nanos(&quantity.0))
    };
    // What is said of the pod as a whole counts for all of its containers.
    of(pod.resources.as_ref()).or_else(|| {
        let amount = |container: &Container| of(container.resources.as_ref());
        let sum = |containers: &mut dyn Iterator<Item = &Container>| -> i128 { containers.filter_map(amount).sum() };
        let stays = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
        let init = || pod.init_containers.iter().flatten();
        let running = sum(&mut pod.containers.iter().chain(init().filter(stays)));
        let largest = init().filter_map(amount).max().unwrap_or_default();
        Some(running.max(largest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(resource: &str, spec: &str) -> Option<i128> {
        let pod: PodSpec = serde_saphyr::from_str(spec).unwrap();
        amount(&pod, resource)
    }

    #[test]
    fn counts_as_kubernetes_does() {
        let spec = "{containers: [{name: a, resources: {requests: {cpu: 1}, limits: {cpu: 2, nvidia.com/gpu: 1}}}, {name: b, resources: {limits: {cpu: 500m}}}],
            initContainers: [{name: c, restartPolicy: Always, resources: {requests: {cpu: 1}}}, {name: d, resources: {requests: {cpu: 2}}}]}";
        assert_eq!(takes("requests.cpu", spec), nanos("2500m"));
        assert_eq!(takes("cpu", spec), nanos("2500m"));
        assert_eq!(takes("limits.cpu", spec), nanos("2500m"));
        assert_eq!(takes("requests.nvidia.com/gpu", spec), nanos("1"));
        assert_eq!(takes("pods", spec), nanos("1"));
        let large = "{containers: [{name: a}], initContainers: [{name: d, resources: {requests: {memory: 1Gi}}}]}";
        assert_eq!(takes("memory", large), nanos("1Gi"));
        let whole = "{resources: {requests: {cpu: 3}}, containers: [{name: a, resources: {requests: {cpu: 1}}}]}";
        assert_eq!(takes("requests.cpu", whole), nanos("3"));
    }
}
