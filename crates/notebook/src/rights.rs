//! What the controller may do with the cluster, and why.

use carrel_runtime::rights::Right;
use carrel_server::kind::FINALIZERS;

/// What the controller does with the cluster, beside what all controllers of servers do.
pub const RIGHTS: &[Right] = &[
    Right::new(
        "The objects that users write. Only their annotations are ever written, to give Open Data Hub's request for a restart a \
         name, and to stop and start one as the policies say. One is read alone before its pod ends: what the cache says may \
         be older than the pod. One is deleted only where a policy says so (afterStop), long after it was stopped.",
        "kubeflow.org",
        &["notebooks"],
        &["get", "list", "watch", "patch", "delete"],
    ),
    Right::new("Their status.", "kubeflow.org", &["notebooks/status"], &["patch"]),
    Right::new(FINALIZERS, "kubeflow.org", &["notebooks/finalizers"], &["update"]),
    Right::new(
        "The children of Notebooks. One is read alone where its name is taken, to tell whose it is.",
        "apps",
        &["statefulsets"],
        &["get", "list", "watch", "create", "patch"],
    ),
    Right::new(
        "One is deleted to restart it: when its owner changed its template or asked for a restart. None is created but in a dry \
         run, which asks whether a start fits its namespace's quota.",
        "",
        &["pods"],
        &["delete", "create"],
    ),
];
