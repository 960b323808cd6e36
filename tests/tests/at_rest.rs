//! A thousand Notebooks, and silence.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use carrel_tests::crowd::{Count, create_all, notebook, runs};
use carrel_tests::{Audit, Controllers, Desk, given};

const NOTEBOOKS: usize = 1000;
const REST: Duration = Duration::from_mins(1);

/// Upstream sends 5,169 requests in 30 s at this size, measured.
#[tokio::test]
async fn a_thousand_notebooks_at_rest_cost_no_request_but_renewals() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    let kubeconfig = given("CARREL_KUBECONFIG")?;
    // As it runs in a cluster: for all namespaces, with its lease.
    let controllers = Controllers::start(Path::new(&kubeconfig), &[])?;
    controllers.ready().await?;
    let started = Instant::now();
    let mut running = Count::of(&desk, runs);
    create_all(&desk, (0..NOTEBOOKS).map(|at| notebook(&format!("nb-{at}"))).collect()).await?;
    running.reaches(NOTEBOOKS, Duration::from_mins(5)).await?;
    drop(running);
    println!("{NOTEBOOKS} notebooks ready after {:.0} s", started.elapsed().as_secs_f64());

    let audit = Audit::given()?;
    Audit::settle().await;
    let spent = audit.requests()?.iter().filter(|request| !request.is_renewal()).count();
    println!("{}.{} requests a notebook from its creation to Running", spent / NOTEBOOKS, spent * 10 / NOTEBOOKS % 10);

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
