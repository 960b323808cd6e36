//! `cargo xtask bench culling`: what it costs to ask many servers whether they are used, and what those that hang do to the
//! others.
//!
//! Prints figures. What it asserts is counts: times are another machine's tomorrow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use carrel_api::activity::Verdict;
use carrel_api::notebook::Notebook;
use carrel_tests::crowd::{Count, Object, create_all, notebook};
use carrel_tests::figures::{cpu, line, memory, most_memory, number, seconds, start_with};
use carrel_tests::{Audit, Controllers, Desk, Policy, Request, StandIns};
use jiff::Timestamp;
use serde_json::json;

/// Each server is asked once in this time: the limit for one sweep.
const PERIOD: Duration = Duration::from_secs(10);
/// How the controllers ask.
const ASKING: &[&str] = &["--probe=true", "--probe-via=pod", "--probe-period=10s"];
/// Of so many servers one hangs.
const ONE_OF: usize = 10;
/// How many sweeps are timed with nothing else going on.
const SWEEPS: u32 = 5;
/// How long anything may take.
const LIMIT: Duration = Duration::from_mins(45);

#[tokio::main]
async fn main() -> Result<()> {
    let (count, rest) = (number("BENCH_NOTEBOOKS")?, number("BENCH_REST")?);
    println!(
        "{count} notebooks, {} processors, a period of {}\n",
        std::thread::available_parallelism()?,
        seconds(PERIOD)
    );
    let servers = StandIns::new(count, Timestamp::now())?;
    let desk = Desk::without_controllers().await?;
    let policy = Policy::set(&desk, json!({"idle": {"idleAfter": "7d"}})).await?;
    let controllers = start_with(ASKING)?;
    controllers.ready().await?;
    make_notebooks(&desk, &servers).await?;
    controllers.stop().await?;

    let audit = Audit::given()?;
    Audit::settle().await;
    let before = audit.requests()?.len();
    let controllers = start_with(ASKING)?;
    let started = Instant::now();
    controllers.ready().await?;
    let ready = started.elapsed();
    servers.sweep(LIMIT).await?;
    let words = format!("{}, of which {} until the caches are filled", seconds(started.elapsed()), seconds(ready));
    line("after a restart: all asked", &words);
    tokio::time::sleep(PERIOD).await;
    Audit::settle().await;
    let written = writes(audit.requests()?.split_off(before));
    line("after a restart: writes", &told(&written));

    let alone = sweeps(&servers, &controllers).await?;
    line("a sweep", &alone.words());
    at_rest(&audit, &servers, &controllers, Duration::from_secs(rest as u64)).await?;

    let before = audit.requests()?.len();
    let hanging: BTreeSet<String> = (0..count).filter(|at| hangs(*at)).map(name).collect();
    let mut unknown = Count::of(&desk, |notebook: &Notebook| verdict(notebook) == Some(Verdict::Unknown));
    servers.hang(hangs);
    let first = servers.sweep(LIMIT).await?;
    line(&format!("{} hang: the sweep of the others in which they do", hanging.len()), &seconds(first));
    let beside = sweeps(&servers, &controllers).await?;
    let ratio = beside.took.as_secs_f64() / alone.took.as_secs_f64();
    line("a sweep of the others from then on", &format!("{}; {ratio:.2} times that without", beside.words()));
    // That nobody can tell is said after some minutes.
    unknown.reaches(hanging.len(), LIMIT).await?;
    tokio::time::sleep(PERIOD).await;
    Audit::settle().await;
    let written = writes(audit.requests()?.split_off(before));
    line("writes of those that hang", &told(&written));
    line("memory (VmRSS, VmHWM)", &format!("{}, {}", memory(&controllers)?, most_memory(&controllers)?));
    let named: BTreeSet<_> = written.iter().map(|request| &request.object_ref.name).collect();
    ensure!(named.len() >= hanging.len(), "it is said of {} of {} only that they hang", named.len(), hanging.len());
    let strangers: Vec<_> = written.iter().filter(|request| !about(request, &hanging)).map(Request::word).collect();
    ensure!(strangers.is_empty(), "it was written of others than those that hang: {strangers:?}");
    policy.remove(&desk).await
}

/// Notebooks, each on the network of its host with a stand-in's port. They are there when each is said to be idle, which is
/// some minutes after its start.
async fn make_notebooks(desk: &Desk, servers: &StandIns) -> Result<()> {
    let mut idle = Count::of(desk, |notebook: &Notebook| verdict(notebook) == Some(Verdict::Idle));
    let started = Instant::now();
    let objects: Vec<_> = servers.ports().enumerate().map(|(at, port)| served(&name(at), port)).collect();
    let count = objects.len();
    create_all(desk, objects).await?;
    idle.reaches(count, LIMIT).await?;
    line("all made, asked and said to be idle", &seconds(started.elapsed()));
    Ok(())
}

