//! A thousand Notebooks, a thousand VolumeRequests, and silence.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use carrel_api::volume_request::{Reason, VolumeRequest};
use carrel_tests::crowd::{Count, create_all, notebook, runs, volume_request};
use carrel_tests::{Audit, Controllers, Desk, given};

const NOTEBOOKS: usize = 1000;
const VOLUMES: usize = 1000;
const REST: Duration = Duration::from_mins(1);

/// Upstream sends 5,169 requests in 30 s at this size, measured.
#[tokio::test]
async fn a_thousand_notebooks_and_as_many_volumes_at_rest_cost_no_request_but_renewals() -> Result<()> {
    let (desk, others) = (Desk::without_controllers().await?, Desk::without_controllers().await?);
    let kubeconfig = given("CARREL_KUBECONFIG")?;
    // As it runs in a cluster: for all namespaces, with its lease.
    let controllers = Controllers::start(Path::new(&kubeconfig), &[])?;
    controllers.ready().await?;
    notebooks(&desk).await?;
    volumes(&others).await?;

    let audit = Audit::given()?;
    Audit::settle().await;
    for (what, desk, count) in [("notebook", &desk, NOTEBOOKS), ("volume", &others, VOLUMES)] {
        let spent = audit.of(&desk.namespace)?.len();
        println!("{}.{} requests a {what} until there is no more to say", spent / count, spent * 10 / count % 10);
    }

    // What the last reconciles still had to say is no rest.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let at_rest = audit.within(REST).await?;
    let renewals = at_rest.iter().filter(|request| request.is_renewal()).count();
    let others: Vec<_> =
        at_rest.iter().filter(|request| !request.is_renewal()).map(carrel_tests::Request::word).collect();
    println!(
        "at rest, {} s: {renewals} renewals of lease and watches, {} other requests",
        REST.as_secs(),
        others.len()
    );
    assert_eq!(others, [""; 0]);
    assert!(renewals > 0, "the log is alive");
    Ok(())
}

async fn notebooks(desk: &Desk) -> Result<()> {
    let started = Instant::now();
    let mut running = Count::of(desk, runs);
    create_all(desk, (0..NOTEBOOKS).map(|at| notebook(&format!("nb-{at}"))).collect()).await?;
    running.reaches(NOTEBOOKS, Duration::from_mins(5)).await?;
    println!("{NOTEBOOKS} notebooks ready after {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

async fn volumes(desk: &Desk) -> Result<()> {
    let started = Instant::now();
    let mut told = Count::of(desk, |request: &VolumeRequest| {
        let status = request.status.as_ref().and_then(|status| status.valid());
        status.is_some_and(|status| status.reason == Some(Reason::WaitingForPod))
    });
    create_all(desk, (0..VOLUMES).map(|at| volume_request(&format!("v-{at}"))).collect()).await?;
    told.reaches(VOLUMES, Duration::from_mins(5)).await?;
    println!("{VOLUMES} volumes asked for and told of after {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
