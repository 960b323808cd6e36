//! `carrel adopt --apply`: goes along with the takeover that Carrel's controllers make, and holds it against what was before.

use std::time::Duration;

use carrel_notebook::observe::pod_name;
use carrel_runtime::Key;
use jiff::Timestamp;
use kube::Client;
use tokio::time::{Instant, sleep, sleep_until};

use super::chosen::Chosen;
use super::pods::{Changes, Pods, changes, note, replaced};
use super::progress::progress;
use super::read::{Found, read};
use super::rows::{PodFate, Row, rows};
use super::{AdoptArgs, AdoptError, unread};
use crate::doctor::finding::{Finding, Level};
use crate::doctor::leader;
use crate::doctor::read::controllers;
use crate::pages::ReadError;
use crate::printed::say;

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

/// What one look saw.
struct Looked {
    found: Found,
    /// How the controllers are set: they may be installed only now.
    chosen: Chosen,
    /// Why none of them leads, if so.
    leader: Result<(), Finding>,
    /// What reading the objects took.
    took: Duration,
}

impl Looked {
    /// With settings that can't be read as they were `before`.
    async fn at(client: &Client, args: &AdoptArgs, before: Option<&Chosen>) -> Result<Self, ReadError> {
        let namespace = &args.carrel_namespace;
        let controllers = controllers(client, namespace, &args.lease_name).await;
        let settings = controllers.settings();
        let finding = leader::finding(&controllers.work, &settings, namespace, Timestamp::now());
        let chosen = match (before, controllers.unread()) {
            (Some(before), Some(_)) => before.clone(),
            _ => Chosen::of(&settings),
        };
        if let (None, Some(words)) = (before, unread(&controllers)) {
            say(&words);
        }
        let began = Instant::now();
        let found = read(client, args.namespace.as_deref(), &chosen).await?;
        let leader = if finding.level == Level::Ok { Ok(()) } else { Err(finding) };
        Ok(Self { found, chosen, leader, took: began.elapsed() })
    }

    /// Looks until it succeeds: an API server that is away for a moment must not cost what was noted.
    async fn again(&self, client: &Client, args: &AdoptArgs, end: Instant) -> Result<Self, ReadError> {
        loop {
            match Self::at(client, args, Some(&self.chosen)).await {
                Err(failed @ ReadError::Failed { .. }) if Instant::now() < end => {
                    say(&format!("{failed}; trying again"));
                    sleep(PERIOD).await;
                }
                looked => return looked,
            }
        }
    }

    fn rows(&self) -> Vec<Row> {
        rows(&self.found, &self.chosen)
    }
}

/// Waits until all children are Carrel's that are to be, and holds the pods against those before.
pub(super) async fn accompany(client: &Client, args: &AdoptArgs) -> Result<Outcome, AdoptError> {
    let end = Instant::now() + args.timeout.duration().try_into().unwrap_or(Duration::ZERO);
    let looked = Looked::at(client, args, None).await?;
    let before = expected(note(&looked.found), &looked.rows());
    say(&format!("noted {} pods of Notebooks that go on", before.notebooks.len()));
    let (late, looked) = wait(client, args, looked, end).await?;
    sleep(SETTLE).await;
    let looked = looked.again(client, args, end + SETTLE).await?;
    let (rows, after) = (looked.rows(), note(&looked.found));
    let Changes { of_the_takeover, of_their_owners } = changes(&before, &after);
    if !of_their_owners.is_empty() {
        let told = of_their_owners.join(", ");
        say(&format!(
            "not compared, as their Notebooks were stopped, edited, restarted or deleted meanwhile: the pods {told}"
        ));
    }
    if of_the_takeover.is_empty() {
        let (same, replaced) = (before.notebooks.len() - of_their_owners.len(), replaced(&before, &after));
        say(&format!(
            "all {same} pods of Notebooks are the same, and none restarted; replaced ones of Tensorboards and PVCViewers: {replaced}"
        ));
    }
    let late = late.into_iter().map(|child| format!("{child}: Carrel has not written it yet"));
    let problems = late.chain(progress(&rows, &looked.found).left).chain(of_the_takeover).collect();
    Ok(Outcome { rows, problems })
}

/// Waits until nothing is due any more. What still is at the end of the time.
async fn wait(
    client: &Client,
    args: &AdoptArgs,
    mut looked: Looked,
    end: Instant,
) -> Result<(Vec<String>, Looked), AdoptError> {
    let mut last = String::new();
    loop {
        let now = progress(&looked.rows(), &looked.found);
        let words = match &looked.leader {
            Err(finding) => format!("waiting for Carrel's controllers: {}", finding.saw),
            Ok(()) => format!("{} children are Carrel's, {} are due", now.done, now.due.len()),
        };
        if words != last {
            say(&words);
            last = words;
        }
        match &looked.leader {
            Ok(()) if now.due.is_empty() || Instant::now() >= end => return Ok((now.due, looked)),
            Err(Finding { saw, mend, .. }) if Instant::now() >= end => {
                return Err(AdoptError::NoLeader { saw: saw.clone(), mend: mend.clone().unwrap_or_default() });
            }
            _ => sleep_until(end.min(Instant::now() + PERIOD.max(looked.took * REST))).await,
        }
        looked = looked.again(client, args, end).await?;
    }
}

/// Without the pods that are on their way out, and those that restart as their owners asked before.
fn expected(mut pods: Pods, rows: &[Row]) -> Pods {
    pods.notebooks.retain(|_, pod| !pod.ends);
    for row in rows.iter().filter(|row| matches!(row.pod, Some(PodFate::Restarts(_)))) {
        pods.notebooks.remove(&Key::new(&row.namespace, pod_name(&row.child.name)));
    }
    pods
}
