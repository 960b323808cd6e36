//! Idle ones are announced and stopped, and nobody else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::activity::{Signal, StopCause, Verdict, Vote};
use carrel_api::vocabulary::STOPPED;
use carrel_api::whole_seconds;
use carrel_tests::{ASKING, Audit, Desk, Policy, Says, StandIn, eventually};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{has, has_no, is, running, stops};
use crate::events::said;

#[tokio::test]
async fn an_idle_server_is_announced_and_stopped_and_a_start_resets_the_clock() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let limit = SignedDuration::from_secs(16);
    let policy = Policy::set(&desk, json!({"idle": {"idleAfter": "16s", "warnBefore": "12s"}})).await?;
    let server = StandIn::new(Says::IdleSince("2020-01-01T00:00:00Z".parse()?)).await?;
    let began = whole_seconds(Timestamp::now());
    running(&desk, "idle", &server).await?;

    let (reason, message) = has(&desk, "idle", "StopPending").await?;
    assert_eq!(reason, "Idle");
    assert!(message.contains(&policy.name) && message.contains("16s"), "{message}");
    let stop = stops(&desk, "idle").await?;
    assert_eq!((stop.cause, stop.by.as_str()), (StopCause::Idle, policy.name.as_str()));
    assert!(stop.at.duration_since(began) >= limit, "{began} to {}", stop.at);
    let kernels = stop.evidence.iter().find(|evidence| evidence.signal == Signal::Kernels).context("no evidence")?;
    assert_eq!(kernels.vote, Vote::Idle);
    let status = has_no(&desk, "idle", "StopPending").await?;
    let stopped = status.condition("Stopped").context("no condition")?.message.clone().unwrap_or_default();
    assert!(stopped.contains(&policy.name), "{stopped}");
    eventually("one Event of the announcement", async || {
        let events = said(&desk, "idle").await?;
        ensure!(events.iter().filter(|event| *event == "StopPending").count() == 1, "{events:?}");
        Ok(())
    })
    .await?;

    // Whoever has nothing but the log reads it there.
    let log = desk.controllers.as_ref().context("no controllers")?.log();
    let line = |word: &str| log.lines().find(|line| line.contains(word)).map(str::to_owned).context(word.to_owned());
    let (announced, stopped) = (line("a stop is announced")?, line("stopped: ")?);
    for said in [format!("{}/idle", desk.namespace), policy.name.clone(), "Idle".to_owned()] {
        assert!(announced.contains(&said) && stopped.contains(&said), "{announced} {stopped}");
    }
    assert!(stopped.contains("Kernels") && stopped.contains(&kernels.value), "{stopped}");

    // The server still says that nobody used it for years; the start counts.
    // Kubernetes tells times in whole seconds.
    let again = whole_seconds(Timestamp::now());
    desk.annotate("idle", STOPPED, None).await?;
    desk.reaches("idle", "Running").await?;
    let second = stops(&desk, "idle").await?;
    assert!(second.at.duration_since(again) >= limit, "{again} to {}", second.at);
    let patches = Audit::given()?.effects(&desk.namespace)?;
    assert_eq!(patches.iter().filter(|write| *write == "patch notebooks idle").count(), 2, "{patches:?}");
    Ok(())
}

