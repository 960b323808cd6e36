//! How the controllers are set, as far as their ConfigMap and their Deployment say.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Container};

/// What an admin set, by the variable or the flag that says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    variables: BTreeMap<String, String>,
    args: Vec<String>,
}

impl Settings {
    /// The variables of the container stand above those of the ConfigMap, as in the pod.
    pub(crate) fn of(config: Option<&ConfigMap>, deployment: Option<&Deployment>) -> Self {
        let container = deployment.and_then(container);
        let mut variables = config.and_then(|config| config.data.clone()).unwrap_or_default();
        let env = container.into_iter().flat_map(|container| container.env.iter().flatten());
        variables.extend(env.filter_map(|env| Some((env.name.clone(), env.value.clone()?))));
        let args = container.and_then(|container| container.args.clone()).unwrap_or_default();
        Self { variables, args }
    }

    /// The value of a setting: a flag stands above a variable. One that is empty is none.
    pub(crate) fn get(&self, flag: &str, variable: &str) -> Option<&str> {
        let variable = || self.variables.get(variable).map(String::as_str);
        self.flag(flag).or_else(variable).filter(|value| !value.is_empty())
    }

    fn flag(&self, flag: &str) -> Option<&str> {
        self.args.iter().enumerate().find_map(|(at, arg)| {
            let rest = arg.strip_prefix("--")?.strip_prefix(flag)?;
            if rest.is_empty() { self.args.get(at + 1).map(String::as_str) } else { rest.strip_prefix('=') }
        })
    }

    /// Whether a switch is off that is on by default.
    pub(crate) fn is_off(&self, flag: &str, variable: &str) -> bool {
        self.get(flag, variable) == Some("false")
    }
}

/// The container of the controllers.
pub(super) fn container(deployment: &Deployment) -> Option<&Container> {
    let containers = &deployment.spec.template.spec.as_ref()?.containers;
    containers.iter().find(|container| container.name == "carrel").or(containers.first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_flag_stands_above_a_variable_and_that_above_the_config_map() {
        let config: ConfigMap = serde_json::from_value(json!({"metadata": {}, "data": {
            "CARREL_ROUTING": "ingress", "CARREL_PROBE": "false", "CARREL_GATEWAY": "", "CARREL_TENSORBOARDS": "false"}}))
        .unwrap();
        let deployment: Deployment =
            serde_json::from_value(json!({"metadata": {}, "spec": {"selector": {}, "template": {
            "spec": {"containers": [{"name": "proxy"}, {
                "name": "carrel", "args": ["controllers", "--routing=istio", "--probe", "true"],
                "env": [{"name": "CARREL_TENSORBOARDS", "value": "true"}, {"name": "POD_NAME"}],
            }]}}}}))
            .unwrap();
        let settings = Settings::of(Some(&config), Some(&deployment));
        assert_eq!(settings.get("routing", "CARREL_ROUTING"), Some("istio"));
        assert!(!settings.is_off("probe", "CARREL_PROBE"));
        assert!(!settings.is_off("tensorboards", "CARREL_TENSORBOARDS"));
        assert_eq!(settings.get("gateway", "CARREL_GATEWAY"), None, "empty is not set");
        let alone = Settings::of(Some(&config), None);
        assert_eq!(alone.get("routing", "CARREL_ROUTING"), Some("ingress"));
        assert!(alone.is_off("probe", "CARREL_PROBE"));
    }
}
