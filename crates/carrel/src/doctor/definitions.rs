//! Whether the cluster has the CRDs, and those of this binary.

use std::collections::BTreeMap;

use serde_json::Value;

use super::finding::{Finding, Seen};
use super::schema::{Differences, differences};
use super::settings::Settings;
use crate::kind::Kind;

const CHECK: &str = "crds";

const APPLY: &str = "carrel crds | kubectl apply -f -";

/// Fields that are told at most.
const MANY: usize = 3;

/// The CRD of policies, which are no kind that commands name.
const LAB_POLICIES: &str = "labpolicies.carrel.dev";

/// The CRDs that are looked for, by name: as the cluster has each.
pub(super) type Definitions = BTreeMap<String, Seen<Option<Value>>>;

pub(super) fn findings(definitions: &Definitions, settings: &Settings) -> Vec<Finding> {
    let ours = carrel_api::crds();
    let of = |crd: &Value| {
        let name = name(crd);
        let is_off = !is_asked_for(name, settings);
        match definitions.get(name)? {
            Err(unread) => Some(Finding::unread(CHECK, unread)),
            Ok(None) if is_off => Some(Finding::ok(CHECK, format!("{name} is missing, and not asked for"))),
            Ok(None) => Some(Finding::problem(CHECK, format!("{name} is missing"), APPLY)),
            // It may be Kubeflow's own, kept for a controller of Kubeflow's.
            Ok(Some(_)) if is_off => Some(Finding::ok(CHECK, format!("{name} is there, and not asked for"))),
            Ok(Some(theirs)) => Some(compared(name, crd, theirs)),
        }
    };
    ours.iter().filter_map(of).collect()
}

/// Whether an admin has not chosen to do without the kind of a CRD.
fn is_asked_for(name: &str, settings: &Settings) -> bool {
    if name == LAB_POLICIES {
        return settings.follows_policies();
    }
    Kind::ALL.into_iter().find(|kind| kind.crd() == name).is_none_or(|kind| settings.looks_after(kind))
}

