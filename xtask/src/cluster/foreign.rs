//! Kinds of other projects that a cluster may have: their CRDs alone, out of Go modules that `dev/cluster/routes` pins. Nothing
//! acts on their objects here.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use super::processes::wait_for;
use super::{Cluster, kubectl};
use crate::programs::route_source;

/// A project whose kinds Carrel writes or reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Foreign {
    /// Istio: VirtualService
    Istio,
    /// The Gateway API: HTTPRoute
    Gateway,
    /// CSI snapshots: VolumeSnapshot, its class and its content
    Snapshots,
}

impl Foreign {
    /// The name of the CRD that Carrel looks for.
    pub fn crd(self) -> &'static str {
        match self {
            Self::Istio => "virtualservices.networking.istio.io",
            Self::Gateway => "httproutes.gateway.networking.k8s.io",
            Self::Snapshots => "volumesnapshots.snapshot.storage.k8s.io",
        }
    }

    /// The names of its CRDs.
    pub fn crds(self) -> Vec<&'static str> {
        let with_it: &[&str] = match self {
            Self::Istio | Self::Gateway => &[],
            Self::Snapshots => {
                &["volumesnapshotcontents.snapshot.storage.k8s.io", "volumesnapshotclasses.snapshot.storage.k8s.io"]
            }
        };
        [&[self.crd()], with_it].concat()
    }

    /// Its CRDs as YAML, as the project publishes them. `yes`: install a missing Go without asking.
    pub fn manifest(self, yes: bool) -> Result<String> {
        let (module, files): (_, &[&str]) = match self {
            Self::Istio => ("istio.io/api", &["kubernetes/customresourcedefinitions.gen.yaml"]),
            Self::Gateway => {
                ("sigs.k8s.io/gateway-api", &["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"])
            }
            Self::Snapshots => (
                "github.com/kubernetes-csi/external-snapshotter/client/v8",
                &[
                    "config/crd/snapshot.storage.k8s.io_volumesnapshots.yaml",
                    "config/crd/snapshot.storage.k8s.io_volumesnapshotcontents.yaml",
                    "config/crd/snapshot.storage.k8s.io_volumesnapshotclasses.yaml",
                ],
            ),
        };
        let folder = route_source(module, yes)?;
        let mut text = String::new();
        for file in files {
            let file = folder.join(file);
            text += &fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            text += "\n---\n";
        }
        let crd = |crd: &&str| {
            let name = format!("\n  name: {crd}\n");
            let document = text.split("\n---\n").find(|document| document.contains(&name));
            document.map(str::to_owned).with_context(|| format!("{module} has no {crd}"))
        };
        Ok(self.crds().iter().map(crd).collect::<Result<Vec<_>>>()?.join("\n---\n"))
    }
}

impl Cluster {
    /// Gives the cluster kinds of another project, and waits until the API server serves them.
    pub fn install(&self, foreign: Foreign, yes: bool) -> Result<()> {
        kubectl::apply(&self.bin, &self.dir, foreign.crd(), &foreign.manifest(yes)?)?;
        for crd in foreign.crds() {
            let crd = format!("crd/{crd}");
            // kubectl gives up at once on one that has no conditions yet.
            wait_for(&crd, Duration::from_secs(30), || {
                let wait = ["wait", "--for=condition=Established", &crd, "--timeout=10s"];
                Ok(kubectl::run(&self.bin, &self.dir, &wait).err().map(|error| format!("{error:#}")))
            })?;
        }
        Ok(())
    }
}
