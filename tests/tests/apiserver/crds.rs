//! Objects outlive changes of their CRDs: from Kubeflow's to Carrel's and back, and to those of a later release and back. On a
//! cluster of the test's own, since a CRD is everybody's.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use carrel_tests::{Controllers, eventually};
use serde_json::{Value, json};

use crate::outsiders::Own;

/// What Kubeflow's CRD lacks of a PodSpec, as it has that of Kubernetes 1.23.
const NEWER: &str = "hostUsers";

/// A field that a later release adds.
const LATER: &str = "later";

/// A version that a later release serves as well.
const VERSION: &str = "v9";

/// What users of Kubeflow have, in each of its versions.
const OF_KUBEFLOW: &[&str] = &[
    "{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {name: one}, spec: {template: {spec: {containers: [{name: one, image: jupyter}]}}}}",
    "{apiVersion: kubeflow.org/v1beta1, kind: Notebook, metadata: {name: two, labels: {app: two}}, spec: {template: {spec: {containers: [{name: two, image: jupyter, env: [{name: A, value: b}]}]}}}}",
    "{apiVersion: kubeflow.org/v1alpha1, kind: Notebook, metadata: {name: three}, spec: {template: {spec: {containers: [{name: three, image: jupyter}]}}}}",
    "{apiVersion: kubeflow.org/v1beta1, kind: Notebook, metadata: {name: none}}",
    "{apiVersion: tensorboard.kubeflow.org/v1alpha1, kind: Tensorboard, metadata: {name: board}, spec: {logspath: 'pvc://data/runs'}}",
    "{apiVersion: kubeflow.org/v1alpha1, kind: PVCViewer, metadata: {name: viewer}, spec: {pvc: data}}",
];

/// What only Carrel has.
const OF_CARREL: &[&str] = &[
    "{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {name: newer}, spec: {template: {spec: {hostUsers: false, containers: [{name: newer, image: jupyter}]}}}}",
    "{apiVersion: carrel.dev/v1alpha1, kind: VolumeRequest, metadata: {name: data}, spec: {size: 1Gi}}",
    "{apiVersion: carrel.dev/v1alpha1, kind: LabPolicy, metadata: {name: hours}, spec: {idle: {idleAfter: 2h}}}",
];

/// The versions in which objects are stored.
const STORED: [&str; 5] = [
    "kubeflow.org/v1/notebooks",
    "tensorboard.kubeflow.org/v1alpha1/tensorboards",
    "kubeflow.org/v1alpha1/pvcviewers",
    "carrel.dev/v1alpha1/volumerequests",
    "carrel.dev/v1alpha1/labpolicies",
];

#[tokio::test]
async fn objects_outlive_an_upgrade_of_their_crds_and_a_downgrade() -> Result<()> {
    let own = Own::up()?;
    let ours = carrel_api::crds();

    // Kubeflow's, then Carrel's. One that could not be made any more stays, too.
    let theirs = ours.iter().filter(|crd| kubeflow_has(crd)).map(of_kubeflow).collect::<Result<Vec<_>>>()?;
    switch(&own, &theirs, true).await?;
    for object in OF_KUBEFLOW {
        own.create(object)?;
    }
    let status = json!({"status": {"conditions": [], "containerState": {}, "readyReplicas": 0}}).to_string();
    own.kubectl(&["patch", "notebooks", "one", "--subresource=status", "--type=merge", "-p", &status])?;
    let before = stored(&own, &STORED[..3])?;
    ensure!(before.len() == OF_KUBEFLOW.len(), "{before:?}");
    switch(&own, &ours, false).await?;
    assert_eq!(stored(&own, &STORED[..3])?, before);

    // Those of a later release, and Carrel's again: what only the later one knows is dropped, and nothing else.
    for object in OF_CARREL {
        own.create(object)?;
    }
    let before = stored(&own, &STORED)?;
    let later = ours.iter().cloned().map(of_a_later_release).collect::<Result<Vec<_>>>()?;
    for crd in &later {
        own.apply(crd)?;
    }
    let versioned = format!("/apis/kubeflow.org/{VERSION}/notebooks");
    eventually("the later version", async || own.kubectl(&["get", "--raw", &versioned])).await?;
    assert_eq!(stored(&own, &STORED)?, before);
    let change = json!({"spec": {LATER: "said"}}).to_string();
    let change = ["patch", "notebooks", "two", "--type=merge", "-p", &change];
    eventually("the later field", async || {
        own.kubectl(&change)?;
        let two = stored(&own, &STORED[..1])?.remove("notebooks/two").context("it is gone")?;
        ensure!(two["spec"][LATER] == "said", "{two}");
        Ok(())
    })
    .await?;
    for crd in &ours {
        own.apply(crd)?;
    }
    eventually("its end", async || {
        let after = stored(&own, &STORED)?;
        ensure!(after.len() == before.len(), "{after:?}");
        for (name, object) in &before {
            ensure!(after[name]["spec"] == object["spec"], "{name}: {}", after[name]["spec"]);
            ensure!(name == "notebooks/two" || after[name] == *object, "{name}: {}", after[name]);
        }
        Ok(())
    })
    .await?;
    own.kubectl(&["annotate", "notebooks", "two", "still=written"])?;

    // Whoever was not disturbed is served.
    let controllers = Controllers::start(&own.0.carrel_kubeconfig(), &["--leader-elect=false"])?;
    eventually("the children", async || {
        for name in ["one", "two", "three", "newer"] {
            own.kubectl(&["get", "statefulsets", name])?;
        }
        own.kubectl(&["get", "pvc", "data"])
    })
    .await?;
    controllers.stop().await?;

    // And Kubeflow's again: a field that its older PodSpec lacks is dropped.
    let before = stored(&own, &STORED)?;
    switch(&own, &theirs, true).await?;
    let after = stored(&own, &STORED)?;
    ensure!(after.len() == before.len(), "{after:?}");
    for (name, mut object) in before {
        if let Some(pod) = object.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut) {
            ensure!(pod.remove(NEWER).is_some() == (name == "notebooks/newer"), "{name}");
        }
        assert_eq!(after[&name]["spec"], object["spec"], "{name}");
        assert_eq!(after[&name]["metadata"], object["metadata"], "{name}");
    }
    Ok(())
}

