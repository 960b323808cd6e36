//! What the owner of a server asks for, and gets or does not.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_api::activity::StopCause;
use carrel_api::vocabulary::{ACTIVITY, IDLE_AFTER, KEEP_ALIVE, STOP_WHEN_DONE};
use carrel_api::whole_seconds;
use carrel_tests::{ASKING, Desk, Policy, Says, StandIn, eventually};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use serde_json::json;

use super::{has, has_no, running, stops};

#[tokio::test]
async fn a_snooze_holds_until_it_ends() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let sections = json!({"idle": {"idleAfter": "10s", "warnBefore": "5s"}, "keepAlive": {"max": "1h"}});
    let _policy = Policy::set(&desk, sections).await?;
    let server = StandIn::new(Says::IdleSince(Timestamp::now())).await?;
    running(&desk, "kept", &server).await?;
    has(&desk, "kept", "StopPending").await?;
    let until = whole_seconds(Timestamp::now() + SignedDuration::from_secs(12));
    desk.annotate("kept", KEEP_ALIVE, Some(&until.to_string())).await?;
    has_no(&desk, "kept", "StopPending").await?;
    let status = eventually("the snooze", async || {
        let status = desk.status("kept").await?;
        ensure!(status.life.activity.as_ref().is_some_and(|activity| activity.kept.is_some()), "{status:?}");
        Ok(status)
    })
    .await?;
    assert!(status.condition("WishRefused").is_none(), "{status:?}");
    let stop = stops(&desk, "kept").await?;
    assert!(stop.at >= until, "{} before {until}", stop.at);
    Ok(())
}

#[tokio::test]
async fn a_limit_outside_the_band_is_refused_with_the_band_and_one_inside_holds() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let sections = json!({"idle": {"idleAfter": "1h", "warnBefore": "3s", "userLimits": {"min": "5s", "max": "2h"}}});
    let _policy = Policy::set(&desk, sections).await?;
    let server = StandIn::new(Says::IdleSince(Timestamp::now())).await?;
    running(&desk, "own", &server).await?;
    desk.annotate("own", IDLE_AFTER, Some("3d")).await?;
    let (reason, message) = has(&desk, "own", "WishRefused").await?;
    assert_eq!(reason, "NotGranted");
    assert!(message.contains("3d is not from 5s to 2h"), "{message}");
    desk.change("own", json!({"metadata": {"annotations": {IDLE_AFTER: "1h", ACTIVITY: "vscode"}}})).await?;
    eventually("the next refusal", async || {
        let (_, message) = has(&desk, "own", "WishRefused").await?;
        ensure!(message.contains("\"vscode\" must be jupyter"), "{message}");
        Ok(())
    })
    .await?;
    desk.change("own", json!({"metadata": {"annotations": {IDLE_AFTER: "6s", ACTIVITY: "jupyter"}}})).await?;
    has_no(&desk, "own", "WishRefused").await?;
    let stop = stops(&desk, "own").await?;
    assert!(stop.message.contains("6s is the limit"), "{stop:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_done_is_stopped_if_its_owner_asks() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let _policy = Policy::set(&desk, json!({"idle": {"idleAfter": "1h"}})).await?;
    let server = StandIn::new(Says::Busy).await?;
    running(&desk, "night", &server).await?;
    desk.annotate("night", STOP_WHEN_DONE, Some("true")).await?;
    super::is(&desk, "night", carrel_api::activity::Verdict::Busy).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let done = Timestamp::now();
    server.say(Says::IdleSince(done));
    let (reason, _) = has(&desk, "night", "StopPending").await?;
    assert_eq!(reason, "Done");
    let stop = stops(&desk, "night").await?;
    assert_eq!((stop.cause, stop.by.as_str()), (StopCause::Done, "its owner"));
    let notebook = desk.api::<carrel_api::notebook::Notebook>().get("night").await?;
    assert!(!notebook.annotations().contains_key(STOP_WHEN_DONE), "the wish is fulfilled");
    Ok(())
}
