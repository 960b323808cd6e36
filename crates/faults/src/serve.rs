//! What an API server does with a request, as far as stories need it.

use http::Method;
use serde_json::{Value, json};

use crate::objects::Objects;

/// A request.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// What stands behind the path.
    pub(crate) query: String,
    /// The type of its content.
    pub(crate) content: String,
    pub(crate) body: Value,
}

/// Why an object would not be had, in the API server's own words.
pub(crate) type Refuses = fn(&Objects, &str, &Value) -> Option<String>;

impl Asked {
    /// Does what is asked.
    pub(crate) fn serve(&self, objects: &mut Objects, refuses: Refuses) -> (u16, Value) {
        let Self { method, path, content, body, .. } = self;
        let below = path.split_once("/namespaces/").unwrap().1.split_once('/').unwrap().1;
        let mut parts = below.split('/');
        let (kind, name, below) = (parts.next().unwrap(), parts.next().unwrap_or_default(), parts.next());
        let old = objects.get(kind, name).cloned();
        match (method, content.as_str()) {
            (&Method::GET, _) => old.map_or_else(missing, |old| (200, old)),
            // An Event, which may be lost: it is not in the picture.
            (&Method::POST, _) if kind == "events" => (201, body.clone()),
            (&Method::POST, _) => self.create(kind, objects, refuses),
            (&Method::DELETE, _) => {
                let Some(old) = old else { return missing() };
                let same = old["metadata"]["uid"] == body["preconditions"]["uid"];
                if same { (200, objects.delete(kind, name).unwrap()) } else { conflict() }
            }
            (_, "application/json-patch+json") => {
                assert_eq!(below, Some("status"));
                let Some(mut object) = old else { return missing() };
                assert_eq!(body[0]["op"], "test");
                if body[0]["value"] != object["metadata"]["uid"] {
                    return (422, json!({"reason": "Invalid"}));
                }
                object["status"] = body[1]["value"].clone();
                (200, objects.put(kind, object))
            }
            (_, "application/merge-patch+json") => {
                let Some(mut object) = old else { return missing() };
                if is_of_another(body, &object) {
                    return conflict();
                }
                json_patch::merge(&mut object, body);
                (200, objects.put(kind, object))
            }
            _ => self.apply(kind, name, objects, refuses),
        }
    }

    fn is_dry_run(&self) -> bool {
        self.query.contains("dryRun")
    }

    fn create(&self, kind: &str, objects: &mut Objects, refuses: Refuses) -> (u16, Value) {
        let body = &self.body;
        if objects.get(kind, body["metadata"]["name"].as_str().unwrap()).is_some() {
            return (409, json!({"reason": "AlreadyExists"}));
        }
        if let Some(words) = refuses(objects, kind, body) {
            return forbidden(&words);
        }
        (201, if self.is_dry_run() { body.clone() } else { objects.put(kind, body.clone()) })
    }

    fn apply(&self, kind: &str, name: &str, objects: &mut Objects, refuses: Refuses) -> (u16, Value) {
        let body = &self.body;
        let old = objects.get(kind, name);
        if let Some(old) = old {
            let theirs = old["metadata"]["labels"]["app.kubernetes.io/managed-by"] != "carrel";
            if theirs && !self.query.contains("force=true") && !agrees(&body["spec"], &old["spec"]) {
                let details = json!({"causes": [{"reason": "FieldManagerConflict", "message": "x"}]});
                return (409, json!({"details": details, "reason": "Conflict"}));
            }
        }
        if is_of_another(body, old.unwrap_or(&Value::Null)) {
            return conflict();
        }
        let merged = objects.merged(kind, body);
        if let Some(words) = refuses(objects, kind, &merged) {
            return forbidden(&words);
        }
        (200, if self.is_dry_run() { merged } else { objects.apply(kind, body, merged) })
    }
}

/// Whether a write is meant for another object of that name, or another version of it.
fn is_of_another(body: &Value, object: &Value) -> bool {
    ["uid", "resourceVersion"].into_iter().any(|field| {
        let meant = &body["metadata"][field];
        !meant.is_null() && *meant != object["metadata"][field]
    })
}

/// Whether each field that is wanted is the same in what is there, or not there at all.
fn agrees(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (_, Value::Null) => true,
        (Value::Object(wanted), Value::Object(live)) => {
            wanted.iter().all(|(field, wanted)| live.get(field).is_none_or(|live| agrees(wanted, live)))
        }
        _ => wanted == live,
    }
}

fn missing() -> (u16, Value) {
    (404, json!({"reason": "NotFound"}))
}

fn conflict() -> (u16, Value) {
    (409, json!({"reason": "Conflict"}))
}

fn forbidden(words: &str) -> (u16, Value) {
    (403, json!({"reason": "Forbidden", "message": words}))
}
