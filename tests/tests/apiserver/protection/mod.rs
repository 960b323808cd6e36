//! A busy server is kept from drains and autoscalers; an idle one is not, and gives way.

mod stage;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_tests::{ASKING, Desk, Says, StandIn, eventually, kubectl};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{Api, DeleteParams, EvictParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use serde_json::json;

use stage::{Stage, free, idle, kept, notebook, pod};

const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";

/// That a server is idle is said after a quarter of its limit, and it is stopped long after that.
fn policy() -> serde_json::Value {
    json!({"idle": {"idleAfter": "100s"}})
}

/// The code that the Eviction API answers with. kube's clients try a 429 again, for minutes, unless told otherwise.
async fn evict(desk: &Desk, name: &str) -> Result<u16> {
    let kubeconfig = Kubeconfig::read_from(carrel_tests::kubeconfig()?)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    let pods = Api::<Pod>::namespaced(Client::try_from(config)?, &desk.namespace);
    match pods.evict(&format!("{name}-0"), &EvictParams::default()).await {
        Ok(_) => Ok(201),
        Err(kube::Error::Api(status)) => Ok(status.code),
        Err(error) => Err(error.into()),
    }
}

/// What is said of a pod that is evicted, which is granted. Held while it ends: a fake node has it gone before anybody sees why.
async fn lost(desk: &Desk, name: &str) -> Result<String> {
    let (pods, pod) = (desk.api::<Pod>(), format!("{name}-0"));
    let hold = Patch::Merge(json!({"metadata": {"finalizers": ["example.org/hold"]}}));
    pods.patch(&pod, &PatchParams::default(), &hold).await?;
    assert_eq!(evict(desk, name).await?, 201);
    let status = desk.reaches(name, "Evicted").await?;
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    pods.patch(&pod, &PatchParams::default(), &release).await?;
    Ok(status.last_loss.context("no loss")?.message)
}

#[tokio::test]
async fn a_busy_pod_is_not_evicted_and_an_idle_one_is() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let _stage = Stage::set(&desk, 1, policy()).await?;
    let jupyter = StandIn::new(Says::Busy).await?;
    notebook(&jupyter, &desk, "trains", json!({DO_NOT_DISRUPT: "30m"})).await?;
    let uid = desk.pod_uid("trains").await?;
    let budget = kept(&desk, "trains").await?;
    assert_eq!(budget.metadata.owner_references.as_ref().unwrap()[0].uid, uid);
    assert_eq!(evict(&desk, "trains").await?, 429);
    let live = pod(&desk, "trains").await?;
    assert_eq!((live.uid().unwrap(), &live.annotations()[SAFE_TO_EVICT]), (uid.clone(), &"false".to_owned()));
    assert_eq!(live.annotations()[DO_NOT_DISRUPT], "30m", "its owner's own word");
    desk.rests(Duration::from_secs(3)).await?;

    // What somebody takes away or changes is put right.
    let budgets = desk.api::<PodDisruptionBudget>();
    budgets.delete("trains-0", &DeleteParams::default()).await?;
    eventually("another budget", async || {
        ensure!(budgets.get("trains-0").await?.uid() != budget.uid());
        Ok(())
    })
    .await?;
    let weak = Patch::Merge(json!({"spec": {"minAvailable": 0}}));
    budgets.patch("trains-0", &PatchParams::default(), &weak).await?;
    let without = Patch::Merge(json!({"metadata": {"annotations": {SAFE_TO_EVICT: null}}}));
    desk.api::<Pod>().patch("trains-0", &PatchParams::default(), &without).await?;
    eventually("the repair", async || {
        let min = budgets.get("trains-0").await?.spec.and_then(|spec| spec.min_available);
        ensure!(min == Some(IntOrString::Int(1)), "{min:?}");
        ensure!(pod(&desk, "trains").await?.annotations().contains_key(SAFE_TO_EVICT));
        Ok(())
    })
    .await?;
    kept(&desk, "trains").await?;
    assert_eq!(evict(&desk, "trains").await?, 429);

    jupyter.say(idle());
    free(&desk, "trains").await?;
    let live = pod(&desk, "trains").await?;
    assert_eq!(live.uid().unwrap(), uid, "nothing of this restarts it");
    assert!(!live.annotations().contains_key(SAFE_TO_EVICT));
    assert_eq!(live.annotations()[DO_NOT_DISRUPT], "30m");
    let loss = lost(&desk, "trains").await?;
    ensure!(loss.contains("; nobody had used it since "), "{loss}");
    Ok(())
}

#[tokio::test]
async fn what_a_process_left_behind_is_taken_away_by_the_next() -> Result<()> {
    let mut desk = Desk::with(ASKING).await?;
    let jupyter = StandIn::new(Says::Busy).await?;
    let _stage = Stage::set(&desk, 1, policy()).await?;
    notebook(&jupyter, &desk, "left", json!({})).await?;
    kept(&desk, "left").await?;
    let uid = desk.pod_uid("left").await?;
    desk.controllers.take().unwrap().stop().await?;
    jupyter.say(idle());
    desk.restart_with(ASKING).await?;
    free(&desk, "left").await?;
    assert_eq!(desk.pod_uid("left").await?, uid);
    Ok(())
}

