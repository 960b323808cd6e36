//! How a stop is written down, in one write with its evidence, and read again.

use std::collections::BTreeMap;

use carrel_activity::contract::StoppedAs;
use carrel_api::activity::{LastStop, StopCause};
use carrel_api::vocabulary::{LAST_STOP, STOP_WHEN_DONE, STOPPED};
use carrel_api::whole_seconds;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The patch that stops a server which is at this version: one that was edited since, by whomever, is not stopped. A wish to
/// stop it when it is done is fulfilled with it, whatever stopped it.
pub fn stopped(stop: &LastStop, version: &str) -> Value {
    let stop = LastStop { at: whole_seconds(stop.at), ..stop.clone() };
    json!({"metadata": {
        "resourceVersion": version,
        "annotations": {
            STOPPED: stop.at.to_string(),
            LAST_STOP: serde_json::to_string(&stop).unwrap_or_default(),
            STOP_WHEN_DONE: null,
        },
    }})
}

/// The patch that starts a server which is at this version.
pub fn started_again(version: &str) -> Value {
    json!({"metadata": {"resourceVersion": version, "annotations": {STOPPED: null}}})
}

/// The last stop that is noted on a server. Anybody may write there; what can't be read is none.
pub(super) fn last_stop(annotations: &BTreeMap<String, String>) -> Option<LastStop> {
    serde_json::from_str(annotations.get(LAST_STOP)?).ok()
}

/// The stop that holds, if Carrel stopped the server: who stops it again writes another time.
pub fn stopped_by_carrel(annotations: &BTreeMap<String, String>) -> Option<LastStop> {
    let since = annotations.get(STOPPED)?;
    last_stop(annotations).filter(|stop| stop.at.to_string() == *since)
}

/// How a server is stopped, if it is.
pub(super) fn stopped_as(annotations: &BTreeMap<String, String>) -> Option<StoppedAs> {
    let since: Option<Timestamp> = annotations.get(STOPPED)?.parse().ok();
    let by_schedule = stopped_by_carrel(annotations).is_some_and(|stop| stop.cause == StopCause::Schedule);
    Some(StoppedAs { by_schedule, since })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_read_as_it_was_written_until_somebody_else_stops() {
        let at: Timestamp = "2026-01-02T10:00:00.7Z".parse().unwrap();
        let (by, message) = ("nights".to_owned(), "the hours ended".to_owned());
        let stop = LastStop { at, cause: StopCause::Schedule, by, message, evidence: Vec::new() };
        let patch = stopped(&stop, "7");
        let mut annotations = BTreeMap::from([(STOP_WHEN_DONE.to_owned(), "true".to_owned())]);
        for (key, value) in patch["metadata"]["annotations"].as_object().unwrap() {
            match value.as_str() {
                Some(value) => drop(annotations.insert(key.clone(), value.to_owned())),
                None => drop(annotations.remove(key)),
            }
        }
        let whole = LastStop { at: "2026-01-02T10:00:00Z".parse().unwrap(), ..stop };
        assert_eq!(stopped_by_carrel(&annotations), Some(whole.clone()));
        assert_eq!(stopped_as(&annotations), Some(StoppedAs { by_schedule: true, since: Some(whole.at) }));
        assert!(!annotations.contains_key(STOP_WHEN_DONE));
        annotations.insert(STOPPED.to_owned(), "odh-notebook-controller-lock".to_owned());
        assert_eq!(stopped_by_carrel(&annotations), None);
        assert_eq!(stopped_as(&annotations), Some(StoppedAs { by_schedule: false, since: None }));
        annotations.remove(STOPPED);
        assert_eq!(stopped_as(&annotations), None);
        assert_eq!(last_stop(&annotations), Some(whole));
    }
}
