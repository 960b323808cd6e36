//! The screen: what was read, in the order in which it is asked for.

use std::fmt::Write;

use carrel_api::activity::{LastLoss, LastStop, Life};
use carrel_api::server::{Condition, READY};
use carrel_api::vocabulary::STOPPED;
use carrel_api::volume_request::UsedBy;
use carrel_server::life::stopped_by_carrel;
use jiff::Timestamp;
use kube::ResourceExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::read::Found;
use super::{conditions, events, pods};
use crate::age::short;
use crate::heard::{evidence, heard};
use crate::kind::Kind;
use crate::status::{self, life};

/// Pods, and claims, that are told at most.
const MANY: usize = 5;

/// The whole of it.
pub(super) fn screen(found: &Found, now: Timestamp) -> String {
    let Found { target, namespace, object, .. } = found;
    let status = object.data.get("status").cloned().unwrap_or_default();
    let conditions = status::conditions(object);
    let life = life(object);
    let mut parts = vec![
        format!("{target} in the namespace {namespace}\n") + &behind(found, &status),
        conditions::state(target.kind, &conditions, now),
    ];
    parts.extend(conditions::others(target.kind, &conditions, now));
    parts.push(stopped(found, &life, &conditions, now));
    parts.push(activity(&life, now));
    parts.push(lost(&status, now));
    parts.push(children(found, &status, now));
    let since = object.creation_timestamp().map(|time| time.0);
    parts.push(events::told(&found.events, since, now));
    parts.push(found.unread.iter().fold(String::new(), |text, what| text + "Not told: " + what + "\n"));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// Whether the status speaks of what its owner asks now, and whether it stays.
fn behind(found: &Found, status: &Value) -> String {
    let mut text = String::new();
    let observed = status.get("observedGeneration").and_then(Value::as_i64);
    if observed.is_some() && observed < found.object.metadata.generation {
        text.push_str("Its last change is not seen yet: what follows is older.\n");
    }
    if let Some(since) = &found.object.metadata.deletion_timestamp {
        let _ = writeln!(text, "It is being deleted, since {:.0}.", since.0);
    }
    text
}

/// A part of a status, where it can be read.
fn part<T: DeserializeOwned>(status: &Value, key: &str) -> Option<T> {
    serde_json::from_value(status.get(key)?.clone()).ok()
}

/// By whom and why it is stopped, and how it starts; or when Carrel stopped it last.
fn stopped(found: &Found, life: &Life, conditions: &[Condition], now: Timestamp) -> String {
    let object = &found.object;
    let Some(value) = object.annotations().get(STOPPED).filter(|_| found.target.kind != Kind::VolumeRequest) else {
        let last = life.last_stop.as_ref();
        return last.map(|stop| by("Last stopped", stop, &stop.message, now)).unwrap_or_default();
    };
    let mut text = match stopped_by_carrel(object.annotations()) {
        Some(stop) => {
            let ready = conditions.iter().find(|one| one.type_ == READY).and_then(|one| one.message.as_ref());
            let is_said = ready.is_some_and(|message| message.contains(&stop.message));
            by("Stopped", &stop, if is_said { "" } else { &stop.message }, now)
        }
        None if value.is_empty() => format!("Stopped by the annotation {STOPPED}, not by Carrel.\n"),
        None => format!("Stopped by the annotation {STOPPED} ({value}), not by Carrel.\n"),
    };
    let kind = found.target.kind.as_str().to_lowercase();
    let _ =
        writeln!(text, "To start it: kubectl annotate {kind} {} -n {} {STOPPED}-", found.target.name, found.namespace);
    text
}

/// A stop by Carrel, with its evidence.
fn by(word: &str, stop: &LastStop, message: &str, now: Timestamp) -> String {
    let age = short(now.duration_since(stop.at));
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    format!("{word} at {:.0} ({age} ago) by {} ({}){message}\n", stop.at, stop.by, stop.cause.as_str())
        + &evidence(&stop.evidence)
}

fn activity(life: &Life, now: Timestamp) -> String {
    life.activity.as_ref().map(|activity| heard(activity, now)).unwrap_or_default()
}

fn lost(status: &Value, now: Timestamp) -> String {
    let Some(loss) = part::<LastLoss>(status, "lastLoss") else { return String::new() };
    let age = short(now.duration_since(loss.at));
    format!("Last lost at {:.0} ({age} ago), {}: {}\n", loss.at, loss.reason, loss.message)
}

/// Its pods and claims, or who mounts the volume.
fn children(found: &Found, status: &Value, now: Timestamp) -> String {
    let mut text: String = found.pods.iter().take(MANY).map(|pod| pods::pod(pod, now)).collect();
    if found.pods.is_empty() && found.target.kind != Kind::VolumeRequest {
        text.push_str("No pod.\n");
    }
    text.extend(found.claims.iter().take(MANY).map(pods::claim));
    if found.claims.len() > MANY {
        let _ = writeln!(text, "({} more claims are not shown)", found.claims.len() - MANY);
    }
    for user in part::<Vec<UsedBy>>(status, "usedBy").unwrap_or_default().iter().take(MANY) {
        let node = user.node.as_ref().map(|node| format!(" on the node {node}")).unwrap_or_default();
        let _ = writeln!(text, "Mounted by the {} {} (pod {}{node})", user.kind, user.name, user.pod);
    }
    text
}

#[cfg(test)]
mod tests;
