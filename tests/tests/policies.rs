//! What is said of policies themselves, by a controller that sees the whole cluster. A program of its own, as such a controller
//! looks after the Notebooks of all other tests too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;

use anyhow::{Context, Result, ensure};
use carrel_api::lab_policy::LabPolicyStatus;
use carrel_tests::{Audit, Controllers, Desk, Policy, eventually, policies};
use kube::api::{Patch, PatchParams};
use serde_json::json;

async fn said(desk: &Desk, name: &str, expected: impl Fn(&LabPolicyStatus) -> bool) -> Result<LabPolicyStatus> {
    eventually("the status of the policy", async || {
        let policy = policies(&desk.client).get(name).await?;
        let status = policy.status.as_ref().and_then(|status| status.valid()).cloned().context("no status")?;
        ensure!(status.observed_generation == policy.metadata.generation && expected(&status), "{status:?}");
        Ok(status)
    })
    .await
}

#[tokio::test]
async fn a_policy_says_where_it_decides_and_why_it_can_not() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let kubeconfig = carrel_tests::given("CARREL_KUBECONFIG")?;
    let own = ["--leader-elect=false"];
    let policy = Policy::set(&desk, json!({"idle": {"idleAfter": "1h"}})).await?;
    let controllers = Controllers::start(Path::new(&kubeconfig), &own)?;
    controllers.ready().await?;
    let status = said(&desk, &policy.name, |status| status.namespaces == 1).await?;
    assert_eq!(status.conditions.first().map(|condition| condition.status.as_str()), Some("True"));
    assert_eq!(status.sections.first().map(|section| section.decides), Some(1));

    let band = json!({"spec": {"idle": {"idleAfter": "3h", "userLimits": {"min": "1h", "max": "2h"}}}});
    policies(&desk.client).patch(&policy.name, &PatchParams::default(), &Patch::Merge(band)).await?;
    let status = said(&desk, &policy.name, |status| status.namespaces == 0).await?;
    let condition = status.conditions.first().context("no condition")?;
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "Invalid"));
    assert!(condition.message.contains("(3h) must be from 1h to 2h"), "{}", condition.message);
    Audit::settle().await;
    let word = format!("patch labpolicies/status {}", policy.name);
    let said = Audit::given()?.requests()?.into_iter().filter(|request| request.word() == word).count();
    assert_eq!(said, 2, "each change is said once");
    Ok(())
}
