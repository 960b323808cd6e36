//! What a Notebook asks for, in the form that kubectl prints.

use std::collections::BTreeMap;

use carrel_api::notebook::Resources;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::resolve::Resolved;

/// The device that most clusters have and that needs no name in a column called GPU.
const NVIDIA_GPU: &str = "nvidia.com/gpu";

/// What the server's container asks for: its requests, or else its limits, which Kubernetes takes for requests.
pub(super) fn resources(resolved: &Resolved) -> Resources {
    let empty = BTreeMap::new();
    let of_container = resolved.pod.containers.first().and_then(|container| container.resources.as_ref());
    let of_pod = resolved.pod.resources.as_ref();
    let maps: Vec<&BTreeMap<String, Quantity>> = [of_container, of_pod]
        .into_iter()
        .flatten()
        .flat_map(|resources| [resources.requests.as_ref(), resources.limits.as_ref()])
        .map(|map| map.unwrap_or(&empty))
        .collect();
    let asked = |name: &str| maps.iter().find_map(|map| map.get(name)).map(|quantity| quantity.0.clone());
    Resources { cpu: asked("cpu"), memory: asked("memory"), gpu: devices(&maps) }
}

/// Every device of any vendor (`vendor.example/thing`): the count, with the name where it is not the usual one.
fn devices(maps: &[&BTreeMap<String, Quantity>]) -> Option<String> {
    let is_device = |name: &str| name.contains('/') && !name.contains("kubernetes.io/");
    let mut found = BTreeMap::new();
    for (name, quantity) in maps.iter().rev().flat_map(|map| map.iter()).filter(|(name, _)| is_device(name)) {
        found.insert(name.as_str(), quantity.0.as_str());
    }
    let words: Vec<String> = found
        .into_iter()
        .filter(|(_, count)| *count != "0")
        .map(|(name, count)| if name == NVIDIA_GPU { count.to_owned() } else { format!("{count} {name}") })
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// The names of the claims that the pod mounts, in the order of its volumes.
pub(super) fn claims(resolved: &Resolved) -> Vec<String> {
    let volumes = resolved.pod.volumes.iter().flatten();
    volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.clone())).collect()
}
