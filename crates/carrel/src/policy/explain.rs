//! `carrel policy explain`: which policy decides what for one server.

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;

use super::PolicyError;
use super::explained::{Facts, explained};
use super::live;
use crate::activity::ActivityArgs;
use crate::args::name;
use crate::client::ClusterArgs;
use crate::kind::{Kind, servers};
use crate::printed::print;
use crate::status::{conditions, life};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The name of the Notebook, or of the server of another --kind.
    #[arg(value_name = "NOTEBOOK")]
    server: String,

    /// Its namespace.
    #[arg(short, long, value_parser = name)]
    namespace: String,

    /// The kind of the server.
    #[arg(long, default_value = "notebook", value_parser = servers())]
    kind: Kind,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(super) async fn run(args: &ExplainArgs) -> Result<(), PolicyError> {
    let client = args.cluster.client().await?;
    let found = live::server(&client, args.kind, &args.namespace, &args.server).await?;
    let Some(object) = found else {
        let (namespace, name) = (args.namespace.clone(), args.server.clone());
        return Err(PolicyError::Missing { kind: args.kind.as_str(), namespace, name });
    };
    let policies = live::policies(&client).await?;
    let mut labels = live::namespaces(&client, Some(&args.namespace)).await?;
    let text = explained(&Facts {
        kind: args.kind.as_str(),
        namespace: &args.namespace,
        name: &args.server,
        namespace_labels: &labels.remove(&args.namespace).unwrap_or_default(),
        labels: object.labels(),
        annotations: object.annotations(),
        life: &life(&object),
        messages: &messages(&object),
        policies: &policies,
        defaults: &ActivityArgs::defaults(),
        now: Timestamp::now(),
    });
    Ok(print(&text)?)
}

/// What the conditions of a server's life say.
fn messages(object: &DynamicObject) -> Vec<(String, String)> {
    conditions(object).into_iter().filter_map(|condition| Some((condition.type_, condition.message?))).collect()
}
