//! What the controller may do with the cluster, and why.

use carrel_runtime::rights::{Right, WATCHED};

/// What the controller does with the cluster, beside knowing claims and what bounds a namespace.
pub const RIGHTS: &[Right] = &[
    Right::new(
        "The requests for volumes that users write. Only their finalizers are ever written, to hold one that says reclaim: \
         Delete until its claim is deleted. One is read alone before data is deleted: what the cache says may be older than \
         its owner's last word.",
        "carrel.dev",
        &["volumerequests"],
        &["get", "list", "watch", "patch"],
    ),
    Right::new("Their status.", "carrel.dev", &["volumerequests/status"], &["patch"]),
    Right::new(
        "The claims of VolumeRequests. One is deleted only where its request is, and says reclaim: Delete.",
        "",
        &["persistentvolumeclaims"],
        &["create", "patch", "delete"],
    ),
    Right::new(
        "What a class can do, and whether there is one, is known before a claim is made.",
        "storage.k8s.io",
        &["storageclasses"],
        WATCHED,
    ),
    Right::new(
        "Whether a snapshot can be restored is known before a claim is made of it; which driver holds it stands on its content.",
        "snapshot.storage.k8s.io",
        &["volumesnapshots", "volumesnapshotcontents"],
        WATCHED,
    ),
    Right::new(
        "Whether the cluster has snapshots, and when it gets them.",
        "apiextensions.k8s.io",
        &["customresourcedefinitions"],
        WATCHED,
    )
    .of(&["volumesnapshots.snapshot.storage.k8s.io", "volumesnapshotcontents.snapshot.storage.k8s.io"]),
];
