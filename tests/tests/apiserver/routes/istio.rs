//! VirtualServices: as Kubeflow's, one of Kubeflow's taken over, one of a stranger's left alone, and all gone with the setting.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_tests::{Audit, Controllers, Desk, eventually, given, owned_by, virtual_service};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{HEADERS, REWRITE, becomes, is_gone, istio, notebook, route, routed, routes, told};

const KIND: &str = "VirtualService";

fn name(desk: &Desk, notebook: &str) -> String {
    format!("notebook-{}-{notebook}", desk.namespace)
}

#[tokio::test]
async fn a_virtual_service_is_kubeflows_and_follows_its_owner_and_comes_to_rest() -> Result<()> {
    let desk = istio(&["--istio-gateway=infra/gw", "--istio-host=hub.example.org", "--cluster-domain=k8s.lan"]).await?;
    let headers = r#"{"X-RStudio-Root-Path": "/notebook/a/"}"#;
    notebook(&desk, "iris", &json!({REWRITE: "/", HEADERS: headers})).await?;
    let name = name(&desk, "iris");
    let found = route(&desk, KIND, &name).await?;
    let path = format!("/notebook/{}/iris", desk.namespace);
    let expected = json!({
        "hosts": ["hub.example.org"],
        "gateways": ["infra/gw"],
        "http": [{
            "match": [{"uri": {"prefix": format!("{path}/")}}, {"uri": {"exact": path}}],
            "rewrite": {"uri": "/"},
            "headers": {"request": {"set": {"X-RStudio-Root-Path": "/notebook/a/"}}},
            "route": [{"destination": {
                "host": format!("iris.{}.svc.k8s.lan", desk.namespace), "port": {"number": 80}}}],
        }],
    });
    assert_eq!(found["spec"], expected, "and no timeout");
    assert_eq!(found["metadata"]["ownerReferences"][0]["name"], "iris");
    told(&desk, "iris", "Routed").await?;
    desk.reaches("iris", "Running").await?;

    // Without annotations it is as upstream has it.
    desk.change("iris", json!({"metadata": {"annotations": {REWRITE: null, HEADERS: null}}})).await?;
    becomes(&desk, KIND, &name, |found| {
        let rule = &found["spec"]["http"][0];
        rule["rewrite"]["uri"] == format!("{path}/") && rule["headers"]["request"]["set"] == json!({})
    })
    .await?;

    // What somebody changes comes back, and what is deleted too.
    let drift = json!({"spec": {"hosts": ["elsewhere.example.org"]}});
    routes(&desk, KIND).patch(&name, &PatchParams::default(), &Patch::Merge(drift)).await?;
    becomes(&desk, KIND, &name, |found| found["spec"]["hosts"][0] == "hub.example.org").await?;
    routes(&desk, KIND).delete(&name, &kube::api::DeleteParams::default()).await?;
    route(&desk, KIND, &name).await?;

    desk.rests(Duration::from_secs(3)).await?;
    let requests = Audit::given()?.of(&desk.namespace)?;
    let refused: Vec<_> = requests.iter().filter(|request| [401, 403].contains(&request.code())).collect();
    ensure!(refused.is_empty(), "its rules suffice: {refused:?}");

    desk.api::<carrel_api::notebook::Notebook>().delete("iris", &kube::api::DeleteParams::default()).await?;
    is_gone(&desk, KIND, &name).await
}

