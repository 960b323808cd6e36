//! What stands beside: Prometheus, which tells of GPUs, a URL that is told of stops, and Kubeflow's web app.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::activity::{Signal, Verdict, Vote};
use carrel_api::notebook::Notebook;
use carrel_api::vocabulary::{CHECKED_AT, LAST_ACTIVITY};
use carrel_tests::{ASKING, Desk, Listener, Policy, Says, StandIn, eventually, kubectl};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{has, is, running, stops};

#[tokio::test]
async fn a_gpu_that_works_keeps_its_server() -> Result<()> {
    let mut desk = Desk::without_controllers().await?;
    let now = jiff::SignedDuration::from_secs(Timestamp::now().as_second()).as_secs_f64();
    let sample =
        json!({"metric": {"exported_namespace": desk.namespace, "exported_pod": "train-0"}, "value": [now, "73"]});
    let answer = json!({"status": "success", "data": {"resultType": "vector", "result": [sample]}});
    let prometheus = Listener::new(answer.to_string()).await?;
    let url = format!("http://127.0.0.1:{}/prometheus/", prometheus.port);
    desk.restart_with(&[ASKING, &["--prometheus", &url, "--gpu-query", "max by (exported_pod) (used)"]].concat())
        .await?;
    let sections = json!({"idle": {"idleAfter": "6s", "warnBefore": "2s"}, "signals": {"gpuAbovePercent": 5}});
    let _policy = Policy::set(&desk, sections).await?;
    let server = StandIn::new(Says::IdleSince(Timestamp::now())).await?;
    running(&desk, "train", &server).await?;
    let status = is(&desk, "train", Verdict::Busy).await?;
    let evidence = status.life.activity.context("no activity")?.evidence;
    let gpu = evidence.iter().find(|evidence| evidence.signal == Signal::Gpu).context("no word of GPUs")?;
    assert_eq!((gpu.vote, gpu.value.as_str()), (Vote::Busy, "73% of GPU, and 5 is the threshold"));
    let (path, _) = prometheus.sent().pop().context("it was not asked")?;
    assert_eq!(path, "/prometheus/api/v1/query?query=max+by+%28exported_pod%29+%28used%29");
    Ok(())
}

/// As metrics-server serves it. A CRD of the same kind answers the same request.
fn pod_metrics() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        // Without it the API server keeps the group for Kubernetes.
        "metadata": {"name": "pods.metrics.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, of tests"}},
        "spec": {
            "group": "metrics.k8s.io", "scope": "Namespaced",
            "names": {"kind": "PodMetrics", "plural": "pods", "singular": "podmetrics"},
            "versions": [{"name": "v1beta1", "served": true, "storage": true, "schema": schema}],
        },
    })
}

#[tokio::test]
async fn a_cpu_that_works_keeps_its_server() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), pod_metrics().to_string())?;
    kubectl(&["apply", "--server-side", "-f", file.path().to_str().context("a path that is no text")?])?;
    let desk = Desk::with(ASKING).await?;
    let now = Timestamp::now().to_string();
    let of = |pod: &str, cpu: &str| {
        let used = json!([{"name": "server", "usage": {"cpu": cpu, "memory": "1Gi"}}]);
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"name": pod},
            "timestamp": now, "window": "15s", "containers": used})
    };
    for (pod, cpu) in [("train-0", "1500m"), ("rest-0", "20000000n")] {
        let metrics = of(pod, cpu).to_string();
        eventually("the metrics", async || desk.create(&metrics).await).await?;
    }
    let sections = json!({"idle": {"idleAfter": "6s", "warnBefore": "2s"}, "signals": {"cpuAbove": "200m"}});
    let _policy = Policy::set(&desk, sections).await?;
    let (trains, rests) = (
        StandIn::new(Says::IdleSince(Timestamp::now())).await?,
        StandIn::new(Says::IdleSince(Timestamp::now())).await?,
    );
    running(&desk, "train", &trains).await?;
    running(&desk, "rest", &rests).await?;
    let status = is(&desk, "train", Verdict::Busy).await?;
    let evidence = status.life.activity.context("no activity")?.evidence;
    let cpu = evidence.iter().find(|evidence| evidence.signal == Signal::Cpu).context("no word of CPUs")?;
    assert_eq!(cpu.vote, Vote::Busy);
    assert!(cpu.value.contains("1500m of CPU, and 200"), "{cpu:?}");
    stops(&desk, "rest").await?;
    is(&desk, "train", Verdict::Busy).await.map(drop)
}

#[tokio::test]
async fn a_url_is_told_of_stops() -> Result<()> {
    let mut desk = Desk::without_controllers().await?;
    let hook = Listener::new(String::new()).await?;
    let url = format!("http://127.0.0.1:{}/hooks/labs?key=1", hook.port);
    desk.restart_with(&[ASKING, &["--warn-url", &url]].concat()).await?;
    let policy = Policy::set(&desk, json!({"idle": {"idleAfter": "10s", "warnBefore": "5s"}})).await?;
    let server = StandIn::new(Says::IdleSince(Timestamp::now())).await?;
    running(&desk, "told", &server).await?;
    has(&desk, "told", "StopPending").await?;
    server.say(Says::Busy);
    is(&desk, "told", Verdict::Busy).await?;
    server.say(Says::IdleSince(Timestamp::now()));
    stops(&desk, "told").await?;
    eventually("the last call", async || {
        let calls = hook.sent();
        ensure!(calls.iter().all(|(path, _)| path == "/hooks/labs?key=1"), "{calls:?}");
        let bodies: Vec<Value> =
            calls.iter().map(|(_, body)| Ok(serde_json::from_str(body)?)).collect::<Result<_>>()?;
        let events: Vec<_> = bodies.iter().filter_map(|body| body["event"].as_str()).collect();
        ensure!(events == ["Announced", "Cancelled", "Announced", "Stopped"], "{bodies:?}");
        let told =
            |body: &Value| body["name"] == "told" && body["namespace"] == *desk.namespace && body["cause"] == "Idle";
        ensure!(bodies.iter().all(told), "{bodies:?}");
        ensure!(bodies.iter().all(|body| body["event"] == "Cancelled" || body["by"] == *policy.name), "{bodies:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn kubeflows_annotations_are_kept_up_if_asked_for_and_rarely() -> Result<()> {
    let desk = Desk::with(&[ASKING, &["--kubeflow-activity=true"]].concat()).await?;
    let server = StandIn::new(Says::Busy).await?;
    running(&desk, "shown", &server).await?;
    let pod = desk.pod_uid("shown").await?;
    eventually("the annotations", async || {
        let notebook = desk.api::<Notebook>().get("shown").await?;
        for key in [LAST_ACTIVITY, CHECKED_AT] {
            let at: Timestamp = notebook.annotations().get(key).context("not yet")?.parse()?;
            ensure!(Timestamp::now().duration_since(at).as_secs() < 60, "{at}");
        }
        Ok(())
    })
    .await?;
    desk.rests(Duration::from_secs(4)).await?;
    assert_eq!(desk.pod_uid("shown").await?, pod);
    Ok(())
}
