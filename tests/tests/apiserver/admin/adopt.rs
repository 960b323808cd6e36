//! `carrel adopt`: the way from Kubeflow's controllers to Carrel's, and the way back. Kubeflow's own do not run here; a Deployment
//! of their name stands in for them, and their writes are made by the administrator, as their source makes them.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use carrel_tests::{Controllers, OfKubeflow};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use xtask::cluster::{Foreign, Nodes};

use super::*;
use crate::companions::Volumes;
use crate::companions::takeover::{board_of_kubeflow, runs};
use crate::outsiders::Own;

/// A cluster of the test's own, where no other test's stand-in for Kubeflow's controllers is in the way, with Istio's kind, and
/// a namespace in it.
struct Stage {
    desk: Desk,
    own: Own,
}

impl Stage {
    async fn new() -> Result<Self> {
        let own = Own::with(Nodes::Fake(1))?;
        for crd in carrel_api::crds() {
            own.apply(&crd)?;
        }
        own.0.install(Foreign::Istio, true)?;
        // As an admin sets it, for `carrel adopt` to read; the controllers run outside and get it as an argument.
        own.kubectl(&["-n", "carrel-system", "create", "configmap", "carrel", "--from-literal=CARREL_ROUTING=istio"])?;
        let client = carrel_tests::client(own.0.kubeconfig()).await?;
        let namespace = "team".to_owned();
        own.kubectl(&["create", "namespace", &namespace])?;
        let desk = Desk { namespace, client, controllers: None };
        eventually("the kinds and the account", async || {
            let account =
                Api::<ServiceAccount>::namespaced(desk.client.clone(), &desk.namespace).get("default").await?;
            for kind in ["notebooks", "tensorboards", "pvcviewers"] {
                own.kubectl(&["get", kind])?;
            }
            Ok(account)
        })
        .await?;
        Ok(Self { desk, own })
    }

    /// `carrel adopt` of the namespace.
    fn adopt(&self, more: &[&str]) -> Result<Output> {
        carrel(&self.own.0.kubeconfig(), &[&["adopt", "-o", "json", "-n", &self.desk.namespace], more].concat())
    }

    /// What a dry run says of the children.
    fn told(&self) -> Result<Vec<Value>> {
        let output = self.adopt(&[])?;
        ensure!(output.status.success(), "{}", err(&output));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn controllers(&self) -> Result<Controllers> {
        Controllers::start(&self.own.0.carrel_kubeconfig(), &["--routing=istio"])
    }

    /// The VirtualService of a Notebook.
    fn route(&self, name: &str) -> Result<Value> {
        let (namespace, name) = (&self.desk.namespace, format!("notebook-{}-{name}", self.desk.namespace));
        Ok(serde_json::from_str(&self.own.kubectl(&[
            "-n",
            namespace,
            "get",
            "virtualservice",
            &name,
            "-o",
            "json",
        ])?)?)
    }

    /// Goes along with a takeover that begins after. The rows at its end, and the controllers that did it.
    fn taken_over(&self) -> Result<(Vec<Value>, Controllers)> {
        let mut command = Command::new(given("CARREL_BINARY")?);
        command.args(["adopt", "--apply", "--timeout=2m", "-o", "json", "-n", &self.desk.namespace]);
        command.arg("--kubeconfig").arg(self.own.0.kubeconfig());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut said = BufReader::new(child.stderr.take().context("no standard error")?);
        let mut words = String::new();
        while !words.contains("waiting for Carrel's controllers") {
            ensure!(said.read_line(&mut words)? > 0, "it ended: {words}");
        }
        let controllers = self.controllers()?;
        let mut rows = String::new();
        child.stdout.take().context("no standard output")?.read_to_string(&mut rows)?;
        said.read_to_string(&mut words)?;
        ensure!(child.wait()?.success(), "{words}\n{}", controllers.log());
        ensure!(words.contains("Notebooks are the same, and none restarted"), "{words}");
        Ok((serde_json::from_str(&rows)?, controllers))
    }
}

/// The row of a child.
fn row<'a>(rows: &'a [Value], kind: &str, name: &str) -> &'a Value {
    rows.iter().find(|row| row["child"] == json!({"kind": kind, "name": name})).unwrap_or(&Value::Null)
}

/// A Notebook of Kubeflow's by this name.
fn notebook<'a>(desk: &'a Desk, name: &'a str) -> OfKubeflow<'a> {
    OfKubeflow { desk, name, image: "jupyter" }
}

#[tokio::test]
async fn the_way_over_is_told_refused_or_gone_and_leads_back() -> Result<()> {
    let stage = Stage::new().await?;
    over_and_back(&stage).await?;
    // Last, as controllers of Kubeflow's in one namespace are in the way of all.
    told_and_refused(&stage).await
}

