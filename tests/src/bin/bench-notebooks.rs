//! `cargo xtask bench notebooks`: what the Notebook controller costs, beside a bare client that makes the same children.
//!
//! Prints figures and asserts none: times are another machine's tomorrow.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use carrel_api::notebook::Notebook;
use carrel_tests::crowd::{Count, Object, create_all, notebook, pod, runs};
use carrel_tests::figures::{at_rest, line, memory, number, restart, seconds, start, tenths};
use carrel_tests::{Audit, Desk, given};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Event, Pod, Secret, Service};
use kube::api::{DeleteParams, ListParams};
use kube::core::ApiResource;
use serde_json::json;

const SINGLES: usize = 50;
/// How long anything may take.
const LIMIT: Duration = Duration::from_mins(30);

#[tokio::main]
async fn main() -> Result<()> {
    let count: usize = number("BENCH_NOTEBOOKS")?;
    let strangers: usize = number("BENCH_STRANGERS")?;
    println!("{count} notebooks, {} processors\n", std::thread::available_parallelism()?);
    let others = if given("BENCH_COMPARE")? == "true" { Some(others(count).await?) } else { None };

    let desk = Desk::without_controllers().await?;
    let controllers = start()?;
    controllers.ready().await?;
    line("memory before (VmRSS)", &memory(&controllers)?);
    let audit = Audit::given()?;
    let made = make_notebooks(&desk, count).await?;
    let ratio = |to: Duration| made.children.as_secs_f64() / to.as_secs_f64();
    let compared = others.map(|Others { bare, alone }| {
        format!(
            " ({:.2} times the bare client, {:.2} times with the Notebooks counted)",
            ratio(bare),
            ratio(bare + alone)
        )
    });
    line("Carrel: all children made", &format!("{}{}", seconds(made.children), compared.unwrap_or_default()));
    line("Carrel: all Running", &seconds(made.running));
    Audit::settle().await;
    let spent: Vec<_> = audit.requests()?.into_iter().filter(|request| !request.is_renewal()).collect();
    let reads = spent.iter().filter(|request| ["get", "list"].contains(&request.verb.as_str())).count();
    let each = tenths(spent.len() - reads, count);
    line("requests a notebook, Events included", &format!("{each}, and {reads} reads in all (caches, lease)"));
    line("memory (VmRSS)", &memory(&controllers)?);

    at_rest(&audit).await?;
    if strangers > 0 {
        make_strangers(strangers).await?;
        line(&format!("memory with {strangers} strangers' objects"), &memory(&controllers)?);
        at_rest(&audit).await?;
    }

    let _controllers = restart(controllers, &audit, &desk.namespace).await?;

    let before = audit.writes(&desk.namespace)?.len();
    let mut singles = singles(&desk, count).await?;
    singles.sort();
    Audit::settle().await;
    let spent = audit.writes(&desk.namespace)?.len() - before;
    line("one alone: requests until Running", &tenths(spent, SINGLES));
    let at =
        |share: usize| singles.get((singles.len() * share / 100).min(singles.len() - 1)).copied().unwrap_or_default();
    let words = format!("p50 {} ms, p99 {} ms", at(50).as_millis(), at(99).as_millis());
    line("one alone: StatefulSet seen after", &words);

    let before = audit.of(&desk.namespace)?.len();
    new_images(&desk).await?;
    Audit::settle().await;
    let spent = audit.of(&desk.namespace)?.len() - before;
    line("a new image for one alone: requests", &tenths(spent, SINGLES));
    Ok(())
}

/// What Carrel is compared with.
#[derive(Clone, Copy)]
struct Others {
    bare: Duration,
    alone: Duration,
}

async fn others(count: usize) -> Result<Others> {
    let bare = bare(count).await?;
    line("bare client: all children made", &seconds(bare));
    let alone = notebooks_alone(count).await?;
    line("the Notebooks themselves, no controller", &seconds(alone));
    Ok(Others { bare, alone })
}

