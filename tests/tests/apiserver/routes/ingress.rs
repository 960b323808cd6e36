//! Ingresses, and what they can't do.

use anyhow::{Result, ensure};
use carrel_tests::Desk;
use kube::api::ListParams;
use serde_json::json;

use super::{REWRITE, becomes, is_left_alone, notebook, route, routes, told};

#[tokio::test]
async fn an_ingress_leads_to_the_service_and_does_nothing_by_half() -> Result<()> {
    let desk = Desk::with(&["--routing=ingress", "--ingress-class=nginx", "--ingress-host=hub.example.org"]).await?;
    notebook(&desk, "2nd.iris", &json!({})).await?;
    desk.reaches("2nd.iris", "Running").await?;
    told(&desk, "2nd.iris", "Routed").await?;
    let services = desk.api::<k8s_openapi::api::core::v1::Service>().list(&ListParams::default()).await?;
    let service = services.items[0].metadata.name.clone().unwrap();
    let found = route(&desk, "Ingress", &service).await?;
    let rules = json!([{"host": "hub.example.org", "http": {"paths": [{
        "path": format!("/notebook/{}/2nd.iris", desk.namespace), "pathType": "Prefix",
        "backend": {"service": {"name": service, "port": {"number": 80}}}}]}}]);
    assert_eq!((&found["spec"]["rules"], &found["spec"]["ingressClassName"]), (&rules, &json!("nginx")));

    notebook(&desk, "rstudio", &json!({REWRITE: "/"})).await?;
    let said = told(&desk, "rstudio", "RouteUnsupported").await?;
    ensure!(said.contains(REWRITE) && said.contains("--routing=gateway"), "{said}");
    desk.reaches("rstudio", "Running").await?;
    ensure!(routes(&desk, "Ingress").get_opt("rstudio").await?.is_none());
    desk.annotate("rstudio", REWRITE, None).await?;
    told(&desk, "rstudio", "Routed").await?;
    becomes(&desk, "Ingress", "rstudio", |found| found["spec"]["rules"].is_array()).await?;
    Ok(())
}

#[tokio::test]
async fn a_strangers_ingress_is_left_alone() -> Result<()> {
    let desk = Desk::with(&["--routing=ingress"]).await?;
    let backend = json!({"service": {"name": "theirs", "port": {"number": 80}}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
    is_left_alone(&desk, "Ingress", &json!({"rules": [{"http": {"paths": [path]}}]})).await
}
