//! The options of routing, Kubeflow's variables among them, and what they come to.

use carrel_server::route::{Gateway, IngressRules, Istio, Routing};
use clap::{Args, ValueEnum};

use crate::args::truth;

/// How notebooks are reached from outside the cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Routing")]
pub(crate) struct RoutingArgs {
    /// What is made so that notebooks are reached from outside; `none` if absent, `istio` where USE_ISTIO is `true`.
    #[arg(long, env = "CARREL_ROUTING", value_enum, value_name = "KIND")]
    routing: Option<Kind>,

    /// Kubeflow's word for `--routing=istio`; `--routing` wins.
    #[arg(long, env = "USE_ISTIO", hide = true, default_value = "false", action = clap::ArgAction::Set, value_parser = truth)]
    use_istio: bool,

    /// Of istio: the Gateway, as NAMESPACE/NAME.
    #[arg(long, env = "ISTIO_GATEWAY", default_value = "kubeflow/kubeflow-gateway", value_name = "NAMESPACE/NAME")]
    istio_gateway: String,

    /// Of istio: the host that requests are for; `*` is any.
    #[arg(long, env = "ISTIO_HOST", default_value = "*", value_name = "HOST")]
    istio_host: String,

    /// Of istio: what the DNS names of the cluster end with.
    #[arg(long, env = "CLUSTER_DOMAIN", default_value = "cluster.local", value_name = "DOMAIN")]
    cluster_domain: String,

    /// Of gateway: the Gateway that routes attach to, as NAMESPACE/NAME. Its listeners must allow routes of the notebooks'
    /// namespaces.
    #[arg(long, env = "CARREL_GATEWAY", value_name = "NAMESPACE/NAME")]
    gateway: Option<String>,

    /// Of gateway: the name of the listener; all of the Gateway if absent.
    #[arg(long, env = "CARREL_GATEWAY_SECTION", value_name = "NAME")]
    gateway_section: Option<String>,

    /// Of gateway: the host that requests are for; any of the listener if absent.
    #[arg(long, env = "CARREL_GATEWAY_HOST", value_name = "HOST")]
    gateway_host: Option<String>,

    /// Of ingress: the IngressClass; the cluster's default if absent.
    #[arg(long, env = "CARREL_INGRESS_CLASS", value_name = "NAME")]
    ingress_class: Option<String>,

    /// Of ingress: the host that requests are for; any if absent.
    #[arg(long, env = "CARREL_INGRESS_HOST", value_name = "HOST")]
    ingress_host: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Nothing; notebooks are reached through their Services.
    None,
    /// A VirtualService for each notebook, as Kubeflow makes it.
    Istio,
    /// An HTTPRoute of the Gateway API for each notebook.
    Gateway,
    /// An Ingress for each notebook.
    Ingress,
}

/// A routing that can't work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoutingError {
    #[error("--routing=gateway needs --gateway=NAMESPACE/NAME, the Gateway that routes attach to")]
    NoGateway,
    #[error("--{flag} is {text:?}; it must be {must}")]
    Wrong { flag: &'static str, text: String, must: &'static str },
}

const GATEWAY: &str = "the namespace and the name of a Gateway, as in infra/public";
const HOST: &str = "a host name in small letters, which may begin with *.";
const NAME: &str = "a name of a-z, 0-9, - and .";

impl RoutingArgs {
    /// What these come to. Options of another routing than the chosen one are not looked at: a ConfigMap of Kubeflow's has
    /// them all.
    pub(crate) fn routing(&self) -> Result<Routing, RoutingError> {
        let chosen = self.routing.unwrap_or(if self.use_istio { Kind::Istio } else { Kind::None });
        match chosen {
            Kind::None => Ok(Routing::None),
            Kind::Istio => {
                let gateway = or(&self.istio_gateway, "kubeflow/kubeflow-gateway");
                let host = or(&self.istio_host, "*");
                let cluster_domain = or(&self.cluster_domain, "cluster.local");
                // Istio knows one in the route's own namespace too.
                let names: Vec<_> = gateway.split('/').collect();
                if names.len() > 2 || !names.iter().all(|name| is_name(name)) {
                    return Err(wrong("istio-gateway", gateway, GATEWAY));
                }
                if host != "*" && !is_host(&host) {
                    return Err(wrong("istio-host", host, HOST));
                }
                if !is_name(&cluster_domain) {
                    return Err(wrong("cluster-domain", cluster_domain, NAME));
                }
                Ok(Routing::Istio(Istio { gateway, host, cluster_domain }))
            }
            Kind::Gateway => {
                let gateway = said(self.gateway.as_deref()).ok_or(RoutingError::NoGateway)?;
                let names = gateway.split_once('/').filter(|(namespace, name)| is_name(namespace) && is_name(name));
                let Some((namespace, name)) = names.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
                else {
                    return Err(wrong("gateway", gateway, GATEWAY));
                };
                let section = checked("gateway-section", self.gateway_section.as_deref(), is_name, NAME)?;
                let host = checked("gateway-host", self.gateway_host.as_deref(), is_host, HOST)?;
                Ok(Routing::Gateway(Gateway { namespace, name, section, host }))
            }
            Kind::Ingress => {
                let class = checked("ingress-class", self.ingress_class.as_deref(), is_name, NAME)?;
                let host = checked("ingress-host", self.ingress_host.as_deref(), is_host, HOST)?;
                Ok(Routing::Ingress(IngressRules { class, host }))
            }
        }
    }
}

