//! Notebooks as the CRD's schema lets them through, against the real API server: children or a refusal, and rest.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::notebook::{Notebook, NotebookStatus, READY, Reason};
use carrel_api::testing::{Taste, any_metadata, any_spec};
use carrel_tests::{Desk, eventually};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::core::ApiResource;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// Another one makes other Notebooks; the same one the same again.
const SEED: u8 = 7;
const NOTEBOOKS: usize = 60;

/// A runner that always makes the same.
pub(crate) fn runner(seed: u8) -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

fn notebooks() -> Vec<DynamicObject> {
    let mut runner = runner(SEED);
    let spec = prop_oneof![1 => any_spec(Taste::Odd), 3 => any_spec(Taste::Plain)];
    let made = |at: usize, runner: &mut TestRunner| {
        let metadata = any_metadata(Just(format!("n{at}"))).new_tree(runner).unwrap().current();
        let spec = spec.new_tree(runner).unwrap().current();
        let notebook = json!({"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": metadata, "spec": spec});
        serde_json::from_value(notebook).unwrap()
    };
    (0..NOTEBOOKS).map(|at| made(at, &mut runner)).collect()
}

/// The word of the closed set that a Notebook's status has.
fn reason(status: &NotebookStatus) -> Option<Reason> {
    serde_json::from_value(Value::from(status.condition(READY)?.reason.clone()?)).ok()
}

/// Whether it was told that it can't be as it is.
fn is_refusal(reason: Reason) -> bool {
    matches!(reason, Reason::InvalidSpec | Reason::Refused)
}

#[tokio::test]
async fn any_notebook_ends_with_children_or_a_refusal_and_then_all_is_silent() -> Result<()> {
    let desk = Desk::new().await?;
    let resource = ApiResource::erase::<Notebook>(&());
    let api = Api::<DynamicObject>::namespaced_with(desk.client.clone(), &desk.namespace, &resource);
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for notebook in notebooks() {
        match api.create(&PostParams::default(), &notebook).await {
            Ok(_) => accepted.push(notebook.name_any()),
            Err(kube::Error::Api(status)) if status.is_invalid() || status.code == 400 => {
                println!("{}: {}", notebook.name_any(), status.message);
                refused += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for name in &accepted {
        let end = eventually(&format!("an end of {name}"), async || {
            let notebook = desk.api::<Notebook>().get(name).await?;
            let status = desk.status(name).await?;
            ensure!(status.observed_generation == notebook.metadata.generation, "the status is behind: {status:?}");
            let reason = reason(&status).with_context(|| format!("no reason of ours: {status:?}"))?;
            let set = desk.api::<StatefulSet>().get_opt(name).await?;
            ensure!(is_refusal(reason) || set.is_some(), "neither children nor a refusal: {status:?}");
            Ok(reason)
        })
        .await?;
        *ends.entry(end.as_str().to_owned()).or_default() += 1;
    }
    println!("seed {SEED}: {} Notebooks accepted, {refused} refused by the CRD; ends: {ends:?}", accepted.len());
    assert!(accepted.len() > NOTEBOOKS / 2, "the schema is the CRD's own");
    let sets = desk.api::<StatefulSet>().list(&ListParams::default()).await?.items.len();
    assert!(sets >= NOTEBOOKS / 4, "only {sets} have children");
    eventually("rest", async || {
        let writes = desk.writes_within(Duration::from_secs(2)).await?;
        ensure!(writes.is_empty(), "applying twice changes something: {writes:?}");
        Ok(())
    })
    .await?;
    let controllers = desk.controllers.as_ref().unwrap();
    assert_eq!(controllers.page("/readyz")?.0, 200);
    let log = controllers.log();
    assert!(!log.contains("defect") && !log.contains("panicked"), "{log}");
    Ok(())
}
