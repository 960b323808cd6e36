//! Where the server of a Notebook is, and below which path, for who asks whether it is used.

use carrel_api::vocabulary::{NB_PREFIX, REWRITE_URI};
use carrel_server::life::Asked;
use kube::ResourceExt;

use crate::observe::Observed;
use crate::resolve::{Refusal, Resolved};

/// How the server is to be asked; `None` while it has no pod, or can't be told from what stands there.
pub(crate) fn asked<'a>(observed: &'a Observed, resolved: &'a Result<Resolved, Refusal>) -> Option<Asked<'a>> {
    let (pod, resolved) = (observed.pod.as_deref()?, resolved.as_ref().ok()?);
    let annotations = observed.notebook.annotations();
    Some(Asked {
        pod,
        container: &resolved.server,
        port: resolved.port,
        service: &resolved.child,
        base_path: annotations.get(REWRITE_URI).map_or_else(|| prefix(resolved), String::as_str),
        annotations,
        otherwise: None,
    })
}

/// Under which path the server is told that it is reached.
fn prefix(resolved: &Resolved) -> &str {
    let server = resolved.pod.containers.iter().find(|container| container.name == resolved.server);
    let variables = server.and_then(|server| server.env.as_ref()).into_iter().flatten();
    let prefix = variables.into_iter().find(|variable| variable.name == NB_PREFIX);
    prefix.and_then(|prefix| prefix.value.as_deref()).unwrap_or_default()
}
