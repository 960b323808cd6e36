//! Reads drafts of LabPolicies, and refuses what a cluster would refuse or not follow.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use carrel_activity::policy::{Named, problems};
use carrel_activity::rulebook::named;
use carrel_api::Checked;
use carrel_api::lab_policy::LabPolicy;
use serde_json::Value;

/// A draft that can't be tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DraftError {
    #[error("can't read {file}: {source}")]
    Read { file: String, source: io::Error },
    #[error("{file} is no YAML: {problem}")]
    Yaml { file: String, problem: String },
    #[error("{file} has a {found}; give LabPolicies (apiVersion carrel.dev/v1alpha1) alone, or a List of them")]
    Kind { file: String, found: String },
    #[error("{file} has no LabPolicy in it")]
    Empty { file: String },
    #[error("{file} has a LabPolicy without metadata.name")]
    Unnamed { file: String },
    #[error("the LabPolicy {name} comes twice; give each once")]
    Twice { name: String },
    #[error("the LabPolicy {name} in {file} can't be followed: {problem}")]
    Problem { file: String, name: String, problem: String },
}

/// The policies in these files; `-` is standard input.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Named>, DraftError> {
    let mut all: Vec<Named> = Vec::new();
    for path in files {
        let file = path.display().to_string();
        let text = text(path).map_err(|source| DraftError::Read { file: file.clone(), source })?;
        for policy in parse(&text, &file)? {
            if all.iter().any(|other| other.name == policy.name) {
                return Err(DraftError::Twice { name: policy.name });
            }
            all.push(policy);
        }
    }
    Ok(all)
}

fn text(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        return io::stdin().read_to_string(&mut text).map(|_| text);
    }
    std::fs::read_to_string(path)
}

fn parse(text: &str, file: &str) -> Result<Vec<Named>, DraftError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|error| DraftError::Yaml { file: file.to_owned(), problem: error.to_string() })?;
    let mut objects = Vec::new();
    for document in documents {
        match document {
            Value::Null => {}
            Value::Object(mut list) if list.get("kind").and_then(Value::as_str) == Some("List") => {
                let items = list.remove("items");
                objects.extend(items.and_then(|items| items.as_array().cloned()).unwrap_or_default());
            }
            object => objects.push(object),
        }
    }
    if objects.is_empty() {
        return Err(DraftError::Empty { file: file.to_owned() });
    }
    objects.iter().map(|object| policy(object, file)).collect()
}

fn policy(object: &Value, file: &str) -> Result<Named, DraftError> {
    let word = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    if (word("apiVersion"), word("kind")) != ("carrel.dev/v1alpha1", "LabPolicy") {
        let found = match (word("kind"), word("apiVersion")) {
            ("", _) => "document without a kind".to_owned(),
            (kind, version) => format!("{kind} of {version:?}"),
        };
        return Err(DraftError::Kind { file: file.to_owned(), found });
    }
    let policy: LabPolicy = serde_json::from_value(object.clone())
        .map_err(|error| DraftError::Yaml { file: file.to_owned(), problem: error.to_string() })?;
    let name = policy.metadata.name.clone().unwrap_or_default();
    if name.is_empty() {
        return Err(DraftError::Unnamed { file: file.to_owned() });
    }
    let problem = |problem: String| DraftError::Problem { file: file.to_owned(), name: name.clone(), problem };
    if let Checked::Invalid { problem: found, .. } = &policy.spec {
        return Err(problem(format!("spec.{found}")));
    }
    let Some(read) = named(&policy) else { return Err(problem("it has no spec".to_owned())) };
    let mut found = problems(&read.spec);
    if read.spec.idle.as_ref().is_some_and(|idle| idle.user_limits.is_some() && idle.idle_after.is_none()) {
        found.push("idle.userLimits is a band around idle.idleAfter: set that too".to_owned());
    }
    // A slip of the pen would be dropped by the API server, and nobody would know.
    let known = serde_json::to_value(&read.spec).unwrap_or_default();
    strangers(object.get("spec").unwrap_or(&Value::Null), &known, "spec", &mut found);
    if found.is_empty() { Ok(read) } else { Err(problem(found.join("; "))) }
}

/// Fields that no LabPolicy has: what was read, written again, lacks them.
fn strangers(given: &Value, known: &Value, path: &str, found: &mut Vec<String>) {
    let none = |value: &Value| match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            for (key, value) in given {
                match known.get(key) {
                    Some(known) => strangers(value, known, &format!("{path}.{key}"), found),
                    None if none(value) => {}
                    None => found.push(format!("{path}.{key} is no field of a LabPolicy")),
                }
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (index, (given, known)) in given.iter().zip(known).enumerate() {
                strangers(given, known, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
apiVersion: carrel.dev/v1alpha1
kind: LabPolicy
metadata: {name: lab}
spec:
  namespaceSelector: {matchLabels: {team: vision}}
  idle: {idleAfter: 2h, userLimits: {min: 1h, max: 4h}}
  schedule: {timeZone: Europe/Berlin, windows: [{days: [Monday], from: '07:30', to: '19:00'}]}
";

    fn refused(text: &str) -> String {
        parse(text, "draft.yaml").unwrap_err().to_string()
    }

    #[test]
    fn documents_and_lists_of_policies_are_read() {
        let second = GOOD.replace("name: lab", "name: other");
        let both: Vec<_> = parse(&format!("---{GOOD}---{second}"), "a").unwrap();
        assert_eq!(both.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>(), ["lab", "other"]);
        let list =
            "{kind: List, items: [{apiVersion: carrel.dev/v1alpha1, kind: LabPolicy, metadata: {name: a}, spec: {}}]}";
        assert_eq!(parse(list, "a").unwrap().len(), 1);
    }

    #[test]
    fn what_a_cluster_would_refuse_or_drop_is_told_with_its_file() {
        for (from, to, words) in [
            ("LabPolicy", "Notebook", "draft.yaml has a Notebook of \"carrel.dev/v1alpha1\"; give LabPolicies"),
            ("v1alpha1", "v1", "a LabPolicy of \"carrel.dev/v1\""),
            ("{name: lab}", "{}", "without metadata.name"),
            ("idleAfter: 2h", "idleAfter: soon", "spec.idle.idleAfter"),
            ("idleAfter: 2h", "idleAfter: 9h", "the band"),
            ("idleAfter: 2h, ", "", "userLimits"),
            ("idleAfter: 2h", "idleAfter: 2h, warnbefore: 5m", "spec.idle.warnbefore is no field"),
            ("to: '19:00'", "to: '19:00', day: Friday", "spec.schedule.windows[0].day is no field"),
            ("Europe/Berlin", "Berlin", "IANA"),
        ] {
            let error = refused(&GOOD.replacen(from, to, 1));
            assert!(error.contains(words), "{error}");
        }
        assert!(refused("# nothing\n").contains("no LabPolicy in it"));
        assert!(refused("a: [").contains("draft.yaml is no YAML"));
    }

    #[test]
    fn a_policy_that_comes_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a.yaml", "b.yaml"].map(|name| folder.path().join(name));
        for file in &files {
            std::fs::write(file, GOOD).unwrap();
        }
        assert!(read(&files).unwrap_err().to_string().contains("lab comes twice"));
        assert!(read(&[folder.path().join("none")]).unwrap_err().to_string().contains("can't read"));
    }
}
