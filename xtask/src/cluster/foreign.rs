//! Kinds of other projects that a cluster may have: their CRDs alone, out of Go modules that `dev/cluster/routes` pins. Nothing
//! acts on their objects here.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use super::processes::wait_for;
use super::{Cluster, kubectl};
use crate::programs::route_source;

/// A project whose kinds Carrel writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Foreign {
    /// Istio: VirtualService
    Istio,
    /// The Gateway API: HTTPRoute
    Gateway,
}

impl Foreign {
    /// The name of its CRD.
    pub fn crd(self) -> &'static str {
        match self {
            Self::Istio => "virtualservices.networking.istio.io",
            Self::Gateway => "httproutes.gateway.networking.k8s.io",
        }
    }

    /// Its CRD as YAML, as the project publishes it. `yes`: install a missing Go without asking.
    pub fn manifest(self, yes: bool) -> Result<String> {
        let (module, path) = match self {
            Self::Istio => ("istio.io/api", "kubernetes/customresourcedefinitions.gen.yaml"),
            Self::Gateway => {
                ("sigs.k8s.io/gateway-api", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml")
            }
        };
        let file = route_source(module, yes)?.join(path);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = format!("\n  name: {}\n", self.crd());
        let crd = text.split("\n---\n").find(|document| document.contains(&name));
        crd.map(str::to_owned).with_context(|| format!("{} has no {}", file.display(), self.crd()))
    }
}

impl Cluster {
    /// Gives the cluster kinds of another project, and waits until the API server serves them.
    pub fn install(&self, foreign: Foreign, yes: bool) -> Result<()> {
        kubectl::apply(&self.bin, &self.dir, foreign.crd(), &foreign.manifest(yes)?)?;
        let crd = format!("crd/{}", foreign.crd());
        // kubectl gives up at once on one that has no conditions yet.
        wait_for(&crd, Duration::from_secs(30), || {
            let wait = ["wait", "--for=condition=Established", &crd, "--timeout=10s"];
            Ok(kubectl::run(&self.bin, &self.dir, &wait).err().map(|error| format!("{error:#}")))
        })
    }
}