#[tokio::test]
async fn what_is_wrong_with_a_route_is_told_and_stops_nothing_else() -> Result<()> {
    let desk = istio(&[]).await?;
    notebook(&desk, "good", &json!({HEADERS: r#"{"X-A": "1"}"#})).await?;
    notebook(&desk, "bad", &json!({HEADERS: "{'X-A': 1}"})).await?;
    let said = told(&desk, "bad", "RouteInvalid").await?;
    ensure!(said.contains(HEADERS) && said.contains("it must be a JSON object of texts"), "{said}");
    desk.reaches("bad", "Running").await?;
    ensure!(routes(&desk, KIND).get_opt(&name(&desk, "bad")).await?.is_none(), "headers are not left out");

    let before = route(&desk, KIND, &name(&desk, "good")).await?;
    desk.reaches("good", "Running").await?;
    // A word that another change comes with: that one is done.
    let edit = json!({"metadata": {"annotations": {HEADERS: r#"{"X A": "1"}"#}, "labels": {"new": "label"}}});
    desk.change("good", edit).await?;
    let said = told(&desk, "good", "RouteInvalid").await?;
    ensure!(said.contains("\"X A\" is no name of a header") && said.contains("stays as it is"), "{said}");
    eventually("the new label", async || {
        let set = serde_json::to_value(desk.stateful_set("good").await?)?;
        ensure!(set["spec"]["template"]["metadata"]["labels"]["new"] == "label");
        Ok(())
    })
    .await?;
    desk.reaches("good", "Running").await?;
    let after = route(&desk, KIND, &name(&desk, "good")).await?;
    assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"], "the last good one stays");
    desk.rests(Duration::from_secs(3)).await?;

    desk.annotate("good", HEADERS, Some(r#"{"X-A": "2"}"#)).await?;
    becomes(&desk, KIND, &name(&desk, "good"), |found| {
        found["spec"]["http"][0]["headers"]["request"]["set"]["X-A"] == "2"
    })
    .await?;
    told(&desk, "good", "Routed").await?;
    Ok(())
}

#[tokio::test]
async fn one_of_kubeflows_is_taken_over_and_one_of_a_strangers_left_alone() -> Result<()> {
    let mut desk = istio(&[]).await?;
    desk.controllers = None;
    notebook(&desk, "old", &json!({})).await?;
    notebook(&desk, "mine", &json!({})).await?;
    let owner = owned_by(&desk, "old").await?;
    let old = desk.create(&virtual_service(&desk, "old", &owner).to_string()).await?;
    let theirs = desk.create(&virtual_service(&desk, "mine", &json!([])).to_string()).await?;
    desk.restart_with(&["--routing=istio"]).await?;

    let found = becomes(&desk, KIND, &name(&desk, "old"), |found| {
        found["spec"]["http"][0]["match"][1]["uri"]["exact"].is_string()
    })
    .await?;
    assert_eq!(found["metadata"]["uid"], old["metadata"]["uid"], "it was never away");
    assert!(found["spec"]["http"][0]["timeout"].is_null(), "{found}");
    assert_eq!(found["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
    let managers: Vec<_> = found["metadata"]["managedFields"].as_array().unwrap().iter().collect();
    assert!(managers.iter().all(|entry| entry["manager"] == "carrel"), "nobody else owns a field of it: {managers:?}");
    told(&desk, "old", "Routed").await?;
    // From now on it follows.
    desk.annotate("old", HEADERS, Some(r#"{"X-A": "1"}"#)).await?;
    let set = |found: &Value| found["spec"]["http"][0]["headers"]["request"]["set"].clone();
    becomes(&desk, KIND, &name(&desk, "old"), |found| set(found) == json!({"X-A": "1"})).await?;
    desk.annotate("old", HEADERS, None).await?;
    becomes(&desk, KIND, &name(&desk, "old"), |found| set(found) == json!({})).await?;

    let said = told(&desk, "mine", "NameTaken").await?;
    ensure!(said.contains(&name(&desk, "mine")) && said.contains("it is left alone"), "{said}");
    desk.reaches("mine", "Running").await?;
    let found = route(&desk, KIND, &name(&desk, "mine")).await?;
    assert_eq!(found["metadata"]["resourceVersion"], theirs["metadata"]["resourceVersion"]);
    // When the stranger goes, nobody tells; it is tried again.
    routes(&desk, KIND).delete(&name(&desk, "mine"), &kube::api::DeleteParams::default()).await?;
    told(&desk, "mine", "Routed").await?;
    Ok(())
}

#[tokio::test]
async fn routes_go_with_their_setting_and_nobody_elses_do() -> Result<()> {
    let mut desk = istio(&[]).await?;
    notebook(&desk, "one", &json!({})).await?;
    route(&desk, KIND, &name(&desk, "one")).await?;
    // A stranger's, with the label by which watches select.
    let mut stranger = virtual_service(&desk, "stranger", &json!([]));
    stranger["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "carrel"});
    desk.create(&stranger.to_string()).await?;

    // As in a cluster, with a lease.
    desk.controllers.take().unwrap().stop().await?;
    let (kubeconfig, lease) = (given("CARREL_KUBECONFIG")?, format!("--lease-name={}", desk.namespace));
    let arguments = ["--routing=ingress", "--namespace", &desk.namespace, &lease];
    desk.controllers = Some(Controllers::start(Path::new(&kubeconfig), &arguments)?);
    route(&desk, "Ingress", "one").await?;
    is_gone(&desk, KIND, &name(&desk, "one")).await?;
    let log = desk.controllers.as_ref().unwrap().log();
    ensure!(log.contains("removing a route that an earlier setting made"), "{log}");

    desk.restart_with(&[]).await?;
    is_gone(&desk, "Ingress", "one").await?;
    eventually("no word of routes", async || {
        ensure!(routed(&desk, "one").await?.is_none());
        Ok(())
    })
    .await?;
    desk.reaches("one", "Running").await?;
    ensure!(routes(&desk, KIND).get_opt(&name(&desk, "stranger")).await?.is_some(), "it is not Carrel's to remove");
    desk.restart_with(&[]).await?;
    desk.rests(Duration::from_secs(3)).await?;
    let lists = |desk: &Desk| -> Result<usize> {
        let kinds = ["virtualservices", "httproutes", "ingresses"];
        let requests = Audit::given()?.of(&desk.namespace)?;
        Ok(requests.iter().filter(|one| kinds.contains(&one.object_ref.resource.as_str())).count())
    };
    let before = lists(&desk)?;
    desk.restart_with(&[]).await?;
    Audit::settle().await;
    assert_eq!(lists(&desk)? - before, 3, "a list a kind at the start, and that is all");
    Ok(())
}
