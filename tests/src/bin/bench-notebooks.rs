//! `cargo xtask bench notebooks`: what the Notebook controller costs, beside a bare client that makes the same children.
//!
//! Prints figures and asserts none: times are another machine's tomorrow.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use carrel_tests::crowd::{Object, all_running, count_of, create_all, notebook, pod};
use carrel_tests::{Audit, Controllers, Desk, given};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use kube::core::ApiResource;
use serde_json::json;

const REST: Duration = Duration::from_mins(1);
const SINGLES: usize = 50;

#[tokio::main]
async fn main() -> Result<()> {
    let count: usize = given("BENCH_NOTEBOOKS")?.parse().context("BENCH_NOTEBOOKS is no number")?;
    println!("{count} notebooks, {} processors\n", std::thread::available_parallelism()?);
    let bare = bare(count).await?;
    line("bare client: all children made", &seconds(bare));

    let desk = Desk::without_controllers().await?;
    let controllers = start()?;
    controllers.ready().await?;
    let made = make_notebooks(&desk, count).await?;
    let ratio = made.children.as_secs_f64() / bare.as_secs_f64();
    line("Carrel: all children made", &format!("{} ({ratio:.2} times the bare client)", seconds(made.children)));
    line("Carrel: all Running", &seconds(made.running));
    Audit::settle().await;
    let audit = Audit::given()?;
    let spent: Vec<_> = audit.requests()?.into_iter().filter(|request| !request.is_renewal()).collect();
    let reads = spent.iter().filter(|request| ["get", "list"].contains(&request.verb.as_str())).count();
    let each = tenths(spent.len() - reads, count);
    line("requests a notebook, Events included", &format!("{each}, and {reads} reads in all (caches, lease)"));
    line("memory (VmRSS)", &memory(&controllers)?);

    tokio::time::sleep(Duration::from_secs(5)).await;
    let at_rest = audit.within(REST).await?;
    let others = at_rest.iter().filter(|request| !request.is_renewal()).count();
    line("requests at rest in 60 s", &format!("{others}, and {} renewals", at_rest.len() - others));

    controllers.stop().await?;
    let (before, restarted) = (audit.writes(&desk.namespace)?.len(), Instant::now());
    let controllers = start()?;
    controllers.ready().await?;
    let filled = restarted.elapsed();
    tokio::time::sleep(Duration::from_secs(10)).await;
    Audit::settle().await;
    let writes = audit.writes(&desk.namespace)?.len() - before;
    line("restart: caches filled after", &format!("{}, {writes} writes", seconds(filled)));

    Audit::settle().await;
    let before = audit.writes(&desk.namespace)?.len();
    let mut singles = singles(&desk).await?;
    singles.sort();
    Audit::settle().await;
    let spent = audit.writes(&desk.namespace)?.len() - before;
    line("one alone: requests until Running", &tenths(spent, SINGLES));
    let at =
        |share: usize| singles.get((singles.len() * share / 100).min(singles.len() - 1)).copied().unwrap_or_default();
    let words = format!("p50 {} ms, p99 {} ms", at(50).as_millis(), at(99).as_millis());
    line("one alone: StatefulSet seen after", &words);
    Ok(())
}

fn line(what: &str, figure: &str) {
    println!("{what:<40} {figure}");
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn tenths(sum: usize, count: usize) -> String {
    format!("{}.{}", sum / count, sum * 10 / count % 10)
}

fn start() -> Result<Controllers> {
    // As it runs in a cluster: all namespaces, with its lease.
    Controllers::start(&PathBuf::from(given("CARREL_KUBECONFIG")?), &["--log=warn"])
}

fn memory(controllers: &Controllers) -> Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", controllers.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(format!("{} MiB", kilobytes / 1024))
}

/// The children of that many notebooks, made by a client that does nothing else. How long until all are there.
async fn bare(count: usize) -> Result<Duration> {
    let desk = Desk::without_controllers().await?;
    let started = Instant::now();
    let objects = (0..count).flat_map(|at| {
        let name = format!("nb-{at}");
        [service(&name), stateful_set(&name)]
    });
    create_all(&desk, objects.collect()).await?;
    let took = started.elapsed();
    eventually_ready(&desk, count).await?;
    Ok(took)
}

fn service(name: &str) -> Object {
    let ports = json!([{"name": format!("http-{name}"), "port": 80, "targetPort": 8888, "protocol": "TCP"}]);
    let spec = json!({"selector": {"statefulset": name}, "ports": ports});
    (
        ApiResource::erase::<Service>(&()),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}),
    )
}

fn stateful_set(name: &str) -> Object {
    let labels = json!({"statefulset": name, "notebook-name": name});
    let template = json!({"metadata": {"labels": labels}, "spec": pod(name)});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"statefulset": name}}, "template": template});
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": spec});
    (ApiResource::erase::<StatefulSet>(&()), set)
}

/// So that one part of the bench does not work on while the next is measured.
async fn eventually_ready(desk: &Desk, count: usize) -> Result<()> {
    let ready = |set: &StatefulSet| set.status.as_ref().and_then(|status| status.ready_replicas) == Some(1);
    let started = Instant::now();
    while count_of::<StatefulSet>(desk, ready).await? < count {
        ensure!(started.elapsed() < Duration::from_mins(20), "the bare client's pods do not become ready");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

struct Made {
    children: Duration,
    running: Duration,
}

async fn make_notebooks(desk: &Desk, count: usize) -> Result<Made> {
    let started = Instant::now();
    create_all(desk, (0..count).map(|at| notebook(&format!("nb-{at}"))).collect()).await?;
    let limit = Duration::from_mins(20);
    while count_of::<StatefulSet>(desk, |_| true).await? < count || count_of::<Service>(desk, |_| true).await? < count {
        ensure!(started.elapsed() < limit, "not all children are made");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let children = started.elapsed();
    all_running(desk, count, limit).await?;
    Ok(Made { children, running: started.elapsed() })
}

/// Notebooks one after the other, with nothing else going on: how long until each has its StatefulSet.
async fn singles(desk: &Desk) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for at in 0..SINGLES {
        let name = format!("single-{at}");
        let started = Instant::now();
        create_all(desk, vec![notebook(&name)]).await?;
        let api = desk.api::<StatefulSet>();
        while api.get_opt(&name).await?.is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        times.push(started.elapsed());
        desk.reaches(&name, "Running").await?;
    }
    Ok(times)
}
