//! Labels, annotations and names that Carrel reads or writes. Nobody else spells them.

use std::collections::BTreeMap;

/// Pod label of Kubeflow's notebooks: the Notebook's name. Web apps, PodDefaults and dashboards select by it.
pub const NOTEBOOK_NAME: &str = "notebook-name";
/// Pod label of Kubeflow's notebooks and the selector of their StatefulSet and Service: the StatefulSet's name.
pub const STATEFUL_SET: &str = "statefulset";

/// Annotation that stops a notebook while it exists, whatever its value (Kubeflow writes the time of the stop).
pub const STOPPED: &str = "kubeflow-resource-stopped";

/// Pod template annotation: hash of the template that the Notebook's owner wrote. A pod that carries another hash than
/// its Notebook was made from an older text of its owner, which is the one change that restarts a running notebook.
pub const OWNER_TEMPLATE: &str = "carrel.dev/owner-template";

/// On children and pods: the name of their Notebook, whole. Names of children may be derived, and labels are short.
pub const NOTEBOOK: &str = "carrel.dev/notebook";

/// On children and pods: the name of their Tensorboard, whole.
pub const TENSORBOARD: &str = "carrel.dev/tensorboard";
/// On children and pods: the name of their PVCViewer, whole.
pub const PVC_VIEWER: &str = "carrel.dev/pvcviewer";

/// Keys of labels and annotations that tell whose a pod is.
pub const WHOSE_PODS: &[&str] = &[NOTEBOOK_NAME, NOTEBOOK, TENSORBOARD, PVC_VIEWER];

/// Whose pod it is that has these labels and annotations: the kind and the name of a server, if it is one's.
pub fn server_of<'a>(
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
) -> Option<(&'static str, &'a str)> {
    let notebook = || annotations.get(NOTEBOOK).or_else(|| labels.get(NOTEBOOK_NAME)).map(|name| ("Notebook", name));
    let tensorboard = || annotations.get(TENSORBOARD).map(|name| ("Tensorboard", name));
    let viewer = || annotations.get(PVC_VIEWER).map(|name| ("PVCViewer", name));
    notebook().or_else(tensorboard).or_else(viewer).map(|(kind, name)| (kind, name.as_str()))
}

/// Annotation of a Notebook: each new value restarts its pod once.
pub const RESTART_REQUESTED: &str = "carrel.dev/restart-requested";
/// Open Data Hub's annotation with the same meaning: `true` restarts once, and is taken away then.
pub const ODH_RESTART: &str = "notebooks.opendatahub.io/notebook-restart";
/// Annotation of a Notebook: when the owner's edit of the template reaches a running pod, [`AT_ONCE`] or [`ON_STOP`].
pub const UPDATE_POLICY: &str = "carrel.dev/update-policy";
/// Value of [`UPDATE_POLICY`], the default: the pod restarts at once.
pub const AT_ONCE: &str = "AtOnce";
/// Value of [`UPDATE_POLICY`]: the edit waits for the next stop.
pub const ON_STOP: &str = "OnStop";

/// Pod template annotation: the value of [`RESTART_REQUESTED`] that the pod was made after.
pub const RESTARTED_FOR: &str = "carrel.dev/restarted-for";
/// Pod template annotation: whose text the template is made from, and how new it is, as `UID/GENERATION` of the Notebook. A cache
/// that holds an older Notebook than its StatefulSet or pod was made from is behind.
pub const MADE_FROM: &str = "carrel.dev/made-from";
/// Pod template annotation: hash of the whole template. A pod that carries another than the StatefulSet's is older.
pub const TEMPLATE: &str = "carrel.dev/template";
/// StatefulSet annotation: the [`OWNER_TEMPLATE`] that a pod without one was made from, which another controller made and
/// Carrel took over running.
pub const TAKEN_OVER: &str = "carrel.dev/taken-over";
/// StatefulSet annotation: the fields of the template that changed since the running pod was made, as JSON.
pub const WAITING: &str = "carrel.dev/waiting";

/// Annotation of Kubeflow's: the path that the server sees in the place of its own (`/` for servers that know no prefix).
pub const REWRITE_URI: &str = "notebooks.kubeflow.org/http-rewrite-uri";
/// Annotation of Kubeflow's: headers that the route sets on each request, as a JSON object of texts.
pub const HEADERS_REQUEST_SET: &str = "notebooks.kubeflow.org/http-headers-request-set";

