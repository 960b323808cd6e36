//! `cargo xtask bench failover`: the leader is killed, and another time frozen, while there is work to do.
//!
//! Prints figures and asserts of times none; but it fails where a write was lost or done twice.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use carrel_api::notebook::Notebook;
use carrel_tests::crowd::{Count, create_all, notebook, runs};
use carrel_tests::figures::{line, memory, number, seconds, start};
use carrel_tests::{Audit, Controllers, Desk, Request};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use kube::api::ListParams;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

/// How long anything may take.
const LIMIT: Duration = Duration::from_hours(1);

/// So many notebooks are asked for around the moment of the failure, half of them before.
const ASKED: usize = 200;

/// How often somebody looks who leads.
const LOOK: Duration = Duration::from_millis(50);

/// Twice the duration of the lease: who wakes in this time must know that its time is over.
const AWAKE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let count: usize = number("BENCH_NOTEBOOKS")?;
    println!("{count} notebooks, {} processors\n", std::thread::available_parallelism()?);
    let desk = Desk::without_controllers().await?;
    let mut running = Count::of(&desk, runs);
    let mut leader = start()?;
    leader.ready().await?;
    leads(&leader).await?;
    create_all(&desk, (0..count).map(|at| notebook(&format!("nb-{at}"))).collect()).await?;
    running.reaches(count, LIMIT).await?;

    for (at, (how, signal)) in [("killed", "KILL"), ("frozen", "STOP")].into_iter().enumerate() {
        let standby = start()?;
        standby.ready().await?;
        line("memory of the replica in reserve (VmRSS)", &memory(&standby)?);
        let failure = Failure { how, signal, running: count + (at + 1) * ASKED };
        failure.happens(&desk, &leader, &standby, &mut running).await?;
        leader = standby;
    }
    Ok(())
}

/// What becomes of the leader.
struct Failure {
    how: &'static str,
    signal: &'static str,
    /// How many notebooks run in the end.
    running: usize,
}

impl Failure {
    async fn happens(
        &self,
        desk: &Desk,
        leader: &Controllers,
        standby: &Controllers,
        running: &mut Count,
    ) -> Result<()> {
        let (how, half) = (self.how, ASKED / 2);
        let audit = Audit::given()?;
        let asked = |from: usize| (from..from + half).map(move |at| notebook(&format!("{how}-{at}"))).collect();
        create_all(desk, asked(0)).await?;
        leader.signal(self.signal)?;
        let failed = Instant::now();
        create_all(desk, asked(half)).await?;
        let took = leads(standby).await?.duration_since(failed);
        line(&format!("leader {how}: another leads after"), &seconds(took));
        running.reaches(self.running, LIMIT).await?;
        line(&format!("leader {how}: all that was asked runs after"), &seconds(failed.elapsed()));
        if self.signal == "STOP" {
            leader.signal("CONT")?;
            tokio::time::sleep(AWAKE).await;
            ensure!(leader.metric("carrel_leader", "")? == 0, "the one that was frozen leads beside the other");
        }
        Audit::settle().await;
        // A write of who is killed may take effect and never be answered: what is there tells what was made.
        let children = count::<StatefulSet>(desk, how).await? + count::<Service>(desk, how).await?;
        ensure!(children == 2 * ASKED, "{children} children were made of {ASKED} notebooks");
        let twice = written_twice(&audit.of(&desk.namespace)?, how);
        ensure!(twice.is_empty(), "written more than once: {twice:?}");
        line(&format!("leader {how}: children made, each once"), &children.to_string());
        let notebooks = count::<Notebook>(desk, "").await?;
        ensure!(notebooks == self.running, "{notebooks} Notebooks");
        Ok(())
    }
}

/// Waits until it leads. When that was.
async fn leads(controllers: &Controllers) -> Result<Instant> {
    let began = Instant::now();
    while controllers.metric("carrel_leader", "")? == 0 {
        ensure!(began.elapsed() < LIMIT, "it does not come to lead");
        tokio::time::sleep(LOOK).await;
    }
    Ok(Instant::now())
}

/// How many objects of a kind have names with this prefix.
async fn count<K>(desk: &Desk, prefix: &str) -> Result<usize>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let all = desk.api::<K>().list_metadata(&ListParams::default()).await?;
    Ok(all.iter().filter(|object| object.name_any().starts_with(prefix)).count())
}

/// The children of the notebooks with this prefix that were written more than once.
fn written_twice(requests: &[Request], prefix: &str) -> Vec<String> {
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    let of_child = |request: &&Request| {
        let object = &request.object_ref;
        request.is_write()
            && request.code() < 300
            && ["statefulsets", "services"].contains(&object.resource.as_str())
            && object.name.starts_with(prefix)
    };
    for request in requests.iter().filter(of_child) {
        *written.entry(request.word()).or_default() += 1;
    }
    let twice = written.iter().filter(|(_, times)| **times > 1).map(|(word, times)| format!("{word}: {times}"));
    twice.collect()
}
