//! A thousand Notebooks, and silence.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use carrel_api::notebook::{Notebook, Phase};
use carrel_tests::{Audit, Controllers, Desk, given};
use kube::api::{ListParams, PostParams};

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
    let api = desk.api::<Notebook>();
    for at in 0..NOTEBOOKS {
        let name = format!("nb-{at}");
        let notebook: Notebook = serde_json::from_value(serde_json::json!({
            "metadata": {"name": name},
            "spec": {"template": {"spec": {"containers": [{"name": name, "image": "jupyter", "resources": {"requests": {"cpu": "100m"}}}]}}},
        }))?;
        let created = serde_json::from_value(with_type(serde_json::to_value(&notebook)?))?;
        kube::Api::<kube::core::DynamicObject>::namespaced_with(
            desk.client.clone(),
            &desk.namespace,
            &kube::core::ApiResource::erase::<Notebook>(&()),
        )
        .create(&PostParams::default(), &created)
        .await?;
    }
    loop {
        let all = api.list(&ListParams::default()).await?;
        let ready = |notebook: &&Notebook| {
            let status = notebook.status.as_ref().and_then(|status| status.valid());
            status.is_some_and(|status| status.phase == Some(Phase::Running) && status.ready_replicas == 1)
        };
        let ready = all.items.iter().filter(ready).count();
        if ready == NOTEBOOKS {
            break;
        }
        ensure!(started.elapsed() < Duration::from_mins(5), "only {ready} of {NOTEBOOKS} are ready after 5 min");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    println!("{NOTEBOOKS} notebooks ready after {:.0} s", started.elapsed().as_secs_f64());

    let audit = Audit::given()?;
    Audit::settle().await;
    let spent = audit.requests()?.iter().filter(|request| !request.is_renewal()).count();
    println!("{}.{} requests a notebook from its creation to Running", spent / NOTEBOOKS, spent * 10 / NOTEBOOKS % 10);

    // What the last reconciles still had to say is no rest.
    tokio::time::sleep(Duration::from_secs(5)).await;
    Audit::settle().await;
    let before = audit.requests()?.len();
    tokio::time::sleep(REST).await;
    Audit::settle().await;
    let at_rest = audit.requests()?.split_off(before);
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

fn with_type(mut object: serde_json::Value) -> serde_json::Value {
    object["apiVersion"] = "kubeflow.org/v1".into();
    object["kind"] = "Notebook".into();
    object
}
