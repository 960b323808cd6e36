//! The process: its lease, its pages, its rights, its end.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use carrel_tests::{Audit, Controllers, Desk, eventually, given, kubectl};

fn kubeconfig() -> Result<PathBuf> {
    Ok(given("CARREL_KUBECONFIG")?.into())
}

#[tokio::test]
async fn of_two_replicas_one_works_and_the_other_takes_over_when_it_ends() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let lease = format!("--lease-name={}", desk.namespace);
    let start = || Controllers::start(&kubeconfig()?, &["--namespace", &desk.namespace, &lease, "--lease-duration=6"]);
    let leads = async |one: &Controllers| {
        eventually("leadership", async || {
            ensure!(one.metric("carrel_leader", "")? == 1);
            Ok(())
        })
        .await
    };
    let mut first = start()?;
    leads(&first).await?;
    let second = start()?;
    first.ready().await?;
    second.ready().await?;
    desk.running("one").await?;
    assert_eq!(second.metric("carrel_leader", "")?, 0);
    assert_eq!(second.metric("carrel_writes_total", "")?, 0, "a replica in reserve writes nothing");

    first.signal("TERM")?;
    assert!(first.end().await?.success());
    assert!(first.log().contains("gave up the lease"), "not left to lapse: {}", first.log());
    leads(&second).await?;
    desk.running("two").await?;

    // A frozen leader is no leader when it wakes, though there is work that it would do.
    let mut third = start()?;
    third.ready().await?;
    let before = second.metric("carrel_writes_total", "result=\"ok\"")?;
    second.signal("STOP")?;
    leads(&third).await?;
    desk.notebook("three", "{containers: [{name: a, image: i}]}").await?;
    desk.reaches("three", "Running").await?;
    third.signal("KILL")?;
    third.end().await?;
    // Nobody does this while the third one's lease has not lapsed.
    desk.notebook("four", "{containers: [{name: a, image: i}]}").await?;
    second.signal("CONT")?;
    eventually("the end of its claim", async || {
        ensure!(second.metric("carrel_leader", "")? == 0);
        Ok(())
    })
    .await?;
    let after = second.metric("carrel_writes_total", "result=\"ok\"")?;
    assert_eq!(after, before, "woken, it sees that its time is over before it writes");
    // It waits like any other, and then works again.
    leads(&second).await?;
    desk.reaches("four", "Running").await?;
    Ok(())
}

#[tokio::test]
async fn it_ends_well_when_asked() -> Result<()> {
    for signal in ["TERM", "INT"] {
        let mut desk = Desk::new().await?;
        desk.running("busy").await?;
        let mut controllers = desk.controllers.take().unwrap();
        controllers.signal(signal)?;
        assert!(controllers.end().await?.success(), "{}", controllers.log());
        assert!(controllers.log().contains("asked to end"));
    }
    Ok(())
}

#[tokio::test]
async fn it_does_what_it_does_with_exactly_its_rules() -> Result<()> {
    let mut desk = Desk::new().await?;
    desk.running("ruled").await?;
    desk.change(
        "ruled",
        serde_json::json!({"spec": {"template": {"spec": {"containers": [{"name": "ruled", "image": "b"}]}}}}),
    )
    .await?;
    desk.reaches("ruled", "Running").await?;
    desk.controllers.take().unwrap().stop().await?;
    Audit::settle().await;
    let requests = Audit::given()?.of(&desk.namespace)?;
    let refused: Vec<_> = requests.iter().filter(|request| [401, 403].contains(&request.code())).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let kubeconfig = given("CARREL_KUBECONFIG")?;
    for forbidden in [
        ["get", "secrets"],
        ["update", "notebooks"],
        ["get", "persistentvolumes"],
        ["update", "volumerequests"],
        ["update", "pods"],
        ["update", "poddisruptionbudgets"],
    ] {
        let answer = Command::new(given("KUBECTL")?)
            .args(["--kubeconfig", &kubeconfig, "auth", "can-i"])
            .args(forbidden)
            .args(["-n", &desk.namespace])
            .output()?;
        assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "no", "{forbidden:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_a_sentence() -> Result<()> {
    let start = |arguments: &[&str]| -> Result<(bool, String)> {
        let output = Command::new(given("CARREL_BINARY")?).arg("controllers").args(arguments).output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let kubeconfig = given("CARREL_KUBECONFIG")?;
    for (arguments, expected) in [
        (["--kubeconfig", "/nowhere", "--log=info"], "can't read the kubeconfig /nowhere"),
        (["--kubeconfig", &kubeconfig, "--context=elsewhere"], "elsewhere"),
        (["--kubeconfig", &kubeconfig, "--log=carrel=loud"], "is no log filter"),
        (["--kubeconfig", &kubeconfig, "--listen=192.0.2.1:1"], "can't listen on 192.0.2.1:1"),
        (["--kubeconfig", &kubeconfig, "--routing=gateway"], "--routing=gateway needs --gateway=NAMESPACE/NAME"),
    ] {
        let (success, said) = start(&arguments)?;
        assert!(!success && said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn logs_have_one_span_a_reconcile_as_text_or_json() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let arguments = ["--namespace", &desk.namespace, "--leader-elect=false", "--log-format=json"];
    let controllers = Controllers::start(&kubeconfig()?, &arguments)?;
    desk.running("spoken").await?;
    let log = controllers.log();
    let line = log.lines().find(|line| line.contains("creating")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line)?;
    assert_eq!(line["span"]["name"], "reconcile");
    assert_eq!(line["span"]["object"], format!("{}/spoken", desk.namespace));
    assert_eq!(line["message"], "creating");
    drop(controllers);

    let controllers = Controllers::of(&desk.namespace)?;
    desk.running("spelled").await?;
    let log = controllers.log();
    let line = log.lines().find(|line| line.contains("creating")).unwrap();
    let span = format!("reconcile{{controller=\"notebook\" object={}/spelled}}", desk.namespace);
    assert!(line.contains(&span) && line.matches("reconcile{").count() == 1, "{line}");
    Ok(())
}

#[tokio::test]
async fn it_looks_after_its_own_namespace_alone_when_told_to() -> Result<()> {
    let (mine, other) = (Desk::new().await?, Desk::without_controllers().await?);
    other.notebook("not-mine", "{containers: [{name: a, image: i}]}").await?;
    mine.running("mine").await?;
    assert!(other.stateful_set("not-mine").await.is_err());
    kubectl(&["get", "nb", "-n", &other.namespace])?;
    Ok(())
}
