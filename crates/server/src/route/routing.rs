//! How servers are reached from outside the cluster: what an admin chooses for all of them.

use crate::kind::Kind;

/// What is made so that a server is reached from outside under its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    /// Nothing.
    #[default]
    None,
    /// Istio's VirtualService, as Kubeflow makes it.
    Istio(Istio),
    /// The Gateway API's HTTPRoute.
    Gateway(Gateway),
    /// Kubernetes' own Ingress.
    Ingress(IngressRules),
}

/// Where VirtualServices point from and to (Kubeflow's `ISTIO_GATEWAY`, `ISTIO_HOST`, `CLUSTER_DOMAIN`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Istio {
    /// Istio's Gateway, as `namespace/name`.
    pub gateway: String,
    /// The host that requests are for; `*` is any.
    pub host: String,
    /// What the cluster's DNS names end with.
    pub cluster_domain: String,
}

/// The Gateway that HTTPRoutes attach to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The listener of it; all that allow it if absent.
    pub section: Option<String>,
    /// The host that requests are for; those of the listener if absent.
    pub host: Option<String>,
}

/// What Ingresses say beside path and Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressRules {
    /// The IngressClass; the cluster's default if absent.
    pub class: Option<String>,
    /// The host that requests are for; any if absent.
    pub host: Option<String>,
}

/// An API that a cluster may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignApi {
    /// The name of its CRD.
    pub crd: &'static str,
    /// The version that is written.
    pub version: &'static str,
    /// What brings it.
    pub brought_by: &'static str,
}

impl ForeignApi {
    /// What its absence means and what to do, in a sentence.
    pub fn missing(&self) -> String {
        let Self { crd, version, brought_by } = self;
        format!(
            "the API server does not serve {crd} in {version}: install {brought_by}, or start Carrel with another \
             --routing; routes are made once it is there"
        )
    }
}

impl Routing {
    /// The kind of the route that is made, if any is.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::None => None,
            Self::Istio(_) => Some(Kind::VirtualService),
            Self::Gateway(_) => Some(Kind::HTTPRoute),
            Self::Ingress(_) => Some(Kind::Ingress),
        }
    }

    /// What the cluster must have for it beside Kubernetes.
    pub fn needs(&self) -> Option<ForeignApi> {
        match self {
            Self::None | Self::Ingress(_) => None,
            Self::Istio(_) => Some(ForeignApi {
                crd: "virtualservices.networking.istio.io",
                version: "v1alpha3",
                brought_by: "Istio",
            }),
            Self::Gateway(_) => Some(ForeignApi {
                crd: "httproutes.gateway.networking.k8s.io",
                version: "v1",
                brought_by: "the Gateway API (1.0 or newer)",
            }),
        }
    }
}
