//! `cargo xtask bench volumes`: what the VolumeRequest controller costs, beside pods of other people.
//!
//! Prints figures and asserts none: times are another machine's tomorrow.

use std::time::{Duration, Instant};

use anyhow::Result;
use carrel_api::volume_request::{Reason, VolumeRequest};
use carrel_tests::crowd::{Count, Object, create_all, volume_request};
use carrel_tests::figures::{at_rest, line, memory, number, restart, seconds, start, tenths};
use carrel_tests::{Audit, Desk};
use k8s_openapi::api::core::v1::Pod;
use kube::core::ApiResource;
use serde_json::json;

/// How long anything may take.
const LIMIT: Duration = Duration::from_mins(30);

/// Of so many pods of others one mounts a volume.
const ONE_OF: usize = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let (count, strangers) = (number("BENCH_VOLUMES")?, number("BENCH_STRANGERS")?);
    println!("{count} VolumeRequests, {} processors\n", std::thread::available_parallelism()?);
    let desk = Desk::without_controllers().await?;
    let controllers = start()?;
    controllers.ready().await?;
    line("memory before (VmRSS)", &memory(&controllers)?);
    let audit = Audit::given()?;

    let mut told = Count::of(&desk, |request: &VolumeRequest| reason(request) == Some(Reason::WaitingForPod));
    let started = Instant::now();
    create_all(&desk, (0..count).map(|at| volume_request(&format!("v-{at}"))).collect()).await?;
    told.reaches(count, LIMIT).await?;
    line("all claims made, and told", &seconds(started.elapsed()));
    Audit::settle().await;
    let spent = audit.requests()?.into_iter().filter(|request| !request.is_renewal());
    let (reads, writes): (Vec<_>, Vec<_>) = spent.partition(|request| !request.is_write());
    let words = format!("{}, and {} reads in all (caches, lease)", tenths(writes.len(), count), reads.len());
    line("requests a VolumeRequest, Events included", &words);
    line("memory (VmRSS)", &memory(&controllers)?);
    at_rest(&audit).await?;

    if strangers > 0 {
        let users = strangers.div_ceil(ONE_OF);
        let mut used = Count::of(&desk, |request: &VolumeRequest| {
            let status = request.status.as_ref().and_then(|status| status.valid());
            status.is_some_and(|status| !status.used_by.is_empty())
        });
        let before = audit.writes(&desk.namespace)?.len();
        create_all(&desk, (0..strangers).map(|at| stranger(at, count)).collect()).await?;
        used.reaches(users.min(count), LIMIT).await?;
        Audit::settle().await;
        let spent = audit.writes(&desk.namespace)?.len() - before;
        line(&format!("{users} of them mount a volume: requests"), &spent.to_string());
        line(&format!("memory with {strangers} pods of others"), &memory(&controllers)?);
        at_rest(&audit).await?;
    }
    restart(controllers, &audit, &desk.namespace).await?;
    Ok(())
}

fn reason(request: &VolumeRequest) -> Option<Reason> {
    request.status.as_ref().and_then(|status| status.valid()).and_then(|status| status.reason)
}

/// A pod of somebody else. It has a gate, so that nobody else works on it.
fn stranger(at: usize, volumes: usize) -> Object {
    let claim = json!([{"name": "v", "persistentVolumeClaim": {"claimName": format!("v-{}", at / ONE_OF % volumes)}}]);
    let mounts = if at.is_multiple_of(ONE_OF) { claim } else { json!([]) };
    let spec = json!({"schedulingGates": [{"name": "example.org/held"}], "containers": [{"name": "a", "image": "i"}], "volumes": mounts});
    (ApiResource::erase::<Pod>(&()), json!({"metadata": {"name": format!("s-{at}")}, "spec": spec}))
}
