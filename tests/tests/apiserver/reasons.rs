//! Why a notebook does not run: each reason caused for real, and its sentence.

use anyhow::{Result, bail, ensure};
use carrel_api::notebook::Phase;
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams, PostParams};
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

/// The cluster's own policies speak in their authors' words.
#[tokio::test]
async fn what_a_policy_says_is_told() -> Result<()> {
    let desk = Desk::new().await?;
    let name = format!("no-latest.{}", desk.namespace);
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": desk.namespace}});
    let pods = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]);
    let rule = json!({"expression": "object.spec.containers.all(c, !c.image.endsWith(':latest'))", "message": "pin the image"});
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {"matchConstraints": {"resourceRules": pods, "namespaceSelector": here}, "validations": [rule]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}});
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]}).to_string())?;
    let file = file.path().to_str().unwrap();
    carrel_tests::kubectl(&["apply", "-f", file])?;
    let told = async {
        // A policy takes a moment to be in force, which a pod tells that is never made.
        let pod = json!({"metadata": {"name": "asked"}, "spec": {"containers": [{"name": "a", "image": "i:latest"}]}});
        let (pod, ask) = (serde_json::from_value(pod)?, PostParams { dry_run: true, ..PostParams::default() });
        eventually("a policy in force", async || match desk.api::<Pod>().create(&ask, &pod).await {
            Err(kube::Error::Api(status)) if status.message.contains("pin the image") => Ok(()),
            answer => bail!("{:?}", answer.map(|_| "let through")),
        })
        .await?;
        desk.notebook("free", "{containers: [{name: a, image: 'i:latest'}]}").await?;
        sentence(&desk, "free", "PodRejected").await
    }
    .await;
    carrel_tests::kubectl(&["delete", "-f", file, "--wait=false"])?;
    let said = told?;
    ensure!(said.contains("denied request: pin the image"), "{said}");
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
