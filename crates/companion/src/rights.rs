//! What the controllers may do with the cluster, and why.

use carrel_runtime::rights::Right;
use carrel_server::kind::FINALIZERS;

/// What the controllers do with the cluster, beside what all controllers of servers do.
pub const RIGHTS: &[Right] = &[
    Right::new(COMPANIONS, "tensorboard.kubeflow.org", &["tensorboards"], &["list", "watch", "patch"]),
    Right::new(COMPANIONS, "kubeflow.org", &["pvcviewers"], &["list", "watch", "patch"]),
    Right::new("Their status.", "tensorboard.kubeflow.org", &["tensorboards/status"], &["patch"]),
    Right::new("Their status.", "kubeflow.org", &["pvcviewers/status"], &["patch"]),
    Right::new(FINALIZERS, "tensorboard.kubeflow.org", &["tensorboards/finalizers"], &["update"]),
    Right::new(FINALIZERS, "kubeflow.org", &["pvcviewers/finalizers"], &["update"]),
    Right::new(
        "The children of Tensorboards and PVCViewers. One is read alone where its name is taken, to tell whose it is.",
        "apps",
        &["deployments"],
        &["get", "list", "watch", "create", "patch"],
    ),
    Right::new(
        "None is created but in a dry run, which asks whether a start fits its namespace's quota.",
        "",
        &["pods"],
        &["create"],
    ),
];

const COMPANIONS: &str = "Tensorboards and PVCViewers, which users write too. Only their annotations are ever written, to stop and \
                          start one as the policies say.";
