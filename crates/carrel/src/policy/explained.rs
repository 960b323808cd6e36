//! What holds for one server, by whom and why, in words.

use std::collections::BTreeMap;
use std::fmt::Write;

use carrel_activity::policy::{CARREL, Defaults, Effective, KUBEFLOW, Named, effective, problems, ranked};
use carrel_api::activity::{Activity, Life, Verdict};
use carrel_api::lab_policy::SECTIONS;
use carrel_api::server::{ACTIVITY_UNKNOWN, STOP_PENDING, WISH_REFUSED};
use carrel_api::vocabulary::{IDLE_AFTER, KEEP_ALIVE, START_WITH_WINDOW, STOP_WHEN_DONE, STOPPED};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::live::Policies;
use crate::heard::heard;
use crate::printed::{columns, line};

/// All that is known of the server.
pub(super) struct Facts<'a> {
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) namespace_labels: &'a BTreeMap<String, String>,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) annotations: &'a BTreeMap<String, String>,
    pub(super) life: &'a Life,
    /// The conditions' types and messages.
    pub(super) messages: &'a [(String, String)],
    pub(super) policies: &'a Policies,
    pub(super) defaults: &'a Defaults,
    pub(super) now: Timestamp,
}

/// What an owner may ask for.
const WISHES: [&str; 4] = [IDLE_AFTER, KEEP_ALIVE, STOP_WHEN_DONE, START_WITH_WINDOW];

/// The whole explanation.
pub(super) fn explained(facts: &Facts<'_>) -> String {
    let Facts { namespace_labels, labels, annotations, policies, .. } = facts;
    let holds = effective(&policies.read, namespace_labels, labels, annotations, facts.defaults);
    let ranked = ranked(&policies.read, namespace_labels);
    let mut lines = vec![line(["SECTION", "DECIDED BY", "WHY", "WHAT IT SAYS"])];
    lines.extend(SECTIONS.iter().map(|(section, _)| of_section(section, &ranked, &holds)));
    let parts = [
        format!("{} {} in the namespace {}\n", facts.kind, facts.name, facts.namespace),
        not_followed(policies),
        columns(&lines),
        limit(&holds, facts),
        wishes(&holds, facts),
        stands(&holds, facts),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn not_followed(policies: &Policies) -> String {
    let problems = policies.read.iter().map(|policy| (&policy.name, problems(&policy.spec).join("; ")));
    let unreadable = policies.unreadable.iter().map(|(name, problem)| (name, problem.clone()));
    let all = problems.chain(unreadable).filter(|(_, problem)| !problem.is_empty());
    let mut text = String::new();
    for (name, problem) in all {
        let _ = writeln!(text, "The policy {name} is not followed at all: {problem}");
    }
    text
}

fn of_section(section: &str, ranked: &[&Named], holds: &Effective) -> Vec<String> {
    let mut having = ranked.iter().filter_map(|policy| Some((*policy, of(&policy.spec, section)?)));
    let Some((first, value)) = having.next() else { return by_default(section, holds) };
    let why = match having.next().map(|(second, _)| second) {
        None => "no other policy for the namespace has it".to_owned(),
        Some(second) if first.spec.priority != second.spec.priority => {
            format!("priority {} is above {} of {}", first.spec.priority, second.spec.priority, second.name)
        }
        Some(second) if first.created != second.created => {
            format!("of the same priority as {}, and older", second.name)
        }
        Some(second) => format!("of the same priority and age as {}, and first by name", second.name),
    };
    vec![section.to_owned(), first.name.clone(), why, flow(&value)]
}

fn by_default(section: &str, holds: &Effective) -> Vec<String> {
    let (by, value) = match section {
        "idle" => (holds.idle.as_ref().map(|_| KUBEFLOW), holds.idle.as_ref().and_then(|by| json(&by.section))),
        "keepAlive" => (Some(CARREL), json(&holds.keep_alive.section)),
        "protectBusy" => (Some(CARREL), json(&holds.protect_busy.section)),
        _ => (None, None),
    };
    let value = value.map_or("nothing".to_owned(), |value| flow(&value));
    vec![section.to_owned(), by.unwrap_or("nobody").to_owned(), "no policy for the namespace has it".to_owned(), value]
}

fn json(section: &impl Serialize) -> Option<Value> {
    serde_json::to_value(section).ok()
}

/// A section of a spec; none if it has none.
fn of(spec: &impl Serialize, section: &str) -> Option<Value> {
    json(spec)?.get(section).filter(|value| !value.is_null()).cloned()
}

/// A value in one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| format!("{key}: {}", inner(value))).collect::<Vec<_>>().join(", ")
        }
        value => inner(value),
    }
}

