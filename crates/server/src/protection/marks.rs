//! The annotations on a pod that autoscalers obey. Who asks for them in a template has the last word: a value that Carrel did
//! not set is never changed and never taken away, and which it did set stands beside them.

use carrel_api::vocabulary::{DO_NOT_DISRUPT, PROTECTS, SAFE_TO_EVICT};
use serde_json::{Map, Value, json};

use crate::slim_pod::SlimPod;

/// What keeps the cluster autoscaler and Karpenter away.
const MARKS: [(&str, &str); 2] = [(SAFE_TO_EVICT, "false"), (DO_NOT_DISRUPT, "true")];

/// The merge patch of a pod that is kept, or no longer; `None` if it is as it should be.
pub(super) fn marks(pod: &SlimPod, kept: bool) -> Option<Value> {
    let noted = pod.annotation(PROTECTS);
    let is_noted = |key: &str| noted.is_some_and(|noted| noted.split(',').any(|one| one == key));
    let mut patch = Map::new();
    let mut own = Vec::new();
    for (key, value) in MARKS {
        match pod.annotation(key) {
            None if kept => {
                patch.insert(key.to_owned(), json!(value));
                own.push(key);
            }
            // Another value than ours is somebody's own by now.
            Some(found) if found == value && is_noted(key) => {
                if kept {
                    own.push(key);
                } else {
                    patch.insert(key.to_owned(), Value::Null);
                }
            }
            None | Some(_) => {}
        }
    }
    let note = (!own.is_empty()).then(|| own.join(","));
    if note.as_deref() != noted {
        patch.insert(PROTECTS.to_owned(), json!(note));
    }
    (!patch.is_empty()).then(|| json!({"metadata": {"annotations": patch}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(annotations: &Value) -> SlimPod {
        serde_json::from_value(json!({"metadata": {"name": "iris-0", "annotations": annotations}})).unwrap()
    }

    /// What a pod carries after it was kept, or no longer; and that it is left alone then.
    fn after(annotations: &Value, kept: bool) -> Value {
        let mut object = json!({"metadata": {"annotations": annotations}});
        if let Some(patch) = marks(&pod(annotations), kept) {
            json_patch::merge(&mut object, &patch);
        }
        let annotations = object["metadata"]["annotations"].take();
        assert_eq!(marks(&pod(&annotations), kept), None, "once is enough");
        annotations
    }

    #[test]
    fn what_was_set_is_taken_away_and_nothing_else() {
        for before in [json!({}), json!({"a": "b"})] {
            let kept = after(&before, true);
            assert_eq!((&kept[SAFE_TO_EVICT], &kept[DO_NOT_DISRUPT]), (&json!("false"), &json!("true")));
            assert_eq!(after(&kept, false), before);
        }
    }

    #[test]
    fn an_owners_own_word_stays_whatever_it_is() {
        for value in ["false", "true"] {
            let before = json!({SAFE_TO_EVICT: value});
            let kept = after(&before, true);
            assert_eq!(kept[SAFE_TO_EVICT], value);
            assert_eq!(kept[PROTECTS], DO_NOT_DISRUPT);
            assert_eq!(after(&kept, false), before);
        }
        let both = json!({SAFE_TO_EVICT: "false", DO_NOT_DISRUPT: "30m"});
        assert_eq!((after(&both, true), after(&both, false)), (both.clone(), both));
    }

    #[test]
    fn a_word_of_ours_that_somebody_changed_is_theirs_and_one_they_took_away_comes_back() {
        let mut kept = after(&json!({}), true);
        kept[SAFE_TO_EVICT] = json!("true");
        let theirs = after(&kept, true);
        assert_eq!((&theirs[SAFE_TO_EVICT], &theirs[PROTECTS]), (&json!("true"), &json!(DO_NOT_DISRUPT)));
        assert_eq!(after(&theirs, false), json!({SAFE_TO_EVICT: "true"}));
        assert_eq!(after(&kept, false), json!({SAFE_TO_EVICT: "true"}));
        let mut less = after(&json!({}), true);
        less.as_object_mut().unwrap().remove(DO_NOT_DISRUPT);
        assert_eq!(after(&less, true)[DO_NOT_DISRUPT], "true");
    }
}
