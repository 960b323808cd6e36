//! Carrel's own pods: small rights, no shell, pages that answer, and one that leads.

use anyhow::{Result, ensure};
use carrel_tests::{Audit, Desk, eventually, kubectl};
use jiff::Timestamp;

const NAMESPACE: &str = "carrel-system";

/// The pod that holds the lease. For a moment after a change nobody does.
pub(crate) async fn leader() -> Result<String> {
    let lease = ["get", "lease", "carrel-controllers", "-n", NAMESPACE, "-o", "jsonpath={.spec.holderIdentity}"];
    eventually("a leader", async || {
        let holder = kubectl(&lease)?;
        ensure!(!holder.is_empty(), "the lease is free");
        Ok(holder)
    })
    .await
}

#[tokio::test]
async fn it_runs_with_its_own_account_without_root_and_without_a_shell() -> Result<()> {
    let pod = leader().await?;
    let field = |path: &str| kubectl(&["get", "pod", "-n", NAMESPACE, &pod, "-o", &format!("jsonpath={{{path}}}")]);
    ensure!(field(".spec.serviceAccountName")? == "carrel");
    ensure!(field(".spec.containers[0].securityContext.readOnlyRootFilesystem")? == "true");
    ensure!(field(".spec.securityContext.runAsNonRoot")? == "true");
    ensure!(field(".status.containerStatuses[0].restartCount")? == "0");
    for shell in ["/bin/sh", "sh", "/bin/bash", "/busybox/sh"] {
        let error = kubectl(&["exec", "-n", NAMESPACE, &pod, "--", shell, "-c", "true"]).unwrap_err().to_string();
        ensure!(error.contains("no such file") || error.contains("not found"), "{error}");
    }
    let said = kubectl(&["exec", "-n", NAMESPACE, &pod, "--", "/carrel", "--version"])?;
    ensure!(said.starts_with("carrel "), "{said}");
    Ok(())
}

#[tokio::test]
async fn its_pages_answer_through_its_service() -> Result<()> {
    for (page, word) in [("livez", "ok"), ("readyz", "ok"), ("metrics", "carrel_leader ")] {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/services/carrel-metrics:http/proxy/{page}");
        let said = kubectl(&["get", "--raw", &path])?;
        ensure!(said.contains(word), "{page}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn one_of_its_replicas_leads() -> Result<()> {
    let of = ["get", "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=carrel"];
    // One of the rollout before may be ending.
    let pods = eventually("two pods", async || {
        let pods = kubectl(&[&of[..], &["-o", "jsonpath={.items[*].metadata.name}"]].concat())?;
        ensure!(pods.split_whitespace().count() == 2, "{pods}");
        Ok(pods)
    })
    .await?;
    let leader = leader().await?;
    for pod in pods.split_whitespace() {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8080/proxy/metrics");
        let word = format!("carrel_leader {}\n", u8::from(pod == leader));
        let said = kubectl(&["get", "--raw", &path])?;
        ensure!(said.contains(&word), "{pod}, where {leader} leads: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn its_rules_suffice() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    desk.notebook("ruled", "{containers: [{name: ruled, image: 'localhost/jupyter:4.6'}]}").await?;
    desk.reaches("ruled", "Running").await?;
    Audit::settle().await;
    // Who is uninstalled loses its rights before its last request; those of one that was there before are no matter.
    let deployment = ["get", "deployment", "carrel", "-n", NAMESPACE];
    let made: Timestamp =
        kubectl(&[&deployment[..], &["-o", "jsonpath={.metadata.creationTimestamp}"]].concat())?.parse()?;
    let mut requests = Audit::given()?.requests()?;
    requests.retain(|request| request.request_received_timestamp.parse().is_ok_and(|at: Timestamp| at >= made));
    let refused: Vec<_> = requests.iter().filter(|request| request.code() == 401 || request.was_forbidden()).collect();
    ensure!(refused.is_empty(), "{refused:?}");
    ensure!(requests.iter().any(|request| request.word() == "patch statefulsets ruled"), "the log knows the account");
    Ok(())
}