#[tokio::test]
async fn who_works_is_not_stopped_and_whoever_comes_back_in_time_is_not_either() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let _policy = Policy::set(&desk, json!({"idle": {"idleAfter": "10s", "warnBefore": "5s"}})).await?;
    let server = StandIn::new(Says::Busy).await?;
    running(&desk, "used", &server).await?;
    let status = is(&desk, "used", Verdict::Busy).await?;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let later = desk.status("used").await?;
    assert_eq!(later.life, status.life, "and nothing more is said of it");
    server.say(Says::IdleSince(Timestamp::now()));
    has(&desk, "used", "StopPending").await?;
    server.say(Says::Busy);
    has_no(&desk, "used", "StopPending").await?;
    is(&desk, "used", Verdict::Busy).await?;
    eventually("the Event", async || {
        let events = said(&desk, "used").await?;
        ensure!(events.contains(&"StopCancelled".to_owned()), "{events:?}");
        Ok(())
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(desk.status("used").await?.phase.map(|phase| format!("{phase:?}")).as_deref(), Some("Running"));
    Ok(())
}

#[tokio::test]
async fn a_server_of_which_nobody_can_tell_is_kept_and_that_is_said() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let sections = json!({"idle": {"idleAfter": "6s", "warnBefore": "3s", "unknown": "Warn", "unknownAfter": "3s"}});
    let _policy = Policy::set(&desk, sections).await?;
    let (refuses, hangs) = (StandIn::new(Says::Forbidden).await?, StandIn::new(Says::Nothing).await?);
    running(&desk, "refuses", &refuses).await?;
    running(&desk, "hangs", &hangs).await?;
    let (reason, message) = has(&desk, "refuses", "ActivityUnknown").await?;
    assert_eq!(reason, "NobodyCanTell");
    assert!(message.contains("403"), "{message}");
    has(&desk, "hangs", "ActivityUnknown").await?;
    for name in ["refuses", "hangs"] {
        is(&desk, name, Verdict::Unknown).await?;
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    for name in ["refuses", "hangs"] {
        let status = desk.reaches(name, "Running").await?;
        assert!(status.condition("StopPending").is_none(), "{status:?}");
        let events = said(&desk, name).await?;
        assert_eq!(events.iter().filter(|event| *event == "ActivityUnknown").count(), 1, "{events:?}");
    }
    // It answers after all, and says itself since when: no more than the warning is left.
    let now = whole_seconds(Timestamp::now());
    refuses.say(Says::IdleSince("2020-01-01T00:00:00Z".parse()?));
    let stop = stops(&desk, "refuses").await?;
    assert!(stop.at.duration_since(now) >= SignedDuration::from_secs(3), "{now} to {}", stop.at);
    Ok(())
}

#[tokio::test]
async fn asking_writes_nothing() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let _policy = Policy::set(&desk, json!({"idle": {"idleAfter": "1h"}})).await?;
    let (busy, idle) = (StandIn::new(Says::Busy).await?, StandIn::new(Says::IdleSince(Timestamp::now())).await?);
    running(&desk, "busy", &busy).await?;
    running(&desk, "idle", &idle).await?;
    is(&desk, "busy", Verdict::Busy).await?;
    desk.rests(Duration::from_secs(3)).await?;
    let before = (busy.asked(), idle.asked());
    desk.rests(Duration::from_secs(6)).await?;
    assert!(busy.asked() >= before.0 + 4 && idle.asked() >= before.1 + 4, "{before:?}");
    let kernels = format!("/notebook/{}/busy/api/kernels", desk.namespace);
    assert!(busy.paths().contains(&kernels), "{:?}", busy.paths());
    assert!(busy.paths().iter().all(|path| path.contains("/api/")), "how to ask was found out: {:?}", busy.paths());
    Ok(())
}

#[tokio::test]
async fn a_restart_in_the_middle_neither_doubles_nor_hastens_a_stop() -> Result<()> {
    let mut desk = Desk::with(ASKING).await?;
    let _policy = Policy::set(&desk, json!({"idle": {"idleAfter": "24s", "warnBefore": "12s"}})).await?;
    let server = StandIn::new(Says::IdleSince(Timestamp::now())).await?;
    running(&desk, "parked", &server).await?;
    has(&desk, "parked", "StopPending").await?;
    let pending = desk.status("parked").await?.life.activity.and_then(|activity| activity.pending);
    let pending = pending.context("no stop is pending")?;
    desk.restart_with(ASKING).await?;
    let stop = stops(&desk, "parked").await?;
    assert!(stop.at >= whole_seconds(pending.at), "{stop:?} {pending:?}");
    let events = said(&desk, "parked").await?;
    assert_eq!(events.iter().filter(|event| *event == "StopPending").count(), 1, "{events:?}");
    let patches = Audit::given()?.effects(&desk.namespace)?;
    assert_eq!(patches.iter().filter(|write| *write == "patch notebooks parked").count(), 1, "{patches:?}");
    Ok(())
}