fn inner(value: &Value) -> String {
    match value {
        Value::Object(_) => format!("{{{}}}", flow(value)),
        Value::Array(items) => format!("[{}]", items.iter().map(inner).collect::<Vec<_>>().join(", ")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// For how long it may be idle, and by whom that was chosen.
fn limit(holds: &Effective, facts: &Facts<'_>) -> String {
    let Some(idle) = &holds.idle else {
        return "It is never stopped for being idle: nobody asks for that here.\n".to_owned();
    };
    let band = idle.section.user_limits.map_or_else(
        || "its owner may set no other".to_owned(),
        |band| format!("its owner may set one from {} to {}", band.min, band.max),
    );
    let exempt = idle.section.exempt_label.as_ref().filter(|label| facts.labels.contains_key(*label));
    match (holds.idle_after, exempt) {
        (_, Some(label)) => {
            format!("It is never stopped for being idle: its label {label} exempts it, by {}.\n", idle.name)
        }
        (None, None) => format!("It is never stopped for being idle: {} sets no limit.\n", idle.name),
        (Some(limit), None) if Some(limit) == idle.section.idle_after => {
            format!("It is stopped when nobody used it for {limit}, the limit of {}; {band}.\n", idle.name)
        }
        (Some(limit), None) => {
            format!("It is stopped when nobody used it for {limit}, its owner's own limit; of {}, {band}.\n", idle.name)
        }
    }
}

/// What its owner asks for, and what of it is refused.
fn wishes(holds: &Effective, facts: &Facts<'_>) -> String {
    let mut text = String::new();
    for key in WISHES {
        if let Some(value) = facts.annotations.get(key) {
            let refused = holds.refused.iter().find(|sentence| sentence.starts_with(key));
            let answer = refused.map_or("taken into account", |sentence| sentence.trim_start_matches(key).trim_start());
            let _ = writeln!(text, "Its owner asks for {key}={value}: {answer}.");
        }
    }
    // A snooze may be refused by what was used up, which only the controller knows.
    if let Some(message) =
        message(facts, WISH_REFUSED).filter(|message| !holds.refused.iter().any(|one| message.contains(one.as_str())))
    {
        let _ = writeln!(text, "Its status says: {message}");
    }
    text
}

fn message<'a>(facts: &Facts<'a>, type_: &str) -> Option<&'a str> {
    facts.messages.iter().find(|(found, _)| found == type_).map(|(_, message)| message.as_str())
}

/// How it stands, and what comes next.
fn stands(holds: &Effective, facts: &Facts<'_>) -> String {
    let mut text = String::new();
    match (facts.annotations.get(STOPPED), &facts.life.activity) {
        (Some(since), _) => {
            let _ = writeln!(text, "It is stopped, since {since}.");
        }
        (None, None) => {
            let _ =
                writeln!(text, "Its status tells no verdict: it does not run, or was not asked yet, or nothing tells.");
        }
        (None, Some(activity)) => verdict(&mut text, holds, activity, facts.now),
    }
    for type_ in [STOP_PENDING, ACTIVITY_UNKNOWN] {
        if let Some(message) = message(facts, type_) {
            let _ = writeln!(text, "{message}");
        }
    }
    if let Some(stop) = &facts.life.last_stop {
        let _ = writeln!(text, "Last stopped by Carrel at {:.0} ({}): {}", stop.at, stop.cause.as_str(), stop.message);
    }
    text
}

fn verdict(text: &mut String, holds: &Effective, activity: &Activity, now: Timestamp) {
    text.push_str(&heard(activity, now));
    let Some(pending) = &activity.pending else {
        let at = holds.idle_after.and_then(|limit| activity.since.checked_add(limit.duration()).ok());
        if let Some(at) = at.filter(|_| activity.verdict == Verdict::Idle) {
            let _ = writeln!(
                text,
                "If nobody uses it, it is stopped for that at {at:.0} at the earliest, and announced before."
            );
        }
        return;
    };
    let _ = writeln!(
        text,
        "Next: it is stopped at {:.0} ({}), announced at {:.0}, unless it is used, kept or edited before.",
        pending.at,
        pending.cause.as_str(),
        pending.warned
    );
}

#[cfg(test)]
mod tests;
