//! What of a template waits for the next start: the fields that changed since the running pod was made.
//!
//! The StatefulSet always has the newest template, so that a pod that is lost comes back with it, and remembers in an
//! annotation what its pod was made with. That survives restarts of Carrel and needs no read.

use std::collections::BTreeMap;

use carrel_api::vocabulary::{TEMPLATE, WAITING};
use carrel_runtime::covers::differences;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::observe::Observed;
use crate::plan::template_hash;

/// Fields by path: what the pod has, and what the template has now.
pub(crate) type Waiting = BTreeMap<String, (String, String)>;

/// Carrel's own annotations in the template are no change that anybody waits for.
const BOOKKEEPING: &str = "metadata.annotations.carrel.dev/";

/// Stands for the fields that a template has no longer, where nothing else waits.
const REMOVED: &str = "template";

/// What waits for the next start of the pod, given the StatefulSet that should be.
pub(crate) fn waiting(observed: &Observed, wanted: &StatefulSet) -> Waiting {
    let (Some(pod), Some(live)) = (&observed.pod, observed.stateful_set.ours()) else { return Waiting::new() };
    if pod.annotation(TEMPLATE).is_some() && pod.annotation(TEMPLATE) == template_hash(wanted) {
        return Waiting::new();
    }
    let mut waiting: Waiting =
        live.annotations().get(WAITING).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for difference in differences(&template(wanted), &template(live)) {
        if !difference.path.starts_with(BOOKKEEPING) {
            let field = waiting.entry(difference.path).or_insert((difference.found, String::new()));
            field.1 = difference.wanted;
        }
    }
    waiting.retain(|path, (has, wants)| has != wants && path != REMOVED);
    if waiting.is_empty() && pod.annotation(TEMPLATE).is_some() {
        // A difference is a field that is wanted; what is not wanted any more has no path.
        waiting.insert(REMOVED.to_owned(), ("fields that were removed".to_owned(), "nothing".to_owned()));
    }
    waiting
}

/// The template, with maps of labels and annotations even if empty: so each of these is told by itself.
fn template(set: &StatefulSet) -> Value {
    let mut template = serde_json::to_value(&set.spec.template).unwrap_or_default();
    for map in ["labels", "annotations"] {
        if template.pointer(&format!("/metadata/{map}")).is_none() {
            json_patch::merge(&mut template, &json!({"metadata": {map: {}}}));
        }
    }
    template
}

/// Writes down what waits, on the StatefulSet that should be.
pub(crate) fn remember(waiting: &Waiting, wanted: &mut StatefulSet) {
    if let (false, Ok(text)) = (waiting.is_empty(), serde_json::to_string(waiting)) {
        wanted.annotations_mut().insert(WAITING.to_owned(), text);
    }
}