fn wrong(flag: &'static str, text: String, must: &'static str) -> RoutingError {
    RoutingError::Wrong { flag, text, must }
}

fn checked(
    flag: &'static str,
    text: Option<&str>,
    is_right: fn(&str) -> bool,
    must: &'static str,
) -> Result<Option<String>, RoutingError> {
    match said(text) {
        Some(text) if !is_right(&text) => Err(wrong(flag, text, must)),
        text => Ok(text),
    }
}

/// A variable that is set to nothing says nothing.
fn said(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn or(text: &str, default: &str) -> String {
    if text.is_empty() { default } else { text }.to_owned()
}

/// Labels with dots between them (RFC 1123).
fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-');
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_host(text: &str) -> bool {
    is_name(text.strip_prefix("*.").unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        routing: RoutingArgs,
    }

    /// What options come to, with no variable set.
    fn of(options: &[&str]) -> Result<Routing, String> {
        let line = Line::try_parse_from([&["carrel"], options].concat()).map_err(|error| error.to_string())?;
        line.routing.routing().map_err(|error| error.to_string())
    }

    #[test]
    fn routing_is_off_unless_it_is_asked_for() {
        assert_eq!(of(&[]).unwrap(), Routing::None);
        assert_eq!(of(&["--use-istio=true", "--routing=none"]).unwrap(), Routing::None);
        assert_eq!(of(&["--istio-host=NONSENSE"]).unwrap(), Routing::None, "nobody reads it");
    }

    #[test]
    fn kubeflows_settings_mean_what_they_mean_there() {
        let kubeflow = Istio {
            gateway: "kubeflow/kubeflow-gateway".into(),
            host: "*".into(),
            cluster_domain: "cluster.local".into(),
        };
        assert_eq!(of(&["--use-istio=true"]).unwrap(), Routing::Istio(kubeflow.clone()));
        let empty = ["--use-istio=true", "--istio-gateway=", "--istio-host=", "--cluster-domain="];
        assert_eq!(of(&empty).unwrap(), Routing::Istio(kubeflow));
        let own = ["--routing=istio", "--istio-gateway=gw", "--istio-host=*.example.org", "--cluster-domain=k8s.lan"];
        let expected = Istio { gateway: "gw".into(), host: "*.example.org".into(), cluster_domain: "k8s.lan".into() };
        assert_eq!(of(&own).unwrap(), Routing::Istio(expected));
    }

    #[test]
    fn the_others_have_options_of_their_own() {
        let gateway = ["--routing=gateway", "--gateway=infra/public", "--gateway-section=https", "--gateway-host=a.b"];
        let expected = Gateway {
            namespace: "infra".into(),
            name: "public".into(),
            section: Some("https".into()),
            host: Some("a.b".into()),
        };
        assert_eq!(of(&gateway).unwrap(), Routing::Gateway(expected));
        assert_eq!(of(&["--routing=ingress"]).unwrap(), Routing::Ingress(IngressRules::default()));
        let ingress = ["--routing=ingress", "--ingress-class=nginx", "--ingress-host="];
        let expected = IngressRules { class: Some("nginx".into()), host: None };
        assert_eq!(of(&ingress).unwrap(), Routing::Ingress(expected));
    }

    #[test]
    fn what_can_not_work_is_told_in_a_sentence() {
        for (options, expected) in [
            (&["--routing=gateway"][..], "--routing=gateway needs --gateway=NAMESPACE/NAME"),
            (&["--routing=gateway", "--gateway=public"], "--gateway is \"public\"; it must be the namespace"),
            (&["--routing=gateway", "--gateway=a/b/c"], "--gateway is"),
            (&["--routing=gateway", "--gateway=a/b", "--gateway-host=*"], "--gateway-host is \"*\"; it must be a host"),
            (&["--routing=gateway", "--gateway=a/b", "--gateway-section=A"], "--gateway-section is"),
            (&["--routing=istio", "--istio-gateway=a/b/c"], "--istio-gateway is \"a/b/c\""),
            (&["--routing=istio", "--istio-host=https://a.b"], "--istio-host is"),
            (&["--routing=istio", "--cluster-domain=.local"], "--cluster-domain is"),
            (&["--routing=ingress", "--ingress-host=a_b"], "--ingress-host is"),
            (&["--routing=ingress", "--ingress-class=A B"], "--ingress-class is"),
            (&["--routing=nginx"], "possible values: none, istio, gateway, ingress"),
            (&["--use-istio=yes"], "must be true or false"),
        ] {
            let said = of(options).unwrap_err();
            assert!(said.contains(expected), "{options:?}: {said}");
        }
    }
}
