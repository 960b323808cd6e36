//! Rules other than that of idleness, and where rules come from.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_api::activity::StopCause;
use carrel_api::notebook::Notebook;
use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_api::vocabulary::{START_WITH_WINDOW, STOPPED};
use carrel_api::whole_seconds;
use carrel_tests::{ASKING, Controllers, Desk, PATIENCE, Policy, Says, StandIn, within};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{has, has_no, running, stops};
use crate::companions::Volumes;
use crate::events::said;

/// Hours that begin so long after now, for an hour.
fn window(begins: SignedDuration) -> Value {
    let time = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%H:%M").to_string();
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let begin = Timestamp::now() + begins;
    json!({"days": days, "from": time(begin), "to": time(begin + SignedDuration::from_hours(1))})
}

fn schedule(begins: SignedDuration) -> Value {
    json!({"schedule": {"timeZone": "UTC", "windows": [window(begins)], "busyLimit": "1s", "warnBefore": "2s", "startBefore": "15m"}})
}

#[tokio::test]
async fn a_schedule_stops_at_the_end_of_its_hours_and_starts_before_the_next() -> Result<()> {
    // Nobody is asked: the schedule needs no answer.
    let desk = Desk::new().await?;
    // The hours go on for half a minute to one and a half: who starts after them may stay.
    let ends = -SignedDuration::from_hours(1) + SignedDuration::from_secs(90);
    let policy = Policy::set(&desk, schedule(ends)).await?;
    desk.running("day").await?;
    desk.annotate("day", START_WITH_WINDOW, Some("true")).await?;
    let stop = within(PATIENCE * 2, "the end of its hours", async || stops(&desk, "day").await).await?;
    assert_eq!((stop.cause, stop.by.as_str()), (StopCause::Schedule, policy.name.as_str()));
    let _policy = Policy::set(&desk, schedule(SignedDuration::from_mins(10))).await?;
    desk.reaches("day", "Running").await?;
    let notebook = desk.api::<Notebook>().get("day").await?;
    assert!(!notebook.annotations().contains_key(STOPPED));
    assert!(said(&desk, "day").await?.contains(&"StartedBySchedule".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_lifetime_ends_for_the_busy_too_where_it_is_hard() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let sections = json!({"lifetime": {"maxRunning": "4s", "hardLimit": "4s", "warnBefore": "3s"}});
    let _policy = Policy::set(&desk, sections).await?;
    let server = StandIn::new(Says::Busy).await?;
    let began = whole_seconds(Timestamp::now());
    running(&desk, "long", &server).await?;
    let (reason, _) = has(&desk, "long", "StopPending").await?;
    assert_eq!(reason, "HardLimit");
    let stop = stops(&desk, "long").await?;
    assert_eq!(stop.cause, StopCause::HardLimit);
    assert!(stop.at.duration_since(began) >= SignedDuration::from_secs(8), "{stop:?}");
    Ok(())
}

#[tokio::test]
async fn a_notebook_that_stays_stopped_is_deleted_without_its_volumes() -> Result<()> {
    let desk = Desk::new().await?;
    let claim = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: home},
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";
    desk.create(claim).await?;
    let pod = "{containers: [{name: a, image: i, volumeMounts: [{name: home, mountPath: /home/jovyan}]}],
        volumes: [{name: home, persistentVolumeClaim: {claimName: home}}]}";
    desk.notebook("old", pod).await?;
    desk.reaches("old", "Running").await?;
    let _policy = Policy::set(&desk, json!({"afterStop": {"deleteAfter": "5s"}})).await?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    desk.reaches("old", "Running").await?;
    let now = whole_seconds(Timestamp::now());
    desk.annotate("old", STOPPED, Some(&now.to_string())).await?;
    desk.is_gone::<Notebook>("old").await?;
    ensure!(Timestamp::now().duration_since(now) >= SignedDuration::from_secs(4));
    desk.api::<PersistentVolumeClaim>().get("home").await?;
    Ok(())
}

#[tokio::test]
async fn a_policy_holds_as_soon_as_it_is_there_and_no_longer() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let server = StandIn::new(Says::IdleSince(Timestamp::now())).await?;
    running(&desk, "free", &server).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let policy = Policy::set(&desk, json!({"idle": {"idleAfter": "1m", "warnBefore": "29s"}})).await?;
    has(&desk, "free", "StopPending").await?;
    policy.remove(&desk).await?;
    has_no(&desk, "free", "StopPending").await?;
    desk.reaches("free", "Running").await?;
    let _policy = Policy::set(&desk, json!({"idle": {"idleAfter": "5s"}})).await?;
    stops(&desk, "free").await?;
    Ok(())
}

#[tokio::test]
async fn kubeflows_settings_hold_where_no_policy_says_otherwise() -> Result<()> {
    let mut desk = Desk::without_controllers().await?;
    let kubeconfig = carrel_tests::given("CARREL_KUBECONFIG")?;
    let arguments = ["--namespace", &desk.namespace, "--leader-elect=false", "--probe=true", "--probe-via=pod"];
    let settings = [("ENABLE_CULLING", "true"), ("CULL_IDLE_TIME", "1"), ("IDLENESS_CHECK_PERIOD", "1")];
    let own = [&arguments[..], &["--probe-period=1s"]].concat();
    let controllers = Controllers::start_in(Path::new(&kubeconfig), &own, &settings)?;
    controllers.ready().await?;
    desk.controllers = Some(controllers);
    let server = StandIn::new(Says::IdleSince(Timestamp::now())).await?;
    running(&desk, "upstream", &server).await?;
    let stop = stops(&desk, "upstream").await?;
    assert_eq!((stop.cause, stop.by.as_str()), (StopCause::Idle, "Kubeflow's settings"));
    Ok(())
}

/// Companions that nobody asks are stopped by the schedule too.
#[tokio::test]
async fn companions_follow_the_same_rules() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let ends = -SignedDuration::from_hours(1) + SignedDuration::from_secs(90);
    let _policy = Policy::set(&desk, schedule(ends)).await?;
    let board = "{apiVersion: tensorboard.kubeflow.org/v1alpha1, kind: Tensorboard, metadata: {name: board}, spec: {logspath: 's3://logs'}}";
    desk.create(board).await?;
    let _volumes = Volumes::new(&desk, &[("data", "ReadWriteOnce")]).await?;
    let viewer = "{apiVersion: kubeflow.org/v1alpha1, kind: PVCViewer, metadata: {name: viewer}, spec: {pvc: data}}";
    desk.create(viewer).await?;
    let (boards, viewers) = (desk.api::<Tensorboard>(), desk.api::<PvcViewer>());
    // Its hours may go on for a minute.
    within(PATIENCE * 2, "the stop", async || {
        let viewer = viewers.get("viewer").await?;
        ensure!(viewer.annotations().contains_key(STOPPED), "{:?}", viewer.status);
        let board = boards.get("board").await?;
        ensure!(board.annotations().contains_key(STOPPED), "{:?}", board.status);
        let status = board.status.as_ref().and_then(|status| status.valid()).cloned().unwrap_or_default();
        let stopped = status.said.conditions.iter().find(|condition| condition.type_ == "Stopped");
        ensure!(stopped.is_some_and(|stopped| stopped.status == "True"), "{status:?}");
        Ok(())
    })
    .await
}