/// What becomes of Kubeflow's children is told, nothing is touched, and who is in the way is named.
async fn told_and_refused(stage: &Stage) -> Result<()> {
    let desk = &stage.desk;
    let _volumes = Volumes::new(desk, &[("data", "ReadWriteOnce")]).await?;
    notebook(desk, "three").make().await?;
    board_of_kubeflow(desk, "board", "data", "").await?;
    runs(desk, "app=board").await?;
    let before = desk.stateful_set("three").await?.resource_version();
    let rows = stage.told()?;
    let set = row(&rows, "StatefulSet", "three");
    assert_eq!(
        (&set["now"], &set["becomes"], &set["pod"]),
        (&json!("kubeflow"), &json!("takenOver"), &json!("goesOn"))
    );
    assert_eq!(row(&rows, "Service", "three")["becomes"], "takenOver");
    let board = row(&rows, "Deployment", "board");
    assert_eq!((&board["becomes"], &board["pod"]), (&json!("takenOver"), &json!("replaced")));
    assert_eq!(desk.stateful_set("three").await?.resource_version(), before);

    // Nobody does it while none of Carrel's controllers is there.
    let output = stage.adopt(&["--apply", "--timeout=1s"])?;
    ensure!(output.status.code() == Some(1) && output.stdout.is_empty(), "{output:?}");
    ensure!(err(&output).contains("Carrel's controllers are not at work: nobody holds the Lease"), "{output:?}");

    // Kubeflow's controllers are named, and both ways refuse.
    let name = "notebook-controller-deployment";
    let labels = json!({"app": "notebook-controller"});
    let stand_in = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "manager", "image": "manager"}]}}}});
    desk.create(&stand_in.to_string()).await?;
    let stop = format!("kubectl -n {} scale deployment/{name} --replicas=0", desk.namespace);
    for (more, shows) in [(&[][..], true), (&["--apply"], false)] {
        let output = stage.adopt(more)?;
        ensure!(output.status.code() == Some(1) && err(&output).contains(&stop), "{output:?}");
        ensure!(output.stdout.is_empty() != shows, "{output:?}");
    }
    let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
    desk.api::<Deployment>().patch(name, &PatchParams::default(), &none).await?;
    eventually("its rest", async || stage.told().map(drop)).await
}

/// No pod of a Notebook is another one for it.
async fn over_and_back(stage: &Stage) -> Result<()> {
    let desk = &stage.desk;
    let names = ["one", "two"];
    let mut pods = Vec::new();
    let mut routes = Vec::new();
    for name in names {
        pods.push(notebook(desk, name).make().await?);
        routes.push(notebook(desk, name).route().await?["metadata"]["uid"].clone());
    }

    // Over.
    let (rows, own) = stage.taken_over()?;
    assert!(rows.len() == 6 && rows.iter().all(|row| row["now"] == "carrel"), "{rows:?}");
    let is_carrels = |route: &Value| route["spec"]["http"][0]["timeout"].is_null();
    for ((name, uid), route) in names.iter().zip(&pods).zip(&routes) {
        assert_eq!(desk.pod_uid(name).await?, *uid);
        assert!(desk.stateful_set(name).await?.annotations().contains_key("carrel.dev/applied"));
        let now = stage.route(name)?;
        assert!(now["metadata"]["uid"] == *route && is_carrels(&now), "{now}");
    }

    // Back: the pods go on, and Kubeflow's controller has its children again.
    own.stop().await?;
    for name in names {
        notebook(desk, name).pass(1).await?;
        notebook(desk, name).route().await?;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for (name, uid) in names.iter().zip(&pods) {
        assert_eq!(desk.pod_uid(name).await?, *uid);
    }
    let set = desk.stateful_set("one").await?;
    assert!(set.labels().is_empty() && set.annotations().is_empty(), "{:?}", set.metadata);
    let strategy = set.spec.update_strategy.and_then(|strategy| strategy.type_);
    assert_eq!(strategy.as_deref(), Some("OnDelete"), "Kubeflow never writes it");
    let rows = stage.told()?;
    let set = row(&rows, "StatefulSet", "one");
    assert_eq!((&set["now"], &set["pod"]), (&json!("kubeflow"), &json!("goesOn")));
    // It keeps Carrel's labels and annotations, of which Kubeflow's controller takes no notice.
    let name = format!("notebook-{}-one", desk.namespace);
    let route = row(&rows, "VirtualService", &name);
    assert_eq!(
        (&route["now"], &route["becomes"]),
        (&json!("kubeflow"), &json!("takenOver")),
        "{}",
        stage.route("one")?
    );

    // It stops and starts them as before. An edit waits for that, since the strategy stays.
    notebook(desk, "one").pass(0).await?;
    desk.is_gone::<Pod>("one-0").await?;
    notebook(desk, "one").pass(1).await?;
    let started = desk.pod_after("one", &pods[0]).await?.uid().context("no uid")?;
    let edit = json!({"spec": {"template": {"spec": {"containers": [{"name": "two", "image": "newer"}]}}}});
    desk.change("two", edit).await?;
    OfKubeflow { image: "newer", ..notebook(desk, "two") }.pass(1).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(desk.pod_uid("two").await?, pods[1]);

    // And over again.
    let (rows, own) = stage.taken_over()?;
    assert!(rows.iter().all(|row| row["now"] == "carrel"), "{rows:?}");
    assert_eq!(desk.pod_uid("one").await?, started);
    assert_eq!(desk.pod_uid("two").await?, pods[1], "what its owner asked for before is no edit");
    let now = stage.route("one")?;
    assert!(now["metadata"]["uid"] == routes[0] && is_carrels(&now), "{now}");
    own.stop().await.map(drop)
}
