//! The last Events, merged and short.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use crate::age::short;
use crate::printed::{columns, line};

/// Events that are told.
const MANY: usize = 10;

/// Characters of a message that are told.
const WIDE: usize = 160;

/// How the message begins of a warning about a child that Carrel, or Kubeflow's controller, issued again on the server.
const REISSUED: &str = "Reissued from ";

/// Events that say the same of the same object.
struct Merged<'a> {
    last: Timestamp,
    times: i32,
    newest: &'a Event,
}

/// The Events since a time, the newest last; those of one object with one reason are one, in the newest words.
pub(super) fn told(events: &[Event], since: Option<Timestamp>, now: Timestamp) -> String {
    let mut merged: HashMap<_, Merged<'_>> = HashMap::new();
    let is_reissued = |event: &Event| event.message.as_ref().is_some_and(|message| message.starts_with(REISSUED));
    let originals: HashSet<_> = events.iter().filter(|event| !is_reissued(event)).map(|event| &event.reason).collect();
    for event in events.iter().filter(|event| !is_reissued(event) || !originals.contains(&event.reason)) {
        let Some(at) = last(event).filter(|at| since.is_none_or(|since| *at >= since)) else { continue };
        let about = &event.involved_object;
        let one = merged.entry((&about.kind, &about.name, &event.reason)).or_insert(Merged {
            last: at,
            times: 0,
            newest: event,
        });
        one.times = one.times.saturating_add(times(event));
        if at >= one.last {
            (one.last, one.newest) = (at, event);
        }
    }
    let mut merged: Vec<_> = merged.into_values().collect();
    merged.sort_by_key(|one| (one.last, one.newest.involved_object.kind.clone(), one.newest.reason.clone()));
    let hidden = merged.len().saturating_sub(MANY);
    if merged.is_empty() {
        return "No Events about it or its children; Kubernetes keeps them for an hour, unless it is set otherwise.\n"
            .to_owned();
    }
    let head = line(["AGE", "TIMES", "TYPE", "OBJECT", "REASON", "MESSAGE"]);
    let lines: Vec<_> =
        std::iter::once(head).chain(merged.iter().skip(hidden).map(|one| cells(one, now).into())).collect();
    let more = if hidden > 0 { format!("({hidden} older ones are not shown)\n") } else { String::new() };
    columns(&lines) + &more
}

fn cells(one: &Merged<'_>, now: Timestamp) -> [String; 6] {
    let event = one.newest;
    let about = &event.involved_object;
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        short(now.duration_since(one.last)),
        one.times.to_string(),
        word(&event.type_),
        format!("{}/{}", word(&about.kind), word(&about.name)),
        word(&event.reason),
        cut(event.message.as_deref().unwrap_or_default()),
    ]
}

/// When it happened last. Which field has that depends on who sent it.
fn last(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| Some(series.last_observed_time.as_ref()?.0));
    let ends = [series, event.last_timestamp.as_ref().map(|time| time.0)].into_iter().flatten().max();
    let begins = event.event_time.as_ref().map(|time| time.0).or(event.first_timestamp.as_ref().map(|time| time.0));
    ends.or(begins).or(event.metadata.creation_timestamp.as_ref().map(|time| time.0))
}

fn times(event: &Event) -> i32 {
    let series = event.series.as_ref().and_then(|series| series.count);
    series.or(event.count).unwrap_or(1).max(1)
}

/// One line of a message.
fn cut(message: &str) -> String {
    let words = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(WIDE) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(kind: &str, reason: &str, minute: u8, more: &Value) -> Event {
        let mut event = json!({
            "metadata": {}, "type": "Normal", "reason": reason, "message": format!("{reason}\n at {minute}"),
            "involvedObject": {"kind": kind, "name": "iris-0"}, "lastTimestamp": format!("2026-01-02T10:{minute:02}:00Z"),
        });
        for (key, value) in more.as_object().unwrap() {
            event[key] = value.clone();
        }
        serde_json::from_value(event).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_repeats_is_one_line_in_its_newest_words() {
        let series = json!({"lastTimestamp": null, "eventTime": "2026-01-02T10:00:00.000000Z",
            "series": {"count": 4, "lastObservedTime": "2026-01-02T10:50:00.000000Z"}});
        let events = [
            event("Pod", "Started", 40, &json!({})),
            event("Pod", "Started", 30, &json!({"count": 2})),
            event("Pod", "BackOff", 1, &series),
            event("StatefulSet", "SuccessfulCreate", 20, &json!({})),
            event("Pod", "Killing", 5, &json!({})),
            event("Notebook", "BackOff", 51, &json!({"message": "Reissued from pod/iris-0: BackOff"})),
        ];
        let told = told(&events, Some(at("2026-01-02T10:10:00Z")), at("2026-01-02T11:00:00Z"));
        let expected = "\
AGE  TIMES  TYPE    OBJECT              REASON            MESSAGE
40m  1      Normal  StatefulSet/iris-0  SuccessfulCreate  SuccessfulCreate at 20
20m  3      Normal  Pod/iris-0          Started           Started at 40
10m  4      Normal  Pod/iris-0          BackOff           BackOff at 1
";
        assert_eq!(told, expected, "one is older than the object, and was of another of its name");
    }

    #[test]
    fn there_is_an_end_of_events_and_of_their_messages() {
        let long = json!({"message": "é".repeat(500)});
        let events: Vec<_> = (0..12).map(|minute| event("Pod", &format!("R{minute:02}"), minute, &long)).collect();
        let told = told(&events, None, at("2026-01-02T11:00:00Z"));
        assert!(told.ends_with(&format!("{}…\n(2 older ones are not shown)\n", "é".repeat(WIDE))), "{told}");
        assert!(!told.contains("R01") && told.contains("R02"), "{told}");
        assert!(super::told(&[], None, at("2026-01-02T11:00:00Z")).starts_with("No Events"));
    }
}
