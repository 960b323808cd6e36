//! Whether volumes can be made without naming a class, grow, and stand where their pod does.

use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;

use super::finding::{Finding, Seen};

const CHECK: &str = "storage";

/// The annotation that makes a class the default.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
/// As it was called before, which Kubernetes still takes.
const DEFAULT_BEFORE: &str = "storageclass.beta.kubernetes.io/is-default-class";

pub(super) fn findings(classes: &Seen<Vec<StorageClass>>) -> Vec<Finding> {
    let classes = match classes {
        Ok(classes) => classes,
        Err(unread) => return vec![Finding::unread(CHECK, unread)],
    };
    let names: Vec<_> = classes.iter().map(ResourceExt::name_any).collect();
    if names.is_empty() {
        let mend = "install a storage driver and a StorageClass, unless each volume is made by hand";
        return vec![Finding::problem(CHECK, "the cluster has no StorageClass", mend)];
    }
    let says = |class: &&StorageClass, key| class.annotations().get(key).is_some_and(|value| value == "true");
    let defaults: Vec<_> = classes.iter().filter(|class| says(class, DEFAULT) || says(class, DEFAULT_BEFORE)).collect();
    let set = |name: &str, value: &str| format!("kubectl annotate --overwrite storageclass {name} {DEFAULT}={value}");
    match defaults.as_slice() {
        [] => {
            let saw =
                format!("no class of {} is the default: VolumeRequests and claims must name one", names.join(", "));
            vec![Finding::warning(CHECK, saw, set("NAME", "true"))]
        }
        [class] => of_default(class),
        several => {
            let names: Vec<_> = several.iter().map(|class| class.name_any()).collect();
            let saw = format!("{} are all the default; Kubernetes takes the newest", names.join(", "));
            let before = several.iter().any(|class| says(class, DEFAULT_BEFORE));
            let before = if before { format!(" {DEFAULT_BEFORE}-") } else { String::new() };
            vec![Finding::warning(CHECK, saw, set("NAME", "false") + &before)]
        }
    }
}

fn of_default(class: &StorageClass) -> Vec<Finding> {
    let name = class.name_any();
    let grows = class.allow_volume_expansion == Some(true);
    let waits = class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer");
    let words = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
    let saw = format!(
        "{name} is the default; its volumes {}, and are made {}",
        words(grows, "can grow", "can't grow"),
        words(waits, "where the first pod is to run", "before a pod has a node")
    );
    let mut found = Vec::new();
    if !grows {
        let mend =
            format!("where its driver can: kubectl patch storageclass {name} -p '{{\"allowVolumeExpansion\":true}}'");
        found.push(Finding::warning(CHECK, saw.clone(), mend));
    }
    if !waits {
        let mend = "on a cluster with zones or local disks make the default a class with volumeBindingMode: \
            WaitForFirstConsumer, or a volume may stand where its pod can't run";
        found.push(Finding::warning(CHECK, saw.clone(), mend));
    }
    if found.is_empty() { vec![Finding::ok(CHECK, saw)] } else { found }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use serde_json::json;

    fn class(name: &str, is_default: &str, grows: bool, binding: &str) -> StorageClass {
        serde_json::from_value(json!({
            "metadata": {"name": name, "annotations": {DEFAULT: is_default}}, "provisioner": "p",
            "allowVolumeExpansion": grows, "volumeBindingMode": binding,
        }))
        .unwrap()
    }

    #[test]
    fn one_default_that_grows_and_waits_is_well() {
        let well = || class("fast", "true", true, "WaitForFirstConsumer");
        let level =
            |classes: Vec<StorageClass>| findings(&Ok(classes)).into_iter().map(|one| one.level).collect::<Vec<_>>();
        assert_eq!(level(vec![well(), class("slow", "false", false, "Immediate")]), [Level::Ok]);
        assert_eq!(level(vec![well(), class("slow", "true", true, "Immediate")]), [Level::Warning], "two defaults");
        assert_eq!(level(vec![class("slow", "false", true, "Immediate")]), [Level::Warning], "no default");
        assert_eq!(level(vec![class("slow", "true", false, "Immediate")]), [Level::Warning, Level::Warning]);
        assert_eq!(level(Vec::new()), [Level::Problem]);
        let mut old = class("old", "false", true, "WaitForFirstConsumer");
        old.metadata.annotations = Some([(DEFAULT_BEFORE.to_owned(), "true".to_owned())].into());
        assert_eq!(level(vec![old.clone()]), [Level::Ok], "as it was called before");
        let mend = findings(&Ok(vec![well(), old])).remove(0).mend.unwrap();
        assert!(mend.ends_with("is-default-class=false storageclass.beta.kubernetes.io/is-default-class-"), "{mend}");
    }
}
