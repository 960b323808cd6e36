//! How the controllers are set, as far as their ConfigMaps and their Deployment say.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Container};

use crate::kind::Kind;

/// The ConfigMap where no Deployment names one.
const CARREL: &str = "carrel";

/// What an admin set, by the variable or the flag that says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    variables: BTreeMap<String, String>,
    args: Vec<String>,
}

impl Settings {
    /// The variables of the container stand above those of the ConfigMap, as in the pod.
    /// Of ConfigMaps the last counts.
    pub(crate) fn of(config: &[ConfigMap], deployment: Option<&Deployment>) -> Self {
        let container = deployment.and_then(container);
        let mut variables: BTreeMap<_, _> = config.iter().filter_map(|config| config.data.clone()).flatten().collect();
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
            let arg = if arg == "-n" { "--namespace" } else { arg };
            let rest = arg.strip_prefix("--")?.strip_prefix(flag)?;
            if rest.is_empty() { self.args.get(at + 1).map(String::as_str) } else { rest.strip_prefix('=') }
        })
    }

    /// Whether a switch is off that is on by default.
    pub(crate) fn is_off(&self, flag: &str, variable: &str) -> bool {
        self.get(flag, variable) == Some("false")
    }

    /// Whether the objects of a kind are looked after.
    pub(crate) fn looks_after(&self, kind: Kind) -> bool {
        match kind {
            Kind::Notebook => true,
            Kind::Tensorboard => !self.is_off("tensorboards", "CARREL_TENSORBOARDS"),
            Kind::PvcViewer => !self.is_off("pvc-viewers", "CARREL_PVC_VIEWERS"),
            Kind::VolumeRequest => !self.is_off("volume-requests", "CARREL_VOLUME_REQUESTS"),
        }
    }

    /// Whether `LabPolicies` hold.
    pub(crate) fn follows_policies(&self) -> bool {
        !self.is_off("lab-policies", "CARREL_LAB_POLICIES")
    }
}

/// The names of the ConfigMaps of which the controllers take their variables, in the order in which they count.
pub(super) fn config_maps(deployment: Option<&Deployment>) -> Vec<String> {
    let Some(deployment) = deployment else { return vec![CARREL.to_owned()] };
    let sources = container(deployment).into_iter().flat_map(|container| container.env_from.iter().flatten());
    sources.filter_map(|source| Some(source.config_map_ref.as_ref()?.name.clone())).collect()
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
        let settings = Settings::of(std::slice::from_ref(&config), Some(&deployment));
        assert_eq!(settings.get("routing", "CARREL_ROUTING"), Some("istio"));
        assert!(!settings.is_off("probe", "CARREL_PROBE"));
        assert!(!settings.is_off("tensorboards", "CARREL_TENSORBOARDS"));
        assert_eq!(settings.get("gateway", "CARREL_GATEWAY"), None, "empty is not set");
        let alone = Settings::of(&[config], None);
        assert_eq!(alone.get("routing", "CARREL_ROUTING"), Some("ingress"));
        assert!(alone.is_off("probe", "CARREL_PROBE"));
        assert!(settings.looks_after(Kind::Tensorboard) && !alone.looks_after(Kind::Tensorboard));
    }

    #[test]
    fn the_deployment_names_its_config_maps_and_a_namespace_as_the_shell_does() {
        assert_eq!(config_maps(None), ["carrel"]);
        let deployment: Deployment =
            serde_json::from_value(json!({"metadata": {}, "spec": {"selector": {}, "template": {
            "spec": {"containers": [{"name": "carrel", "args": ["controllers", "-n", "team"], "envFrom": [
                {"configMapRef": {"name": "all"}}, {"secretRef": {"name": "no"}}, {"configMapRef": {"name": "labs-carrel"}}]}]}}}}))
            .unwrap();
        assert_eq!(config_maps(Some(&deployment)), ["all", "labs-carrel"]);
        assert_eq!(Settings::of(&[], Some(&deployment)).get("namespace", ""), Some("team"));
        let config =
            |value: &str| serde_json::from_value(json!({"metadata": {}, "data": {"CARREL_ROUTING": value}})).unwrap();
        let settings = Settings::of(&[config("istio"), config("none")], None);
        assert_eq!(settings.get("routing", "CARREL_ROUTING"), Some("none"), "the last counts, as in a pod");
    }
}
