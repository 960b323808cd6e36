//! Where a companion is, for who asks whether it is used.

use carrel_activity::way::Way;
use carrel_server::Refusal;
use carrel_server::life::Asked;
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use crate::Companion;
use crate::observe::Observed;
use crate::wanted::{Front, Wanted};

/// How the server is to be asked; `None` while it has no pod, or can't be told from what its owner wants. TensorBoard and file
/// viewers don't tell who uses them, so that they are asked only where an owner says how.
pub(crate) fn asked<'a, K: Companion>(
    observed: &'a Observed<K>,
    wanted: &'a Result<Wanted, Refusal>,
) -> Option<Asked<'a>> {
    let (pod, wanted) = (observed.standing()?, wanted.as_ref().ok()?);
    let container = wanted.pod.containers.first()?;
    let front = wanted.front.as_ref();
    Some(Asked {
        pod,
        container: &container.name,
        port: port(container, front),
        service: wanted.child(),
        base_path: front.map_or("", base_path),
        annotations: observed.object.annotations(),
        otherwise: Some(Way::Silence),
    })
}

fn port(container: &Container, front: Option<&Front>) -> i32 {
    let mut ports = container.ports.iter().flatten();
    let mut named = |name: &String| ports.find(|port| port.name.as_ref() == Some(name)).map(|port| port.container_port);
    let port = match front.map(|front| &front.target_port) {
        Some(IntOrString::Int(port)) => Some(*port),
        Some(IntOrString::String(name)) => named(name),
        None => ports.next().map(|port| port.container_port),
    };
    port.unwrap_or_default()
}

/// What the server sees of the path under which it is reached.
fn base_path(front: &Front) -> &str {
    let rules = front.routed.as_ref().and_then(|routed| routed.as_ref().ok()).map(|routed| &routed.rules);
    rules.and_then(|rules| rules.rewrite.as_deref()).unwrap_or(&front.path)
}
