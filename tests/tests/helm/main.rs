//! The life of an installation by Helm: an upgrade while people work, and the way out. `cargo xtask test` has run
//! `cargo xtask demo --helm` and names that cluster.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod busy;
mod release;
mod taken;
mod watch;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_tests::{Policy, eventually, kubectl, within};
use k8s_openapi::api::core::v1::Service;
use kube::api::DeleteParams;
use serde_json::json;

use busy::Busy;
use release::{NAMESPACE, Release};
use taken::Taken;
use watch::Watch;

/// So many people work at once.
const NOTEBOOKS: usize = 20;

/// Carrel asks each server once in this time, by the settings of this test.
const PROBE: Duration = Duration::from_secs(15);

/// Longer than a server may be idle by the policy of this test, and be warned.
const LIMIT: Duration = Duration::from_secs(100);

/// One test, as each scene begins where the last one ended.
#[tokio::test]
async fn nobody_who_works_notices_an_upgrade_or_that_carrel_leaves() -> Result<()> {
    let release = Release::installed()?;
    release.upgrade("0.1.0", &["settings.CARREL_PROBE_PERIOD=15s", "settings.ADD_FSGROUP=false"])?;
    let busy = Busy::open(NOTEBOOKS).await?;
    let rules = json!({"idle": {"idleAfter": "1m", "warnBefore": "20s"}});
    let _policy = Policy::set(&busy.desk, rules).await?;
    let before = leader()?;
    let watch = Watch::over(busy.addresses().await?);

    // Another version of the chart, with a default changed that is in each pod template.
    release.upgrade("0.1.1", &["settings.ADD_FSGROUP=true"])?;
    let after = eventually("another leader", async || {
        let leader = leader()?;
        ensure!(leader != before && !leader.is_empty(), "{leader} leads");
        Ok(leader)
    })
    .await?;
    println!("{before} led, and after the upgrade {after}");
    busy.wait_for_a_restart().await?;
    tokio::time::sleep(LIMIT).await;
    busy.is_untouched().await?;

    release::rollback()?;
    busy.wait_for_no_restart().await?;
    busy.is_untouched().await?;

    release::uninstall()?;
    nothing_is_left_of_carrel()?;
    tokio::time::sleep(PROBE).await;
    busy.is_untouched().await?;

    // What one way in left, the other takes over, and what Kubeflow's controllers have.
    let taken = Taken::open().await?;
    let work = taken.work()?;
    release.by_kustomize()?;
    taken.is_adopted(&work).await?;
    let services = busy.desk.api::<Service>();
    let name = busy.names.first().context("no notebook")?;
    let service = services.get(name).await?;
    services.delete(name, &DeleteParams::default()).await?;
    within(Duration::from_mins(2), "the Service again", async || {
        let again = services.get(name).await?;
        ensure!(again.metadata.uid != service.metadata.uid, "it is being deleted");
        Ok(())
    })
    .await?;
    busy.is_untouched().await?;
    taken.goes_back(&work).await?;

    // And back to Helm, where Carrel stays for the tests that come after.
    release.over_kustomize(&["settings.CARREL_PROBE_PERIOD=15s"])?;
    eventually("a leader", async || {
        ensure!(!leader()?.is_empty());
        Ok(())
    })
    .await?;
    busy.is_untouched().await?;

    let longest = watch.end(name)?;
    println!("of {NOTEBOOKS} servers none was away for longer than {} ms", longest.as_millis());
    ensure!(longest <= PROBE, "a server did not answer for {longest:?}");
    busy.leave().await
}

fn leader() -> Result<String> {
    kubectl(&["get", "lease", "carrel-controllers", "-n", NAMESPACE, "-o", "jsonpath={.spec.holderIdentity}"])
}

/// Nothing that the chart made is there but the CRDs.
fn nothing_is_left_of_carrel() -> Result<()> {
    let kinds =
        "deployments,services,configmaps,poddisruptionbudgets,networkpolicies,serviceaccounts,roles,rolebindings";
    let of = ["--selector=app.kubernetes.io/part-of=carrel", "-o", "name"];
    let left = kubectl(&[&["get", kinds, "-n", NAMESPACE], &of[..]].concat())?;
    ensure!(left.is_empty(), "{left}");
    let left = kubectl(&[&["get", "clusterroles,clusterrolebindings"], &of[..]].concat())?;
    ensure!(left.is_empty(), "{left}");
    let crds = kubectl(&[&["get", "customresourcedefinitions"], &of[..]].concat())?;
    ensure!(crds.lines().count() == 5, "{crds}");
    Ok(())
}
