//! Whether the cluster serves the APIs that the chosen routes and the policies need.

use k8s_openapi::api::networking::v1::IngressClass;
use kube::ResourceExt;

use super::finding::{Finding, Seen};
use super::settings::Settings;

const ROUTES: &str = "routes";
const METRICS: &str = "metrics";

/// The annotation that makes an IngressClass the default.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// Whether APIs are served.
#[derive(Clone, Debug)]
pub(super) struct Apis {
    /// VirtualServices of Istio, in the version that Carrel writes.
    pub(super) istio: Seen<bool>,
    /// HTTPRoutes of the Gateway API.
    pub(super) gateway: Seen<bool>,
    /// The use of CPU.
    pub(super) metrics: Seen<bool>,
}

/// The API group and version, and the resource, of each.
pub(super) const ISTIO: (&str, &str) = ("networking.istio.io/v1alpha3", "virtualservices");
pub(super) const GATEWAY: (&str, &str) = ("gateway.networking.k8s.io/v1", "httproutes");
pub(super) const USAGE: (&str, &str) = ("metrics.k8s.io/v1beta1", "pods");

/// The routes that are made, by the word that chooses them.
pub(crate) fn chosen(settings: &Settings) -> &str {
    let by_istio = || settings.get("use-istio", "USE_ISTIO").filter(|value| *value == "true").map(|_| "istio");
    settings.get("routing", "CARREL_ROUTING").or_else(by_istio).unwrap_or("none")
}

pub(super) fn findings(apis: &Apis, classes: &Seen<Vec<IngressClass>>, settings: &Settings) -> Vec<Finding> {
    vec![match chosen(settings) {
        "istio" => of_api("istio", &apis.istio, ISTIO, "install Istio"),
        "gateway" if settings.get("gateway", "CARREL_GATEWAY").is_none() => {
            let mend = "name the Gateway as NAMESPACE/NAME in CARREL_GATEWAY: the controllers do not start without";
            Finding::problem(ROUTES, "gateway is chosen, and no Gateway", mend)
        }
        "gateway" => {
            of_api("gateway", &apis.gateway, GATEWAY, "install the CRDs of the Gateway API and a controller for it")
        }
        "ingress" => ingress(classes, settings.get("ingress-class", "CARREL_INGRESS_CLASS")),
        "none" => {
            let served = [("istio", &apis.istio), ("gateway", &apis.gateway)];
            let served: Vec<_> = served.iter().filter(|(_, api)| **api == Ok(true)).map(|(word, _)| *word).collect();
            let more = match served.as_slice() {
                [] => String::new(),
                some => format!("; the cluster has what {} would need (CARREL_ROUTING)", some.join(" and ")),
            };
            Finding::ok(ROUTES, format!("none are made{more}"))
        }
        other => {
            let mend = "CARREL_ROUTING must be none, istio, gateway or ingress: the controllers do not start so";
            Finding::problem(ROUTES, format!("{other:?} is chosen"), mend)
        }
    }]
}

fn of_api(word: &str, served: &Seen<bool>, (api, resource): (&str, &str), install: &str) -> Finding {
    match served {
        Ok(true) => Finding::ok(ROUTES, format!("{word} is chosen, and the cluster serves {resource} of {api}")),
        Ok(false) => {
            let saw = format!("{word} is chosen, but the cluster serves no {resource} of {api}: no route is made");
            Finding::problem(ROUTES, saw, format!("{install}, or choose others by CARREL_ROUTING (docs/routes.md)"))
        }
        Err(unread) => Finding::unread(ROUTES, unread),
    }
}

fn ingress(classes: &Seen<Vec<IngressClass>>, chosen: Option<&str>) -> Finding {
    let classes = match classes {
        Ok(classes) => classes,
        Err(unread) => return Finding::unread(ROUTES, unread),
    };
    let is_default = |class: &&IngressClass| class.annotations().get(DEFAULT).is_some_and(|value| value == "true");
    let default = classes.iter().find(is_default).map(ResourceExt::name_any);
    let names: Vec<_> = classes.iter().map(ResourceExt::name_any).collect();
    match (chosen, default) {
        (Some(chosen), _) if names.iter().any(|name| name == chosen) => {
            Finding::ok(ROUTES, format!("ingress is chosen, of the class {chosen}"))
        }
        (Some(chosen), _) => {
            let saw = format!("ingress is chosen, of the class {chosen}, and there is no such IngressClass");
            Finding::problem(ROUTES, saw, "install its controller, or name another by CARREL_INGRESS_CLASS")
        }
        (None, Some(default)) => Finding::ok(ROUTES, format!("ingress is chosen, of the default class {default}")),
        (None, None) => {
            let saw = "ingress is chosen without a class, and no IngressClass is the default";
            Finding::warning(ROUTES, saw, "name one by CARREL_INGRESS_CLASS, unless a controller takes those without")
        }
    }
}

pub(super) fn metrics(apis: &Apis) -> Vec<Finding> {
    vec![match &apis.metrics {
        Ok(true) => Finding::ok(METRICS, "metrics.k8s.io is served: the use of CPU can speak of servers"),
        Ok(false) => Finding::warning(
            METRICS,
            "metrics.k8s.io is not served: the use of CPU speaks of no server",
            "install metrics-server, where policies look at CPU or a mesh refuses terminals (docs/activity.md)",
        ),
        Err(unread) => Finding::unread(METRICS, unread),
    }]
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use serde_json::{Value, json};

    fn of(data: &Value, istio: bool, classes: &Value) -> Finding {
        let apis = Apis { istio: Ok(istio), gateway: Ok(false), metrics: Ok(true) };
        let config = serde_json::from_value(json!({"metadata": {}, "data": data})).unwrap();
        let classes = serde_json::from_value(classes.clone()).unwrap();
        findings(&apis, &Ok(classes), &Settings::of(&[config], None)).remove(0)
    }

    #[test]
    fn what_is_chosen_must_be_served() {
        let none = json!([]);
        for (data, istio, level) in [
            (json!({}), false, Level::Ok),
            (json!({"USE_ISTIO": "true"}), true, Level::Ok),
            (json!({"USE_ISTIO": "true"}), false, Level::Problem),
            (json!({"USE_ISTIO": "true", "CARREL_ROUTING": "none"}), false, Level::Ok),
            (json!({"CARREL_ROUTING": "gateway"}), false, Level::Problem),
            (json!({"CARREL_ROUTING": "gateway", "CARREL_GATEWAY": "infra/public"}), false, Level::Problem),
            (json!({"CARREL_ROUTING": "mesh"}), false, Level::Problem),
            (json!({"CARREL_ROUTING": "ingress"}), false, Level::Warning),
            (json!({"CARREL_ROUTING": "ingress", "CARREL_INGRESS_CLASS": "nginx"}), false, Level::Problem),
        ] {
            assert_eq!(of(&data, istio, &none).level, level, "{data}");
        }
        assert!(of(&json!({}), true, &none).saw.contains("istio would need"));
        let nginx = json!([{"metadata": {"name": "nginx", "annotations": {DEFAULT: "true"}}}]);
        for data in [
            json!({"CARREL_ROUTING": "ingress"}),
            json!({"CARREL_ROUTING": "ingress", "CARREL_INGRESS_CLASS": "nginx"}),
        ] {
            assert_eq!(of(&data, false, &nginx).level, Level::Ok, "{data}");
        }
    }
}
