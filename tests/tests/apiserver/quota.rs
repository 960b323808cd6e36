//! Starts where a quota or a LimitRange bounds the namespace: judged before they happen, and in the order of asking.

use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_tests::{Audit, Controllers, Desk, eventually};
use k8s_openapi::api::core::v1::{Event, LimitRange, Pod, ResourceQuota};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

const STOP: &str = "kubeflow-resource-stopped";

fn asks(cpu: &str) -> String {
    format!("{{containers: [{{name: a, image: i, resources: {{requests: {{cpu: {cpu}}}}}}}]}}")
}

/// The quota `team`, once the API server judges by it.
async fn quota(desk: &Desk, cpu: &str) -> Result<()> {
    let spec = json!({"hard": {"requests.cpu": cpu}});
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": spec});
    desk.create(&quota.to_string()).await?;
    eventually("a quota with a status", async || {
        let status = desk.api::<ResourceQuota>().get("team").await?.status.unwrap_or_default();
        ensure!(status.hard.is_some_and(|hard| !hard.is_empty()), "none yet");
        Ok(())
    })
    .await
}

async fn set_hard(desk: &Desk, cpu: &str) -> Result<()> {
    let patch = Patch::Merge(json!({"spec": {"hard": {"requests.cpu": cpu}}}));
    desk.api::<ResourceQuota>().patch("team", &PatchParams::default(), &patch).await?;
    Ok(())
}

async fn replicas(desk: &Desk, name: &str) -> Result<Option<i32>> {
    Ok(desk.stateful_set(name).await?.spec.replicas)
}

/// How often Carrel asked whether a pod would be made. It never makes one.
async fn judgements(desk: &Desk) -> Result<usize> {
    Audit::settle().await;
    let requests = Audit::given()?.of(&desk.namespace)?;
    let creates: Vec<_> =
        requests.iter().filter(|one| one.verb == "create" && one.object_ref.resource == "pods").collect();
    ensure!(creates.iter().all(|request| request.uri.contains("dryRun=All")), "{creates:?}");
    Ok(creates.len())
}

#[tokio::test]
async fn what_does_not_fit_is_not_started_and_who_holds_the_rest_is_named() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, "1").await?;
    desk.notebook("first", &asks("600m")).await?;
    desk.reaches("first", "Running").await?;
    desk.notebook("second", &asks("500m")).await?;
    let status = desk.reaches("second", "QuotaExceeded").await?;
    let said = status.condition("Ready").unwrap().message.clone().unwrap();
    let expected = "the quota team has no room (requests.cpu: 500m asked, 600m of 1 used by first (600m)); ask for less, or stop what uses it";
    assert_eq!(said, expected);
    assert_eq!(replicas(&desk, "second").await?, Some(0));
    let asked = judgements(&desk).await?;
    ensure!((2..=4).contains(&asked), "one for each start, and one more where counts disagree: {asked}");
    desk.rests(Duration::from_secs(3)).await?;
    let of_set = ListParams::default().fields("involvedObject.kind=StatefulSet,reason=FailedCreate");
    ensure!(desk.api::<Event>().list(&of_set).await?.items.is_empty(), "nobody tried to make the pod");

    desk.annotate("first", STOP, Some("")).await?;
    desk.reaches("second", "Running").await?;
    let again = judgements(&desk).await? - asked;
    ensure!((1..=3).contains(&again), "{again}");
    Ok(())
}

#[tokio::test]
async fn who_asked_first_starts_first_also_after_a_restart_of_carrel() -> Result<()> {
    let mut desk = Desk::new().await?;
    quota(&desk, "1").await?;
    desk.notebook("holder", &asks("1")).await?;
    desk.reaches("holder", "Running").await?;
    // Made first and started last: its place is that of its start.
    let stopped = format!(
        "{{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {{name: a-late, annotations: {{{STOP}: ''}}}}, spec: {{template: {{spec: {}}}}}}}",
        asks("1")
    );
    desk.create(&stopped).await?;
    desk.reaches("a-late", "StoppedByOwner").await?;
    for name in ["z-first", "m-second"] {
        desk.notebook(name, &asks("1")).await?;
        desk.reaches(name, "QuotaExceeded").await?;
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    desk.annotate("a-late", STOP, None).await?;
    desk.reaches("a-late", "QuotaExceeded").await?;

    desk.controllers.take().unwrap().stop().await?;
    desk.annotate("holder", STOP, Some("")).await?;
    desk.api::<Pod>().delete("holder-0", &DeleteParams::default().grace_period(0)).await?;
    desk.controllers = Some(Controllers::of(&desk.namespace)?);
    for (runs, next) in [("z-first", "m-second"), ("m-second", "a-late")] {
        desk.reaches(runs, "Running").await?;
        desk.reaches(next, "QuotaExceeded").await?;
        desk.annotate(runs, STOP, Some("")).await?;
    }
    desk.reaches("a-late", "Running").await?;
    Ok(())
}

/// One that can never fit does not keep others from what is free.
#[tokio::test]
async fn a_start_that_does_not_fit_holds_up_nobody() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, "1").await?;
    desk.notebook("huge", &asks("64")).await?;
    desk.reaches("huge", "QuotaExceeded").await?;
    desk.notebook("small", &asks("1")).await?;
    desk.reaches("small", "Running").await?;
    Ok(())
}

