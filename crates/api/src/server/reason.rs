//! The words in which a server's state is said: closed sets, with a sentence each, from which docs are generated.

use serde::{Deserialize, Serialize};

use crate::reasons::reasons;

/// The state of a server in one word (`status.phase`, printed by kubectl as STATUS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// The server runs and is ready.
    Running,
    /// It is on the way to Running, or tries to be; the reason says what it waits for.
    Starting,
    /// Its owner stopped it and the pod is ending.
    Stopping,
    /// Its owner stopped it and no pod is left.
    Stopped,
    /// Its object is being deleted.
    Terminating,
    /// It can't run until somebody changes something; the reason says what.
    Error,
}

reasons! {
    /// Why a server is in its state: the reason of its conditions, but for `StopPending`.
    Reason {
        Running = "The server runs and its pod is ready.",
        Pending = "The pod is being made; nothing to do.",
        QuotaExceeded = "The namespace's ResourceQuota has no room for the pod; the message has what is asked, used and allowed, and which notebooks use it. Ask for less, or stop what uses it; it starts by itself once it fits.",
        LimitRange = "The namespace's LimitRange does not allow what a container asks for; the message has the bound. It starts by itself once it is allowed.",
        PodSecurity = "The namespace's Pod Security Standard refuses the pod; the message names the fields.",
        PodRejected = "An admission webhook or the API server refuses the pod; the message is its own words.",
        Queued = "A queue (Kueue) holds the pod until it is admitted; nothing to do but wait.",
        SchedulingGated = "The pod has a scheduling gate, which its setter must open.",
        Unschedulable = "No node takes the pod; the message says on how many nodes what is missing, with what is asked beside what the largest node has, and what helps.",
        ScaleUpInProgress = "No node has room yet, and the cluster is adding one; nothing to do but wait.",
        VolumeMissing = "A claim that the pod mounts does not exist.",
        VolumeBinding = "A claim that the pod mounts has no volume yet; the message names the claims and has the scheduler's words.",
        VolumeBusyElsewhere = "Another pod has a claim that one pod, or one node, can have at a time; the message names the pod and its node. Stop that one.",
        GivesWay = "Only of Tensorboards and PVCViewers: another pod needs the claim on another node, so that this pod ends and starts beside that one; nothing to do.",
        VolumeMountFailed = "A volume can't be mounted; it is tried again by itself. The message is the node's own.",
        ImagePull = "The image of a container is being pulled to the node, which takes minutes for a large one; nothing to do.",
        ImagePullFailed = "The image of a container can't be pulled; check its name and the pull secrets.",
        CreateContainerError = "A container can't be made: the message names what is missing, such as a Secret or a ConfigMap.",
        Starting = "The pod is on a node and not ready yet; the message names the container that it waits for, and since when.",
        CrashLoop = "A container ends again and again; the message has the exit code and its last line, and `kubectl logs POD --previous` the rest.",
        OutOfMemory = "A container needed more memory than its limit, which the message has, and was ended. Raise the limit, or need less.",
        Evicted = "The pod is taken off its node (a drain, a pod of higher priority, a node that runs short), and another is made.",
        NodeLost = "The node of the pod does not answer; the pod starts elsewhere once it is given up.",
        Restarting = "The owner changed the pod template or asked for a restart, and the pod ends to start again.",
        Stopping = "The owner stopped the server, and its pod is ending.",
        StoppedByOwner = "The annotation `kubeflow-resource-stopped` stops the server; remove it to start. Volumes are kept.",
        StoppedByPolicy = "Carrel stopped the server; the message says by which policy and why, and `status.lastStop` has the evidence. Remove the annotation `kubeflow-resource-stopped` to start it; the time that counts begins anew. Volumes are kept.",
        TemplateChanged = "Only of `RestartRequired`: fields of the template wait for the next start of the running pod. Stop and start it, or ask for a restart by the annotation `carrel.dev/restart-requested`.",
        Terminating = "The object is being deleted, and its children with it. Volumes are kept.",
        InvalidSpec = "The spec can't be run as it is; the message names the field to change.",
        NameTaken = "An object of a child's name exists and isn't this one's; it is left alone. Rename one of the two.",
        Refused = "The API server refuses a child; the message is its answer.",
        WriteFailed = "A child could not be written for now; it is tried again by itself.",
        Routed = "Only of `Routed`: the route is there as it should be. Whether a Gateway or an Ingress controller takes it, the route's own status tells.",
        RouteInvalid = "Only of `Routed`: an annotation for the route, or a viewer's `networking`, can't be followed (headers that are no JSON object of texts, a name or value that no header can have, a path that does not begin with `/`); the message names it. A route that is there stays as it is.",
        RouteUnsupported = "Only of `Routed`: the owner asks for what the chosen kind of route can't do; the message names the annotation. A route that is there stays as it is.",
        RouteApiMissing = "Only of `Routed`: the cluster lacks the kind of the chosen route; the message names the CRD. The route is made when it appears.",
        NobodyCanTell = "Only of `ActivityUnknown`: the server does not tell whether it is used; the message has what came back. It is never stopped for being idle so.",
        NotGranted = "Only of `WishRefused`: what an annotation asks for is not done; the message says which and why, and what is allowed.",
        NodeCordoned = "Only of `DisruptionPending`: the pod's node takes no new pods (a cordon, a drain, an autoscaler that removes it), and the pod ends when the node is drained; the message says whether it is kept until then, and until when. It starts again on another node.",
        MovesWhenIdle = "Only of `DisruptionPending`: the pod's node is to go and the server is used, or was when that began; the message says until when at most it is kept. Once nobody uses it, Carrel ends the pod, which starts on another node.",
        RouteEnding = "Only of `Routed`: somebody deletes the route, and another is made when it is gone.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_with_what_is_stored() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
