//! Carrel's own pod: small rights, no shell, and pages that answer.

use anyhow::{Result, ensure};
use carrel_tests::{Audit, Desk, kubectl};

const NAMESPACE: &str = "carrel-system";

#[tokio::test]
async fn it_runs_with_its_own_account_without_root_and_without_a_shell() -> Result<()> {
    let pods = kubectl(&["get", "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=carrel", "-o", "name"])?;
    let pod = pods.lines().next().unwrap().to_owned();
    let field = |path: &str| kubectl(&["get", "-n", NAMESPACE, &pod, "-o", &format!("jsonpath={{{path}}}")]);
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
    for (page, word) in [("livez", "ok"), ("readyz", "ok"), ("metrics", "carrel_leader 1")] {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/services/carrel-metrics:http/proxy/{page}");
        let said = kubectl(&["get", "--raw", &path])?;
        ensure!(said.contains(word), "{page}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn its_rules_suffice() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    desk.notebook("ruled", "{containers: [{name: ruled, image: 'localhost/jupyter:4.6'}]}").await?;
    desk.reaches("ruled", "Running").await?;
    Audit::settle().await;
    let requests = Audit::given()?.requests()?;
    // In the namespaces of other tests, which end meanwhile, nothing may be made any more. The demo's has all kinds.
    let stays = ["", NAMESPACE, "team-a", &desk.namespace];
    let refused: Vec<_> = requests
        .iter()
        .filter(|request| {
            [401, 403].contains(&request.code()) && stays.contains(&request.object_ref.namespace.as_str())
        })
        .collect();
    ensure!(refused.is_empty(), "{refused:?}");
    ensure!(requests.iter().any(|request| request.word() == "patch statefulsets ruled"), "the log knows the account");
    Ok(())
}