/// Many at once, with room for some. Now and then the quota's own count runs behind, and a start is let through that its
/// StatefulSet's controller can't carry out: that is one more judgement, and no more pods.
#[tokio::test]
async fn many_at_once_fill_the_quota_and_no_more() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, "4").await?;
    for at in 0..8 {
        desk.notebook(&format!("n{at}"), &asks("1")).await?;
    }
    let reason = async |at: usize| Ok::<_, anyhow::Error>(desk.status(&format!("n{at}")).await?.reason);
    eventually("four that run and four that wait", async || {
        let (mut run, mut wait) = (0, 0);
        for at in 0..8 {
            match reason(at).await? {
                None => run += 1,
                Some(carrel_api::notebook::Reason::QuotaExceeded) => wait += 1,
                Some(_) => {}
            }
        }
        ensure!((run, wait) == (4, 4), "{run} run, {wait} wait");
        Ok(())
    })
    .await?;
    assert_eq!(desk.api::<Pod>().list(&ListParams::default()).await?.items.len(), 4);
    let asked = judgements(&desk).await?;
    ensure!((8..=16).contains(&asked), "{asked} judgements of 8 starts");
    Ok(())
}

/// Somebody else takes the last room after a start was let through.
#[tokio::test]
async fn a_lost_race_for_the_last_room_waits_as_any_other() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, "1").await?;
    desk.notebook("racer", &asks("600m")).await?;
    desk.reaches("racer", "Running").await?;
    set_hard(&desk, "100m").await?;
    eventually("a smaller quota", async || {
        let status = desk.api::<ResourceQuota>().get("team").await?.status.unwrap_or_default();
        ensure!(status.hard.unwrap_or_default().get("requests.cpu").is_some_and(|cpu| cpu.0 == "100m"));
        Ok(())
    })
    .await?;
    assert_eq!(replicas(&desk, "racer").await?, Some(1), "a quota ends no pod that runs");
    desk.api::<Pod>().delete("racer-0", &DeleteParams::default()).await?;
    let status = desk.reaches("racer", "QuotaExceeded").await?;
    ensure!(status.condition("Ready").unwrap().message.as_deref().unwrap().contains("600m asked"), "{status:?}");
    eventually("replicas 0", async || {
        ensure!(replicas(&desk, "racer").await? == Some(0));
        Ok(())
    })
    .await?;
    set_hard(&desk, "1").await?;
    desk.reaches("racer", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn a_limit_range_that_is_lifted_lets_the_start_happen() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create("{apiVersion: v1, kind: LimitRange, metadata: {name: small}, spec: {limits: [{type: Container, max: {cpu: '1'}}]}}").await?;
    desk.notebook("large", "{containers: [{name: a, image: i, resources: {limits: {cpu: '2'}}}]}").await?;
    desk.reaches("large", "LimitRange").await?;
    assert_eq!(replicas(&desk, "large").await?, Some(0));
    desk.api::<LimitRange>().delete("small", &DeleteParams::default()).await?;
    desk.reaches("large", "Running").await?;
    Ok(())
}

/// What is refused for another cause is left to the StatefulSet's controller, which tries again.
#[tokio::test]
async fn only_a_want_of_room_holds_a_start() -> Result<()> {
    let desk = Desk::new().await?;
    quota(&desk, "4").await?;
    let spec = "{serviceAccountName: missing, containers: [{name: a, image: i, resources: {requests: {cpu: 1}}}]}";
    desk.notebook("lonely", spec).await?;
    desk.reaches("lonely", "PodRejected").await?;
    assert_eq!(replicas(&desk, "lonely").await?, Some(1));
    // It holds up nobody for long.
    desk.notebook("other", &asks("1")).await?;
    desk.reaches("other", "Running").await?;
    Ok(())
}
