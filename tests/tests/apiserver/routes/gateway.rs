//! HTTPRoutes, and a cluster that lacks their kind for a while.
//!
//! The CRD is everybody's: whoever comes first lives through its absence and its return, and the others wait for that.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use carrel_tests::{Audit, Controllers, Desk, eventually, install, remove};
use serde_json::json;
use tokio::sync::OnceCell;
use xtask::cluster::Foreign;

use super::{HEADERS, REWRITE, TO_GATEWAY, becomes, is_gone, is_left_alone, notebook, route, told};

const KIND: &str = "HTTPRoute";

/// A cluster that has the Gateway API from now on.
async fn gateway_api() -> Result<()> {
    static LIVED: OnceCell<()> = OnceCell::const_new();
    LIVED.get_or_try_init(missing_and_back).await.map(drop)
}

async fn missing_and_back() -> Result<()> {
    remove(Foreign::Gateway)?;
    let mut desk = Desk::without_controllers().await?;
    let controllers = Controllers::with(&desk.namespace, &TO_GATEWAY)?;
    controllers.ready().await?;
    notebook(&desk, "early", &json!({})).await?;
    desk.reaches("early", "Running").await?;
    let said = told(&desk, "early", "RouteApiMissing").await?;
    ensure!(said.contains(Foreign::Gateway.crd()) && said.contains("install the Gateway API"), "{said}");
    assert_eq!(controllers.metric("carrel_missing_api", "httproutes")?, 1);
    desk.rests(Duration::from_secs(3)).await?;
    let asked = Audit::given()?.of(&desk.namespace)?;
    let in_vain: Vec<_> = asked.iter().filter(|request| request.object_ref.resource == "httproutes").collect();
    assert!(in_vain.is_empty(), "what is not there is not asked for: {in_vain:?}");
    let words = |controllers: &Controllers| controllers.log().matches("the API server does not serve").count();
    assert_eq!(words(&controllers), 1, "and it is said once: {}", controllers.log());

    install(Foreign::Gateway).await?;
    route(&desk, KIND, "early").await?;
    told(&desk, "early", "Routed").await?;
    assert_eq!(controllers.metric("carrel_missing_api", "httproutes")?, 0);

    remove(Foreign::Gateway)?;
    told(&desk, "early", "RouteApiMissing").await?;
    assert_eq!(words(&controllers), 2);
    install(Foreign::Gateway).await?;
    let found = route(&desk, KIND, "early").await?;
    told(&desk, "early", "Routed").await?;
    assert_eq!(found["metadata"]["ownerReferences"][0]["name"], "early");
    desk.controllers = Some(controllers);
    Ok(())
}

#[tokio::test]
async fn a_missing_kind_costs_nothing_and_is_noticed_when_it_comes_goes_and_comes_again() -> Result<()> {
    gateway_api().await
}

#[tokio::test]
async fn an_http_route_is_what_the_gateway_api_takes() -> Result<()> {
    gateway_api().await?;
    let options = ["--gateway-section=https", "--gateway-host=*.example.org"];
    let mut desk = Desk::with(&[&TO_GATEWAY[..], &options].concat()).await?;
    notebook(&desk, "iris", &json!({REWRITE: "/", HEADERS: r#"{"X-B": "2", "X-A": "1"}"#})).await?;
    let found = route(&desk, KIND, "iris").await?;
    let spec = &found["spec"];
    let parent = &spec["parentRefs"][0];
    assert_eq!((&parent["namespace"], &parent["name"]), (&json!("infra"), &json!("public")));
    assert_eq!((&parent["sectionName"], &spec["hostnames"]), (&json!("https"), &json!(["*.example.org"])));
    let rule = &spec["rules"][0];
    let path = format!("/notebook/{}/iris", desk.namespace);
    assert_eq!(rule["matches"], json!([{"path": {"type": "PathPrefix", "value": path}}]));
    assert_eq!(rule["timeouts"], json!({"request": "0s"}));
    assert_eq!((&rule["backendRefs"][0]["name"], &rule["backendRefs"][0]["port"]), (&json!("iris"), &json!(80)));
    let filters = json!([
        {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}},
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {
            "set": [{"name": "X-A", "value": "1"}, {"name": "X-B", "value": "2"}]}},
    ]);
    assert_eq!(rule["filters"], filters);
    desk.reaches("iris", "Running").await?;
    told(&desk, "iris", "Routed").await?;

    desk.change("iris", json!({"metadata": {"annotations": {REWRITE: null, HEADERS: null}}})).await?;
    becomes(&desk, KIND, "iris", |found| found["spec"]["rules"][0]["filters"].is_null()).await?;
    desk.rests(Duration::from_secs(3)).await?;

    // It goes with its setting.
    desk.restart_with(&[]).await?;
    is_gone(&desk, KIND, "iris").await
}

#[tokio::test]
async fn a_strangers_http_route_is_left_alone() -> Result<()> {
    gateway_api().await?;
    let desk = Desk::with(&TO_GATEWAY).await?;
    let rule = json!({"backendRefs": [{"name": "theirs", "port": 80}]});
    is_left_alone(&desk, KIND, &json!({"parentRefs": [{"name": "theirs"}], "rules": [rule]})).await
}

#[tokio::test]
async fn what_the_schema_refuses_is_told_in_its_words_and_stops_nothing_else() -> Result<()> {
    gateway_api().await?;
    let desk = Desk::with(&TO_GATEWAY).await?;
    notebook(&desk, "iris", &json!({HEADERS: r#"{"X-A": "1"}"#})).await?;
    route(&desk, KIND, "iris").await?;
    desk.reaches("iris", "Running").await?;
    // The Gateway API takes 16 headers at most.
    let many: BTreeMap<_, _> = (0..17).map(|at| (format!("X-{at}"), "1")).collect();
    let edit =
        json!({"metadata": {"annotations": {HEADERS: serde_json::to_string(&many)?}, "labels": {"new": "label"}}});
    desk.change("iris", edit).await?;
    let said = told(&desk, "iris", "Refused").await?;
    ensure!(said.contains("the HTTPRoute is refused") && said.contains("at most 16 items"), "{said}");
    eventually("the new label", async || {
        let set = serde_json::to_value(desk.stateful_set("iris").await?)?;
        ensure!(set["spec"]["template"]["metadata"]["labels"]["new"] == "label");
        Ok(())
    })
    .await?;
    desk.reaches("iris", "Running").await?;
    let found = route(&desk, KIND, "iris").await?;
    let set = &found["spec"]["rules"][0]["filters"][0]["requestHeaderModifier"]["set"];
    assert_eq!(set, &json!([{"name": "X-A", "value": "1"}]), "the last good one stays");
    desk.annotate("iris", HEADERS, Some("{}")).await?;
    told(&desk, "iris", "Routed").await?;
    Ok(())
}
