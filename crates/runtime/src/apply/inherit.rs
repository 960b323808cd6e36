//! Field ownership, when a child comes under Carrel from a controller that wrote by plain updates.
//!
//! That controller's manager goes on owning each field, also those that we set, so server-side apply would never remove
//! what our owner removes. client-go has the same step for kubectl (`csaupgrade`). Pure.

use serde_json::{Value, json};

use crate::FIELD_MANAGER;

/// The `managedFields` in which what the object's maker owns is ours; `None` where there is nothing to change.
///
/// Only who set the field `made_with` of the spec made the object: one that its kind can't do without, and that nobody changes
/// in passing. What others changed since (labels, a scale) stays theirs.
pub(super) fn inherited(managed: &Value, made_with: &str) -> Option<Value> {
    let entries = managed.as_array()?;
    let is_makers = |entry: &&Value| {
        entry["operation"] == "Update"
            && entry["subresource"].as_str().unwrap_or_default().is_empty()
            && entry.pointer("/fieldsV1/f:spec").and_then(|spec| spec.get(format!("f:{made_with}"))).is_some()
    };
    let is_ours = |entry: &&Value| entry["operation"] == "Apply" && entry["manager"] == FIELD_MANAGER;
    let maker = entries.iter().find(is_makers)?;
    let mut ours = json!({"manager": FIELD_MANAGER, "operation": "Apply"});
    for entry in entries.iter().filter(is_ours).chain([maker]) {
        let mut part = entry.clone();
        if let Some(part) = part.as_object_mut() {
            part.remove("manager");
            part.remove("operation");
        }
        json_patch::merge(&mut ours, &part);
    }
    let others = entries.iter().filter(|entry| !is_ours(entry) && *entry != maker).cloned();
    Some(others.chain([ours]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_maker_owns_becomes_ours_and_what_others_own_stays() {
        let makers = json!({"manager": "notebook-controller", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:selector": {}, "f:template": {"f:spec": {"f:nodeSelector": {}}}}}});
        let scaled = json!({"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
        let status = json!({"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}});
        let ours = json!({"manager": "carrel", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": {"f:metadata": {"f:labels": {}}}});
        let found = inherited(&json!([makers, scaled, status, ours]), "selector").unwrap();
        assert_eq!(found[0], scaled);
        assert_eq!(found[1], status);
        assert_eq!(found[2]["manager"], "carrel");
        assert_eq!(found[2]["operation"], "Apply");
        assert!(found[2].pointer("/fieldsV1/f:spec/f:template/f:spec/f:nodeSelector").is_some());
        assert!(found[2].pointer("/fieldsV1/f:metadata/f:labels").is_some());
        assert_eq!(found.as_array().unwrap().len(), 3);
        assert_eq!(inherited(&json!([scaled, status, ours]), "selector"), None);
        assert_eq!(inherited(&json!([makers, scaled, status, ours]), "hosts"), None);
    }
}
