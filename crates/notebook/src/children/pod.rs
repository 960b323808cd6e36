//! The pod of a Notebook, as its StatefulSet's controller makes it: only ever asked about, never made by Carrel.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::observe::pod_name;

/// Kubernetes' labels of a StatefulSet's pod.
pub(crate) const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The pod that this StatefulSet's controller would make.
pub(crate) fn pod(set: &StatefulSet) -> Pod {
    let name = pod_name(&set.name_any());
    let template = set.spec.template.clone();
    let mut metadata = template.metadata.unwrap_or_default();
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(POD_NAME.to_owned(), name.clone());
    labels.insert(POD_INDEX.to_owned(), "0".to_owned());
    metadata.namespace = set.namespace();
    metadata.name = Some(name.clone());
    let spec = template.spec.map(|mut spec| {
        spec.hostname = Some(name);
        spec.subdomain.clone_from(&set.spec.service_name);
        spec
    });
    Pod { metadata, spec, ..Pod::default() }
}
