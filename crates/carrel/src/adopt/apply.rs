//! `carrel adopt --apply`: goes along with the takeover that Carrel's controllers make, and holds it against what was before.

use std::time::Duration;

use carrel_notebook::observe::pod_name;
use carrel_runtime::Key;
use jiff::Timestamp;
use kube::Client;
use tokio::time::{Instant, sleep};

use super::chosen::Chosen;
use super::pods::{Pods, changes, note, replaced};
use super::progress::progress;
use super::read::{Found, read};
use super::rows::{PodFate, Row, rows};
use super::{AdoptArgs, AdoptError};
use crate::doctor::finding::{Finding, Level};
use crate::doctor::{leader, read as controllers};

/// Between two looks, at least.
const PERIOD: Duration = Duration::from_secs(2);
/// Between two looks, in times of what a look takes: each reads all objects, and others ask the API server too.
const REST: u32 = 5;
/// After the last child is Carrel's: long enough for a pod that would be ended by it to be seen ending.
const SETTLE: Duration = Duration::from_secs(5);

/// How it ended.
pub(super) struct Outcome {
    /// The children as they are then.
    pub(super) rows: Vec<Row>,
    /// What did not go as it should, a sentence each.
    pub(super) problems: Vec<String>,
}

/// Waits until all children are Carrel's that are to be, and holds the pods against those before.
pub(super) async fn accompany(client: &Client, args: &AdoptArgs, chosen: &Chosen) -> Result<Outcome, AdoptError> {
    let end = Instant::now() + args.timeout.duration().try_into().unwrap_or(Duration::ZERO);
    let namespace = args.namespace.as_deref();
    let found = read(client, namespace).await?;
    let before = expected(note(&found), &rows(&found, chosen));
    say(&format!("noted the pods of {} Notebooks that go on", before.notebooks.len()));
    let late = wait(client, args, chosen, found, end).await?;
    sleep(SETTLE).await;
    let found = read(client, namespace).await?;
    let (rows, after) = (rows(&found, chosen), note(&found));
    let changed = changes(&before, &after);
    if changed.is_empty() {
        let (same, replaced) = (before.notebooks.len(), replaced(&before, &after));
        say(&format!(
            "the pods of all {same} Notebooks are the same, and none restarted; replaced ones of Tensorboards and PVCViewers: {replaced}"
        ));
    }
    let late = late.into_iter().map(|child| format!("{child}: Carrel has not written it yet"));
    let problems = late.chain(progress(&rows, &found).left).chain(changed).collect();
    Ok(Outcome { rows, problems })
}

/// Waits until nothing is due any more. What still is at the end of the time.
async fn wait(
    client: &Client,
    args: &AdoptArgs,
    chosen: &Chosen,
    mut found: Found,
    end: Instant,
) -> Result<Vec<String>, AdoptError> {
    let mut last = String::new();
    let mut rest = PERIOD;
    loop {
        let leader = leads(client, args).await;
        let now = progress(&rows(&found, chosen), &found);
        let words = match &leader {
            Err(finding) => format!("waiting for Carrel's controllers: {}", finding.saw),
            Ok(()) => format!("{} children are Carrel's, {} are due", now.done, now.due.len()),
        };
        if words != last {
            say(&words);
            last = words;
        }
        match leader {
            Ok(()) if now.due.is_empty() || Instant::now() >= end => return Ok(now.due),
            Err(Finding { saw, mend, .. }) if Instant::now() >= end => {
                return Err(AdoptError::NoLeader { saw, mend: mend.unwrap_or_default() });
            }
            _ => sleep(rest).await,
        }
        let began = Instant::now();
        found = read(client, args.namespace.as_deref()).await?;
        rest = PERIOD.max(began.elapsed() * REST);
    }
}

/// Without the pods that restart as their owners asked before.
fn expected(mut pods: Pods, rows: &[Row]) -> Pods {
    for row in rows.iter().filter(|row| matches!(row.pod, Some(PodFate::Restarts(_)))) {
        pods.notebooks.remove(&Key::new(&row.namespace, pod_name(&row.child.name)));
    }
    pods
}

async fn leads(client: &Client, args: &AdoptArgs) -> Result<(), Finding> {
    let lease = controllers::lease(client, &args.carrel_namespace, &args.lease_name).await;
    let finding = leader::finding(&lease, &args.carrel_namespace, Timestamp::now());
    if finding.level == Level::Ok { Ok(()) } else { Err(finding) }
}

/// Beside what is printed, so that what reads that has nothing else in it.
fn say(words: &str) {
    eprintln!("{words}");
}
