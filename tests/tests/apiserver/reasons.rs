//! Why a notebook does not run: each reason caused for real, and its sentence.

use anyhow::{Result, ensure};
use carrel_api::notebook::Phase;
use carrel_tests::Desk;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

/// Waits for the reason and returns its sentence.
async fn sentence(desk: &Desk, name: &str, reason: &str) -> Result<String> {
    let status = desk.reaches(name, reason).await?;
    ensure!(status.phase == Some(Phase::Starting), "waiting is no error: {status:?}");
    Ok(status.condition("Ready").unwrap().message.clone().unwrap())
}

const QUOTA: &str = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: team},
    spec: {hard: {requests.cpu: '1', requests.nvidia.com/gpu: '1'}}}";

#[tokio::test]
async fn a_quota_without_room_is_told_in_numbers_and_the_notebook_starts_once_it_fits() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create(QUOTA).await?;
    let spec = |cpu: &str| {
        format!(
            "{{containers: [{{name: a, image: i, resources: {{requests: {{cpu: {cpu}}}, limits: {{nvidia.com/gpu: 1}}}}}}]}}"
        )
    };
    desk.notebook("first", &spec("600m")).await?;
    desk.reaches("first", "Running").await?;
    desk.notebook("second", &spec("500m")).await?;
    let said = sentence(&desk, "second", "QuotaExceeded").await?;
    ensure!(said.contains("the quota team has no room"), "{said}");
    ensure!(said.contains("requests.cpu: 500m asked, 600m of 1 used"), "{said}");
    ensure!(said.contains("requests.nvidia.com/gpu: 1 asked, 1 of 1 used"), "{said}");
    desk.notebook("unsaid", "{containers: [{name: main, image: i}]}").await?;
    let said = sentence(&desk, "unsaid", "QuotaExceeded").await?;
    ensure!(said.contains("asks each container to say") && said.contains("for: main"), "{said}");
    let less = json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "i", "resources": {"requests": {"cpu": "400m"}}}]}}}});
    desk.change("second", less).await?;
    // It asks for what is left, and no GPU any more.
    desk.reaches("second", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn a_limit_range_is_told_with_its_bound() -> Result<()> {
    let desk = Desk::new().await?;
    desk.create("{apiVersion: v1, kind: LimitRange, metadata: {name: small}, spec: {limits: [{type: Container, max: {cpu: '1'}}]}}").await?;
    desk.notebook("large", "{containers: [{name: a, image: i, resources: {limits: {cpu: '2'}}}]}").await?;
    let said = sentence(&desk, "large", "LimitRange").await?;
    ensure!(said.contains("maximum cpu usage per Container is 1, but limit is 2"), "{said}");
    Ok(())
}

#[tokio::test]
async fn pod_security_is_told_with_the_fields() -> Result<()> {
    let desk = Desk::new().await?;
    let label = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(desk.client.clone());
    namespaces.patch(&desk.namespace, &PatchParams::default(), &Patch::Merge(label)).await?;
    desk.notebook("bold", "{containers: [{name: a, image: i}]}").await?;
    let said = sentence(&desk, "bold", "PodSecurity").await?;
    ensure!(said.contains("runAsNonRoot != true"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_missing_service_account_is_named() -> Result<()> {
    let desk = Desk::new().await?;
    desk.notebook("lonely", "{serviceAccountName: default-editor, containers: [{name: a, image: i}]}").await?;
    let said = sentence(&desk, "lonely", "PodRejected").await?;
    ensure!(said.contains("the ServiceAccount default-editor is not in the namespace"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_scheduling_gate_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    desk.notebook("gated", "{schedulingGates: [{name: example.org/wait}], containers: [{name: a, image: i}]}").await?;
    sentence(&desk, "gated", "SchedulingGated").await?;
    Ok(())
}

#[tokio::test]
async fn a_missing_claim_is_named() -> Result<()> {
    let desk = Desk::new().await?;
    let spec = "{containers: [{name: a, image: i}], volumes: [{name: v, persistentVolumeClaim: {claimName: missing}}]}";
    desk.notebook("claimless", spec).await?;
    let said = sentence(&desk, "claimless", "VolumeMissing").await?;
    ensure!(said.contains("the claim missing is not in the namespace"), "{said}");
    ensure!(desk.status("claimless").await?.volumes == ["missing"]);
    Ok(())
}