impl Own {
    /// Creates an object of a YAML flow.
    fn create(&self, yaml: &str) -> Result<()> {
        let object: Value = serde_saphyr::from_str(yaml)?;
        self.apply(&object)
    }
}

/// Applies these CRDs, and waits until they hold.
async fn switch(own: &Own, crds: &[Value], takes_no_spec: bool) -> Result<()> {
    for crd in crds {
        own.apply(crd)?;
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(
        file.path(),
        r#"{"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "try"}}"#,
    )?;
    let path = file.path().to_str().context("a path that is no text")?;
    eventually("the CRDs", async || {
        for crd in crds {
            let name = crd["metadata"]["name"].as_str().context("no name")?;
            own.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &format!("crd/{name}")])?;
        }
        let taken = own.kubectl(&["create", "--dry-run=server", "-f", path]);
        ensure!(taken.is_ok() == takes_no_spec, "{taken:?}");
        Ok(())
    })
    .await
}

/// What is stored of these, by kind and name.
fn stored(own: &Own, kinds: &[&str]) -> Result<BTreeMap<String, Value>> {
    let mut objects = BTreeMap::new();
    for kind in kinds {
        let (_, plural) = kind.rsplit_once('/').context("no plural")?;
        let list: Value = serde_json::from_str(&own.kubectl(&["get", "--raw", &format!("/apis/{kind}")])?)?;
        for object in list["items"].as_array().context("no items")? {
            let name = object["metadata"]["name"].as_str().context("no name")?;
            objects.insert(format!("{plural}/{name}"), object.clone());
        }
    }
    Ok(objects)
}

fn kubeflow_has(crd: &Value) -> bool {
    crd["spec"]["group"].as_str().is_some_and(|group| group.ends_with("kubeflow.org"))
}

/// The CRD of a kind as Kubeflow has it, as far as stored objects can tell: the same versions, no rules, a smaller status and an
/// older PodSpec.
fn of_kubeflow(crd: &Value) -> Result<Value> {
    let mut crd = crd.clone();
    for version in crd["spec"]["versions"].as_array_mut().context("no versions")? {
        let schema = &mut version["schema"]["openAPIV3Schema"];
        without_rules(schema);
        if let Some(pod) = schema.pointer_mut("/properties/spec/properties/template/properties/spec/properties") {
            pod.as_object_mut().context("no PodSpec")?.remove(NEWER);
            let status = &mut schema["properties"]["status"];
            let known = ["conditions", "containerState", "readyReplicas"];
            status["properties"].as_object_mut().context("no status")?.retain(|key, _| known.contains(&key.as_str()));
        }
    }
    Ok(crd)
}

fn without_rules(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("x-kubernetes-validations");
            fields.values_mut().for_each(without_rules);
        }
        Value::Array(items) => items.iter_mut().for_each(without_rules),
        _ => {}
    }
}

/// A CRD with a field more in each version, and a version more.
fn of_a_later_release(mut crd: Value) -> Result<Value> {
    let versions = crd["spec"]["versions"].as_array_mut().context("no versions")?;
    for version in &mut *versions {
        for part in ["spec", "status"] {
            let path = format!("/schema/openAPIV3Schema/properties/{part}/properties");
            let fields = version.pointer_mut(&path).and_then(Value::as_object_mut).context("no fields")?;
            fields.insert(LATER.to_owned(), json!({"type": "string"}));
        }
    }
    let mut more = versions.first().context("no version")?.clone();
    more["name"] = json!(VERSION);
    more["storage"] = json!(false);
    versions.push(more);
    Ok(crd)
}