#[tokio::test]
async fn a_busy_pod_is_kept_no_longer_than_the_cap() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let _stage = Stage::set(&desk, 1, json!({"protectBusy": {"cap": "20s"}})).await?;
    let jupyter = StandIn::new(Says::Busy).await?;
    notebook(&jupyter, &desk, "long", json!({})).await?;
    kept(&desk, "long").await?;
    free(&desk, "long").await?;
    desk.rests(Duration::from_secs(3)).await?;
    let loss = lost(&desk, "long").await?;
    ensure!(loss.contains("; it was busy since ") && loss.ends_with("(1 of 1 kernels busy)"), "{loss}");
    Ok(())
}

#[tokio::test]
async fn a_cordon_is_told_and_what_is_idle_then_moves() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let stage = Stage::set(&desk, 2, policy()).await?;
    let jupyter = StandIn::new(Says::Busy).await?;
    notebook(&jupyter, &desk, "moves", json!({})).await?;
    kept(&desk, "moves").await?;
    let first = pod(&desk, "moves").await?;
    let node = first.spec.as_ref().unwrap().node_name.clone().unwrap();
    let told = async |expected: Option<&str>| {
        eventually(&format!("DisruptionPending {expected:?}"), async || {
            let status = desk.status("moves").await?;
            let found = status.condition("DisruptionPending");
            ensure!(found.and_then(|found| found.reason.as_deref()) == expected, "{found:?}");
            Ok(found.and_then(|found| found.message.clone()).unwrap_or_default())
        })
        .await
    };
    stage.cordon(&node, true).await?;
    let message = told(Some("MovesWhenIdle")).await?;
    ensure!(
        message.starts_with(&format!("its node {node} is cordoned: it is busy and kept there until ")),
        "{message}"
    );
    stage.cordon(&node, false).await?;
    told(None).await?;
    stage.cordon(&node, true).await?;
    told(Some("MovesWhenIdle")).await?;
    desk.rests(Duration::from_secs(3)).await?;
    assert_eq!(desk.pod_uid("moves").await?, first.uid().unwrap(), "it is busy");

    let plan = carrel(&["drain-plan", &node, "-o", "json"])?;
    assert_eq!((&plan[0]["state"], &plan[0]["movesWhenIdle"]), (&json!("Held"), &json!(true)), "{plan}");
    jupyter.say(idle());
    let second = desk.pod_after("moves", &first.uid().unwrap()).await?;
    assert_ne!(second.spec.unwrap().node_name, Some(node.clone()));
    told(None).await?;
    let events = kubectl(&["get", "events", "-n", &desk.namespace, "-o", "jsonpath={.items[*].reason}"])?;
    let count = |reason: &str| events.split_whitespace().filter(|one| *one == reason).count();
    assert_eq!((count("Moved"), count("DisruptionPending")), (1, 2), "{events}");
    assert_eq!(carrel(&["drain-plan", &node, "-o", "json"])?, json!([]));
    assert_eq!(desk.status("moves").await?.last_loss, None, "a move is no loss");
    Ok(())
}

/// What `carrel` prints as JSON, run by the administrator.
fn carrel(arguments: &[&str]) -> Result<serde_json::Value> {
    let kubeconfig = carrel_tests::kubeconfig()?;
    let mut command = std::process::Command::new(carrel_tests::given("CARREL_BINARY")?);
    Ok(serde_json::from_str(&carrel_tests::run(command.args(arguments).arg("--kubeconfig").arg(kubeconfig))?)?)
}

#[tokio::test]
async fn a_strangers_budget_is_left_alone_and_a_refused_one_is_told() -> Result<()> {
    let desk = Desk::with(ASKING).await?;
    let _stage = Stage::set(&desk, 1, policy()).await?;
    let (one, other) = (StandIn::new(Says::Busy).await?, StandIn::new(Says::Busy).await?);
    let stranger = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: taken-0},
        spec: {minAvailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow, selector: {matchLabels: {statefulset.kubernetes.io/pod-name: taken-0}}}}";
    let before = desk.create(stranger).await?;
    notebook(&one, &desk, "taken", json!({})).await?;
    let told = async |name: &str, reason: &str| {
        eventually(&format!("{reason} of {name}"), async || {
            let status = desk.status(name).await?;
            let found = status.condition("NotProtected");
            ensure!(found.and_then(|found| found.reason.as_deref()) == Some(reason), "{status:?}");
            Ok(found.and_then(|found| found.message.clone()).unwrap_or_default())
        })
        .await
    };
    let message = told("taken", "NameTaken").await?;
    ensure!(message.contains("a PodDisruptionBudget taken-0 is there that Carrel did not make"), "{message}");
    let after = desk.api::<PodDisruptionBudget>().get("taken-0").await?;
    assert_eq!((after.uid().as_deref(), after.labels().len()), (before["metadata"]["uid"].as_str(), 0));

    let quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: few}, spec: {hard: {count/poddisruptionbudgets.policy: 1}}}";
    desk.create(quota).await?;
    notebook(&other, &desk, "refused", json!({})).await?;
    let message = told("refused", "Refused").await?;
    ensure!(message.contains("exceeded quota: few"), "{message}");
    desk.reaches("refused", "Running").await?;
    Ok(())
}
