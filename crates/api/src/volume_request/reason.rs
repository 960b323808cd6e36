//! Why a volume is in its state: a closed set, with a sentence each, from which docs are generated.

use crate::reasons::reasons;

reasons! {
    /// Why a VolumeRequest is in its state: the reason of its conditions `Ready` and `Resized`.
    Reason {
        Bound = "The claim is bound to a volume, and pods can mount it.",
        Pending = "The claim is being made; nothing to do. Where a quota bounds the namespace, volumes are judged one after another.",
        WaitingForPod = "The volume is made when a pod first mounts it, near that pod's node. No fault: start the notebook that uses it.",
        Provisioning = "The volume is being made; nothing to do.",
        ProvisioningFailed = "The storage driver can't make the volume; the message is its own words. It tries again by itself.",
        QuotaExceeded = "The namespace's ResourceQuota has no room; the message has what is asked, used and allowed. Ask for less, or delete volumes that nobody needs; it is looked at again by itself once there is room.",
        LimitRange = "The namespace's LimitRange does not allow this size; the message has the bound. It is looked at again when the LimitRange or the size changes.",
        ClassMissing = "There is no such StorageClass, or none is named and the cluster has no default; the message lists those that there are. It goes on by itself when the class is there.",
        AccessModeUnsupported = "The driver of the StorageClass is known not to offer this access mode; name another mode or class.",
        SourceMissing = "The claim to clone or the VolumeSnapshot to restore is not in the namespace, or the cluster has no VolumeSnapshots at all. It goes on by itself when it is there.",
        SourceNotReady = "The VolumeSnapshot to restore can't be used yet; where it failed, the message has its driver's own words. It goes on by itself when it can.",
        SourceUnsupported = "The source can't be taken: the driver of the class can't clone, another driver holds the snapshot, the modes differ, or the new volume would be smaller. The message says which.",
        Mismatch = "The claim of this name has another class, mode or access mode than the VolumeRequest asks for, and a claim can't change them; the message says what it has. Ask for what it has.",
        NameTaken = "A claim of this name exists that isn't this VolumeRequest's; it is left alone. Set `spec.adopt: true` to take one that nobody owns, or choose another name.",
        Resizing = "Only of `Resized`: the volume is growing; nothing to do.",
        FileSystemResizePending = "Only of `Resized`: the volume has grown, and its file system grows when a pod mounts it next. Restart the pod that the message names.",
        ResizeFailed = "Only of `Resized`: the driver can't grow the volume; the message is its own words. The size may be lowered again to what the volume has.",
        ExpansionNotAllowed = "Only of `Resized`: the StorageClass does not let volumes grow. Its admin may allow it (`allowVolumeExpansion`), and it goes on by itself then; or ask for the size that the claim has.",
        ClaimEnding = "Somebody deletes the claim. It ends when no pod mounts it, and an empty one is made in its place.",
        ClaimLost = "The volume of the claim is gone, and its data with it. Delete the claim, and an empty one is made.",
        InUse = "The VolumeRequest is being deleted with its data (`reclaim: Delete`), and pods still mount it; the message names them. Stop them, or set `reclaim: Retain` to keep the data.",
        Deleting = "The VolumeRequest is being deleted, and its claim with the data (`reclaim: Delete`).",
        Released = "The VolumeRequest is being deleted; its claim and the data stay (`reclaim: Retain`).",
        InvalidSpec = "The spec can't be followed as it is; the message names the field to change.",
        Refused = "The API server refuses the claim; the message is its answer.",
        WriteFailed = "The claim could not be written for now; it is tried again by itself.",
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