/// The name of a CRD.
pub(super) fn name(crd: &Value) -> &str {
    crd.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

fn compared(name: &str, ours: &Value, theirs: &Value) -> Finding {
    let (served, stored) = (served(theirs), stored(theirs));
    let saw = format!("{name}: {} served, {} stored", served.join(", "), stored.unwrap_or("none"));
    if !is_established(theirs) {
        let mend = format!("wait a moment, or see `kubectl describe crd {name}`: another may have taken its names");
        return Finding::problem(CHECK, format!("{saw}; it is not established"), mend);
    }
    let missing: Vec<_> = self::served(ours).into_iter().filter(|version| !served.contains(version)).collect();
    if !missing.is_empty() {
        return Finding::problem(CHECK, format!("{saw}; {} should be served too", missing.join(", ")), APPLY);
    }
    if stored != self::stored(ours) {
        let wanted = self::stored(ours).unwrap_or_default();
        return Finding::warning(CHECK, format!("{saw}; this carrel stores {wanted}"), APPLY);
    }
    let found = versions(ours).find_map(|version| {
        let (name, schema) = (version.get("name")?, version.pointer("/schema/openAPIV3Schema")?);
        let theirs = versions(theirs).find(|other| other.get("name") == Some(name))?;
        let found = differences(schema, theirs.pointer("/schema/openAPIV3Schema").unwrap_or(&Value::Null));
        (found != Differences::default()).then_some(found)
    });
    let Some(found) = found else { return Finding::ok(CHECK, saw + ", the same as of this carrel") };
    let Differences { lacks, has, differs } = found;
    match (lacks.as_slice(), has.as_slice()) {
        ([], []) => Finding::warning(CHECK, format!("{saw}; it has other rules for {}", paths(&differs)), APPLY),
        ([], _) => Finding::warning(
            CHECK,
            format!("{saw}; it is newer than this carrel: it has {}", paths(&has)),
            "use the carrel of the version that runs in the cluster",
        ),
        (_, []) => Finding::problem(
            CHECK,
            format!("{saw}; it is older than this carrel: it lacks {}, which are cut off", paths(&lacks)),
            APPLY,
        ),
        _ => {
            let saw = format!("{saw}; it is another's: it lacks {}, and has {}", paths(&lacks), paths(&has));
            Finding::problem(CHECK, saw, APPLY)
        }
    }
}

/// The paths of fields; the schema itself has an empty one.
fn paths(paths: &[String]) -> String {
    let word = |path: &String| if path.is_empty() { "the whole".to_owned() } else { path.clone() };
    let told = paths.iter().take(MANY).map(word).collect::<Vec<_>>().join(", ");
    if paths.len() > MANY { format!("{told} and {} more", paths.len() - MANY) } else { told }
}

fn versions(crd: &Value) -> impl Iterator<Item = &Value> {
    crd.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten()
}

fn having<'a>(crd: &'a Value, key: &'a str) -> impl Iterator<Item = &'a str> {
    let has = move |version: &&Value| version.get(key) == Some(&Value::Bool(true));
    versions(crd).filter(has).filter_map(|version| version.get("name")?.as_str())
}

fn served(crd: &Value) -> Vec<&str> {
    having(crd, "served").collect()
}

fn stored(crd: &Value) -> Option<&str> {
    having(crd, "storage").next()
}

fn is_established(crd: &Value) -> bool {
    let conditions = crd.pointer("/status/conditions").and_then(Value::as_array);
    let is = |one: &Value| {
        one.get("type") == Some(&Value::from("Established")) && one.get("status") == Some(&Value::from("True"))
    };
    conditions.is_some_and(|all| all.iter().any(is))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use serde_json::json;

    const NOTEBOOKS: &str = "notebooks.kubeflow.org";

    /// Ours, as the cluster has them.
    fn there() -> Definitions {
        let of = |mut crd: Value| {
            crd["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
            (name(&crd).to_owned(), Ok(Some(crd)))
        };
        carrel_api::crds().into_iter().map(of).collect()
    }

    fn of(change: impl FnOnce(&mut Value)) -> Finding {
        let mut all = there();
        let Some(Ok(Some(crd))) = all.get_mut(NOTEBOOKS) else { panic!("no CRD") };
        change(crd);
        findings(&all, &Settings::default()).remove(0)
    }

    #[test]
    fn those_of_this_binary_are_as_they_should_be() {
        let all = findings(&there(), &Settings::default());
        assert_eq!(all.len(), 5);
        assert!(all.iter().all(|one| one.level == Level::Ok), "{all:?}");
        let saw = "notebooks.kubeflow.org: v1, v1beta1, v1alpha1 served, v1 stored, the same as of this carrel";
        assert_eq!(all[0].saw, saw);
    }

    #[test]
    fn an_older_and_a_newer_one_are_told_apart() {
        let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
        let fields = |crd: &mut Value| crd.pointer_mut(status).unwrap().as_object_mut().unwrap().clone();
        let set = |crd: &mut Value, fields| *crd.pointer_mut(status).unwrap() = Value::Object(fields);
        let old = of(|crd| {
            let mut all = fields(crd);
            all.remove("activity");
            set(crd, all);
        });
        assert_eq!(old.level, Level::Problem);
        assert!(old.saw.contains("older than this carrel: it lacks .status.activity, which"), "{}", old.saw);
        let new = of(|crd| {
            let mut all = fields(crd);
            all.insert("mood".to_owned(), json!({"type": "string"}));
            set(crd, all);
        });
        assert_eq!(new.level, Level::Warning);
        assert!(new.saw.contains("newer than this carrel: it has .status.mood"), "{}", new.saw);
        let other = of(|crd| {
            crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap()["maxProperties"] =
                json!(1);
        });
        assert!(other.saw.contains("it has other rules for .spec"), "{}", other.saw);
    }

    #[test]
    fn each_switch_does_without_its_kind() {
        for (variable, crd) in [
            ("CARREL_VOLUME_REQUESTS", "volumerequests.carrel.dev"),
            ("CARREL_TENSORBOARDS", "tensorboards.tensorboard.kubeflow.org"),
            ("CARREL_PVC_VIEWERS", "pvcviewers.kubeflow.org"),
            ("CARREL_LAB_POLICIES", LAB_POLICIES),
        ] {
            let config = serde_json::from_value(json!({"metadata": {}, "data": {variable: "false"}})).unwrap();
            let found = findings(&there(), &Settings::of(&[config], None));
            let off: Vec<_> = found.iter().filter(|one| one.saw.ends_with("is there, and not asked for")).collect();
            assert!(off.len() == 1 && off[0].saw.starts_with(crd), "{variable}: {found:?}");
        }
    }

    #[test]
    fn versions_and_what_is_missing_are_told() {
        let unserved = of(|crd| crd["spec"]["versions"][1]["served"] = json!(false));
        assert_eq!(unserved.level, Level::Problem);
        assert!(unserved.saw.contains("v1beta1 should be served too"), "{}", unserved.saw);
        let waits = of(|crd| crd["status"] = json!({}));
        assert!(waits.saw.contains("not established"), "{}", waits.saw);

        let gone = |name: &str| {
            let mut all = there();
            all.insert(name.to_owned(), Ok(None));
            let config =
                serde_json::from_value(json!({"metadata": {}, "data": {"CARREL_TENSORBOARDS": "false"}})).unwrap();
            let found = findings(&all, &Settings::of(&[config], None));
            found.into_iter().find(|one| one.saw.contains("is missing")).unwrap()
        };
        assert_eq!(gone(NOTEBOOKS).level, Level::Problem);
        assert_eq!(gone("tensorboards.tensorboard.kubeflow.org").level, Level::Ok);
    }
}