/// The children of that many notebooks, made by a client that does nothing else. How long until all are there.
async fn bare(count: usize) -> Result<Duration> {
    let desk = Desk::without_controllers().await?;
    let mut ready =
        Count::of(&desk, |set: &StatefulSet| set.status.as_ref().and_then(|status| status.ready_replicas) == Some(1));
    let started = Instant::now();
    let objects = (0..count).flat_map(|at| {
        let name = format!("nb-{at}");
        [service(&name), stateful_set(&name)]
    });
    create_all(&desk, objects.collect()).await?;
    let took = started.elapsed();
    // So that this part of the bench does not work on while the next is measured.
    ready.reaches(count, LIMIT).await.context("the bare client's pods do not become ready")?;
    // Its namespace would go with it, and to delete what is in there is as much work as to make it.
    std::mem::forget(desk);
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

struct Made {
    children: Duration,
    running: Duration,
}

async fn make_notebooks(desk: &Desk, count: usize) -> Result<Made> {
    let mut sets = Count::of(desk, |_: &StatefulSet| true);
    let mut services = Count::of(desk, |_: &Service| true);
    let mut running = Count::of(desk, runs);
    let started = Instant::now();
    create_all(desk, (0..count).map(|at| notebook(&format!("nb-{at}"))).collect()).await?;
    sets.reaches(count, LIMIT).await?;
    services.reaches(count, LIMIT).await?;
    let children = started.elapsed();
    running.reaches(count, LIMIT).await?;
    Ok(Made { children, running: started.elapsed() })
}

/// That many Notebooks, while no controller looks after them. How long until all are stored.
async fn notebooks_alone(count: usize) -> Result<Duration> {
    let desk = Desk::without_controllers().await?;
    let mut all = Count::of(&desk, |_: &Notebook| true);
    let started = Instant::now();
    create_all(&desk, (0..count).map(|at| notebook(&format!("nb-{at}"))).collect()).await?;
    let took = started.elapsed();
    all.reaches(count, LIMIT).await?;
    desk.api::<Notebook>().delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    all.falls_to(0, LIMIT).await?;
    Ok(took)
}

/// Notebooks one after the other, with nothing else going on: how long until each has its StatefulSet.
async fn singles(desk: &Desk, already: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut sets = Count::of(desk, |_: &StatefulSet| true);
    sets.reaches(already, LIMIT).await?;
    for at in 0..SINGLES {
        let name = format!("single-{at}");
        let started = Instant::now();
        create_all(desk, vec![notebook(&name)]).await?;
        sets.reaches(already + at + 1, LIMIT).await?;
        times.push(started.elapsed());
        desk.reaches(&name, "Running").await?;
    }
    Ok(times)
}

const NEW_IMAGE: &str = "jupyter:new";

/// A new image for one after the other; many at once are more than fake nodes bear, which lose pods that come back soon under
/// the same name.
async fn new_images(desk: &Desk) -> Result<()> {
    let has_it = |pod: &Pod| {
        let image = pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.as_deref());
        image == Some(NEW_IMAGE)
    };
    let mut pods = Count::of(desk, has_it);
    for at in 0..SINGLES {
        let name = format!("single-{at}");
        let container = json!({"name": name, "image": NEW_IMAGE, "resources": {"requests": {"cpu": "10m"}}});
        desk.change(&name, json!({"spec": {"template": {"spec": {"containers": [container]}}}})).await?;
        pods.reaches(at + 1, LIMIT).await?;
        desk.reaches(&name, "Running").await?;
    }
    Ok(())
}

/// Objects of other people: Pods, Services, Secrets and Events, a quarter each.
async fn make_strangers(count: usize) -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let object = |at: usize| {
        let name = format!("s-{at}");
        let metadata = json!({"name": name});
        match at % 4 {
            // It has a gate, so that nobody else works on it.
            0 => (
                ApiResource::erase::<Pod>(&()),
                json!({"metadata": metadata, "spec": {"schedulingGates": [{"name": "example.org/held"}], "containers": [{"name": "a", "image": "i"}]}}),
            ),
            1 => (
                ApiResource::erase::<Service>(&()),
                json!({"metadata": metadata, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}}),
            ),
            2 => (
                ApiResource::erase::<Secret>(&()),
                json!({"metadata": metadata, "stringData": {"key": "x".repeat(1000)}}),
            ),
            _ => {
                let about = json!({"kind": "Pod", "name": "s-0", "namespace": desk.namespace, "uid": "none"});
                let event = json!({"metadata": metadata, "type": "Warning", "reason": "BackOff", "message": format!("{at}"), "involvedObject": about});
                (ApiResource::erase::<Event>(&()), event)
            }
        }
    };
    create_all(&desk, (0..count).map(object).collect()).await?;
    // The namespace outlives this function: what it holds should still be there.
    std::mem::forget(desk);
    Ok(())
}
