//! Claims that no pod mounts: remembered in the status, listed by `carrel volumes`, counted in metrics, and left alone.

use std::process::{Command, Output};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::*;

const MOUNTS: &str =
    "{containers: [{name: a, image: i}], volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}";

/// `carrel volumes` with this kubeconfig, of the desk's namespace.
fn run(desk: &Desk, kubeconfig: &std::path::Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(carrel_tests::given("CARREL_BINARY")?);
    command.args(["volumes", "--namespace", &desk.namespace, "--kubeconfig"]).arg(kubeconfig);
    command.args(arguments).output().context("can't start carrel")
}

fn list(desk: &Desk, unused_for: &str) -> Result<Vec<Value>> {
    let option = format!("--unused-for={unused_for}");
    let output = run(desk, &carrel_tests::kubeconfig()?, &[&option, "--output=json"])?;
    ensure!(output.status.success(), "{output:?}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn find<'a>(rows: &'a [Value], name: &str) -> Option<&'a Value> {
    rows.iter().find(|row| row["name"] == name)
}

#[tokio::test]
async fn who_used_a_volume_last_and_when_is_remembered_and_listed() -> Result<()> {
    let desk = Desk::with(&["--forgotten-after=2s"]).await?;
    let class = OwnClass::new(&desk, true).await?;
    let status = class.bound("data", json!({})).await?;
    let made = claim(&desk, "data").await?.metadata.creation_timestamp.context("no time")?.0;
    assert_eq!((status.unused_since, status.last_used_by), (Some(made), None), "nobody ever did");
    by_hand(&desk, "plain", json!({}), "standard").await?;
    class.volume("bare", "1Gi").await?;
    by_hand(&desk, "bare", json!({}), &class.name).await?;
    // Kubernetes itself says of what is bound that it is unused.
    eventually("the condition Unused", async || {
        let conditions = claim(&desk, "bare").await?.status.and_then(|status| status.conditions).unwrap_or_default();
        ensure!(conditions.iter().any(|one| one.type_ == "Unused" && one.status == "True"), "{conditions:?}");
        Ok(())
    })
    .await?;
    let rows = list(&desk, "0s")?;
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert_eq!(find(&rows, "data").unwrap()["unused"], json!({"state": "neverMounted"}));
    assert_eq!(find(&rows, "data").unwrap()["volumeRequest"], json!({"name": "data", "exists": true}));
    assert_eq!(find(&rows, "plain").unwrap()["unused"], json!({"state": "neverMounted"}), "it has no volume yet");
    assert_eq!(find(&rows, "bare").unwrap()["unused"]["state"], "since");
    assert!(list(&desk, "1h")?.is_empty());

    desk.notebook("iris", MOUNTS).await?;
    let status = until(&desk, "data", "use", |status| !status.used_by.is_empty()).await?;
    assert_eq!((status.unused_since, status.last_used_by), (None, None));
    assert!(find(&list(&desk, "0s")?, "data").is_none(), "a pod mounts it");

    let before = Timestamp::now();
    desk.annotate("iris", "kubeflow-resource-stopped", Some("")).await?;
    let status = until(&desk, "data", "disuse", |status| status.unused_since.is_some()).await?;
    let since = status.unused_since.unwrap();
    ensure!(since.as_second() >= before.as_second() && since <= Timestamp::now(), "{since}");
    let last = status.last_used_by.context("nobody")?;
    assert_eq!((last.kind.as_str(), last.name.as_str()), ("Notebook", "iris"));
    desk.rests(Duration::from_secs(3)).await?;
    let rows = list(&desk, "0s")?;
    let row = find(&rows, "data").unwrap();
    assert_eq!((&row["unused"]["state"], &row["lastUsedBy"]["name"]), (&json!("since"), &json!("iris")));

    let output = run(&desk, &carrel_tests::kubeconfig()?, &["--unused-for=1s"])?;
    let (text, sum) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    let words: Vec<_> = text.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(words[..4], ["NAMESPACE", "NAME", "SIZE", "CLASS"], "{text}");
    ensure!(text.lines().any(|line| line.contains("data") && line.ends_with("Notebook iris")), "{text}");
    ensure!(sum.contains(&format!("3 of the 3 claims of the namespace {}", desk.namespace)), "{sum}");

    let (controllers, here) = (desk.controllers.as_ref().unwrap(), format!("{}\",since=\"known", desk.namespace));
    assert_eq!(controllers.metric("carrel_forgotten_claims{", &here)?, 3);
    assert_eq!(controllers.metric("carrel_forgotten_claims_bytes{", &here)?, 3 << 30);
    assert_eq!(controllers.metric("carrel_forgotten_claims{", "since=\"unknown")?, 0);
    desk.annotate("iris", "kubeflow-resource-stopped", None).await?;
    until(&desk, "data", "use", |status| !status.used_by.is_empty()).await?;
    assert_eq!(controllers.metric("carrel_forgotten_claims{", &here)?, 2);
    for name in ["data", "plain", "bare"] {
        ensure!(claim(&desk, name).await?.metadata.deletion_timestamp.is_none(), "nothing is deleted");
    }
    Ok(())
}

#[tokio::test]
async fn a_pod_that_is_over_mounts_nothing_and_its_own_claim_is_not_told() -> Result<()> {
    let desk = Desk::new().await?;
    let class = OwnClass::new(&desk, true).await?;
    class.bound("data", json!({})).await?;
    let template = json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "job"}, "spec": {
        "containers": [{"name": "a", "image": "i"}], "volumes": [
            {"name": "v", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "own", "ephemeral": {"volumeClaimTemplate": template}}]}});
    desk.create(&pod.to_string()).await?;
    until(&desk, "data", "use", |status| !status.used_by.is_empty()).await?;
    eventually("the claim of the pod", async || claim(&desk, "job-own").await).await?;
    assert!(list(&desk, "0s")?.is_empty());
    let over = Patch::Merge(json!({"status": {"phase": "Succeeded"}}));
    desk.api::<Pod>().patch_status("job", &PatchParams::default(), &over).await?;
    let status = until(&desk, "data", "disuse", |status| status.unused_since.is_some()).await?;
    assert_eq!(status.last_used_by.map(|user| user.pod).as_deref(), Some("job"));
    let rows = list(&desk, "0s")?;
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["data"]);
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_read_is_told_in_a_sentence() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    by_hand(&desk, "plain", json!({}), "standard").await?;
    let given = carrel_tests::kubeconfig()?;
    // kubeconfigs of this cluster are JSON; somebody without any right asks.
    let mut text: Value = serde_json::from_slice(&std::fs::read(&given)?)?;
    text["users"][0]["user"]["as"] = "nobody".into();
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text.to_string())?;
    let said = |output: Output| -> Result<String> {
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &[][..]), "{output:?}");
        Ok(String::from_utf8(output.stderr)?)
    };
    let words = said(run(&desk, file.path(), &[])?)?;
    let place = format!("carrel: not allowed to list persistentvolumeclaims of the namespace {}", desk.namespace);
    ensure!(words.starts_with(&place) && words.contains("ask the cluster's admin"), "{words}");
    let words = said(run(&desk, std::path::Path::new("/nowhere"), &[])?)?;
    ensure!(words.contains("can't read the kubeconfig /nowhere"), "{words}");
    let words = said(run(&desk, &given, &["--context=other"])?)?;
    ensure!(words.contains("other"), "{words}");

    // Who may read claims and pods alone sees them, without who asked for them.
    let rule = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["persistentvolumeclaims", "pods"], "verbs": ["list"]}]});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}]});
    desk.create(&rule.to_string()).await?;
    desk.create(&binding.to_string()).await?;
    eventually("the right", async || {
        let output = run(&desk, file.path(), &["--unused-for=0s", "--output=json"])?;
        ensure!(output.status.success(), "{output:?}");
        let words = String::from_utf8(output.stderr)?;
        ensure!(words.contains("not allowed to list volumerequests"), "{words}");
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
        assert_eq!(rows[0]["name"], "plain");
        Ok(())
    })
    .await
}