fn name(at: usize) -> String {
    format!("nb-{at}")
}

/// Spread among the others, as they are in a cluster.
fn hangs(at: usize) -> bool {
    at.is_multiple_of(ONE_OF)
}

/// A Notebook at a port of this machine.
fn served(name: &str, port: u16) -> Object {
    let (resource, mut object) = notebook(name);
    if let Some(pod) = object.pointer_mut("/spec/template/spec") {
        let container = json!({"name": name, "image": "jupyter", "ports": [{"containerPort": port}],
            "resources": {"requests": {"cpu": "10m"}}});
        *pod = json!({"hostNetwork": true, "containers": [container]});
    }
    (resource, object)
}

fn verdict(notebook: &Notebook) -> Option<Verdict> {
    let status = notebook.status.as_ref().and_then(|status| status.valid())?;
    status.life.activity.as_ref().map(|activity| activity.verdict)
}

/// What some sweeps cost, one after the other.
struct Sweeps {
    /// The longest of them.
    took: Duration,
    cpu: Duration,
    questions: u64,
    gap: Duration,
}

impl Sweeps {
    fn words(&self) -> String {
        let Self { took, cpu, questions, gap } = self;
        let (took, cpu, gap) = (seconds(*took), seconds(*cpu), seconds(*gap));
        format!("{took} at most, {questions} questions, {cpu} of CPU; nobody waits longer than {gap} for the next")
    }
}

async fn sweeps(servers: &StandIns, controllers: &Controllers) -> Result<Sweeps> {
    servers.longest_gap();
    let (before, asked, started) = (cpu(controllers)?, questions(controllers)?, Instant::now());
    let mut took = Duration::ZERO;
    for _ in 0..SWEEPS {
        took = took.max(servers.sweep(LIMIT).await?);
    }
    let periods = started.elapsed().as_secs_f64() / PERIOD.as_secs_f64();
    let cpu = cpu(controllers)?.saturating_sub(before).div_f64(periods);
    let questions = (questions(controllers)? - asked) / u64::from(SWEEPS);
    Ok(Sweeps { took, cpu, questions, gap: servers.longest_gap() })
}

fn questions(controllers: &Controllers) -> Result<u64> {
    controllers.metric("carrel_probes_total", "")
}

/// Nothing happens for so long, and nothing but the lease may be written.
async fn at_rest(audit: &Audit, servers: &StandIns, controllers: &Controllers, rest: Duration) -> Result<()> {
    let (before, asked, started) = (cpu(controllers)?, servers.asked(), Instant::now());
    let requests = audit.within(rest).await?;
    let took = started.elapsed().as_secs_f64();
    let used = cpu(controllers)?.saturating_sub(before);
    let rounds = servers.asked() - asked;
    let others = requests.iter().filter(|request| !request.is_renewal()).count();
    let renewals = requests.len() - others;
    let written = writes(requests);
    let what = format!("at rest for {} s: requests", rest.as_secs());
    line(&what, &format!("{others}, of which writes: {}; and {renewals} renewals", told(&written)));
    line("at rest: servers asked", &format!("{rounds} times"));
    let percent = used.as_secs_f64() / took * 100.0;
    let sweep = used.as_secs_f64() * PERIOD.as_secs_f64() / took;
    line("at rest: CPU", &format!("{}, {percent:.1} % of a core; {sweep:.2} s a sweep", seconds(used)));
    line("at rest: memory (VmRSS, VmHWM)", &format!("{}, {}", memory(controllers)?, most_memory(controllers)?));
    ensure!(written.is_empty(), "asking wrote: {}", told(&written));
    ensure!(rounds > 0, "nobody was asked");
    Ok(())
}

fn writes(requests: Vec<Request>) -> Vec<Request> {
    requests.into_iter().filter(|request| request.is_write() && !request.is_renewal()).collect()
}

/// How many of which kind.
fn told(requests: &[Request]) -> String {
    let mut kinds = BTreeMap::new();
    for Request { verb, object_ref, .. } in requests {
        *kinds.entry((verb, &object_ref.resource, &object_ref.subresource)).or_insert(0_usize) += 1;
    }
    let words = kinds.into_iter().map(|((verb, resource, part), count)| {
        let slash = if part.is_empty() { "" } else { "/" };
        format!("{count} {verb} {resource}{slash}{part}")
    });
    let words: Vec<_> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// Whether it is about one of these. An Event is, whose name begins with that of what it is about.
fn about(request: &Request, names: &BTreeSet<String>) -> bool {
    let name = &request.object_ref.name;
    names.contains(name.split('.').next().unwrap_or(name))
}