/// Annotation of a claim: the name of the VolumeRequest that it was made for, or that adopted it.
pub const VOLUME_REQUEST: &str = "carrel.dev/volume-request";
/// Annotation of a claim: the uid of that VolumeRequest. One that is made anew under the same name has another, and must adopt.
pub const VOLUME_REQUEST_UID: &str = "carrel.dev/volume-request-uid";
/// Annotation of a claim: the keys of the labels that its VolumeRequest set, so that one that is no longer asked for can go.
pub const VOLUME_LABELS: &str = "carrel.dev/labels";
/// Finalizer of a VolumeRequest that says `reclaim: Delete`: it stays until its claim is deleted.
pub const VOLUME_FINALIZER: &str = "carrel.dev/volume";

/// Annotation of a server: how Carrel asks whether it is used, [`JUPYTER`], [`CODE_SERVER`], [`ENDPOINT`] or [`NONE`]. Found out
/// if absent.
pub const ACTIVITY: &str = "carrel.dev/activity";
/// Value of [`ACTIVITY`]: as Jupyter is asked, by its kernels and terminals.
pub const JUPYTER: &str = "jupyter";
/// Value of [`ACTIVITY`]: as code-server is asked, by its heartbeat.
pub const CODE_SERVER: &str = "code-server";
/// Value of [`ACTIVITY`]: by Carrel's own endpoint, at [`ACTIVITY_PATH`].
pub const ENDPOINT: &str = "endpoint";
/// Value of [`ACTIVITY`]: not at all. Only its use of CPU and GPUs speaks then, where a policy looks at it.
pub const NONE: &str = "none";
/// Annotation of a server: who stopped it last, why, when and by which evidence, as JSON. Written with [`STOPPED`], in one
/// write, so that no stop is without its evidence.
pub const LAST_STOP: &str = "carrel.dev/last-stop";
/// Annotation of a server: its owner's own limit for being idle, a time span inside the policy's band.
pub const IDLE_AFTER: &str = "carrel.dev/idle-after";
/// Annotation of a server: until when its owner asks to keep it, as an RFC 3339 time. The policy bounds it.
pub const KEEP_ALIVE: &str = "carrel.dev/keep-alive";
/// Annotation of a server: `true` stops it when what runs in it now is done.
pub const STOP_WHEN_DONE: &str = "carrel.dev/stop-when-done";
/// Annotation of a server: `true` starts it before the schedule's window begins, where the schedule stopped it.
pub const START_WITH_WINDOW: &str = "carrel.dev/start-with-window";
/// Kubeflow's annotation of a Notebook: when it was last used, as its web app shows.
pub const LAST_ACTIVITY: &str = "notebooks.kubeflow.org/last-activity";
/// Kubeflow's annotation of a Notebook: when it was last asked.
pub const CHECKED_AT: &str = "notebooks.kubeflow.org/last_activity_check_timestamp";
/// The path of Carrel's own endpoint for activity, below the path of the server.
pub const ACTIVITY_PATH: &str = "/.carrel/activity";

/// Annotation of a pod that the cluster autoscaler obeys: `false` keeps it from a node that it would remove.
pub const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
/// Annotation of a pod that Karpenter obeys: `true` keeps it from a node that it would replace or remove.
pub const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";
/// Annotation of a pod that is kept while it is busy: which of [`SAFE_TO_EVICT`] and [`DO_NOT_DISRUPT`] Carrel set, with a comma
/// between them, and so takes away again. What its owner wrote into the template is not among them.
pub const PROTECTS: &str = "carrel.dev/protects";
/// Annotation of the `PodDisruptionBudget` of a busy pod: until when at most it stands, as an RFC 3339 time.
pub const PROTECTED_UNTIL: &str = "carrel.dev/protected-until";

/// Environment variable that tells a server under which path it is reached (Kubeflow's contract with its images).
pub const NB_PREFIX: &str = "NB_PREFIX";
/// Where a server works if its container does not say: the home of Kubeflow's and Jupyter's images.
pub const HOME: &str = "/home/jovyan";
/// The port of a server whose container names none.
pub const NOTEBOOK_PORT: i32 = 8888;
/// The name of that port.
pub const NOTEBOOK_PORT_NAME: &str = "notebook-port";
/// The port of the Service of a notebook.
pub const SERVICE_PORT: i32 = 80;
/// The group that owns volumes unless the pod says otherwise: `users` in Kubeflow's and Jupyter's images.
pub const FS_GROUP: i64 = 100;

/// The path under which a notebook is reached, without a slash at the end.
///
/// ```
/// assert_eq!(carrel_api::vocabulary::notebook_path("team-a", "iris"), "/notebook/team-a/iris");
/// ```
pub fn notebook_path(namespace: &str, name: &str) -> String {
    format!("/notebook/{namespace}/{name}")
}
