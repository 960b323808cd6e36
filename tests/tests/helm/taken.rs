//! A server that Kubeflow's controller runs, before Carrel comes, under Carrel, and after it has gone.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_tests::{Desk, OfKubeflow, given, kubeconfig, kubectl, run, within};
use k8s_openapi::api::core::v1::Pod;
use xtask::jupyter::{Kernel, Server};

use crate::busy::JUPYTER;
use crate::release::NAMESPACE;

const NAME: &str = "taken";

/// For pods to start, or to end.
const PATIENCE: Duration = Duration::from_mins(3);

/// A Notebook of Kubeflow's.
pub(crate) struct Taken {
    desk: Desk,
    server: Server,
    pod: String,
}

impl Taken {
    /// Writes what Kubeflow's controller would.
    pub(crate) async fn open() -> Result<Self> {
        let desk = Desk::without_controllers().await?;
        let pod = OfKubeflow { desk: &desk, name: NAME, image: JUPYTER }.make().await?;
        let address = desk.service(NAME).await?.spec.and_then(|spec| spec.cluster_ip).context("no address")?;
        let server = Server::at(&format!("http://{address}/notebook/{}/{NAME}", desk.namespace));
        server.wait_until_answers(PATIENCE)?;
        Ok(Self { desk, server, pod })
    }

    /// Somebody at work there, who has a value in a kernel.
    pub(crate) fn work(&self) -> Result<Kernel<'_>> {
        let kernel = self.server.kernel()?;
        kernel.run("value = 42")?;
        Ok(kernel)
    }

    /// Goes along with the takeover.
    pub(crate) async fn is_adopted(&self, work: &Kernel<'_>) -> Result<()> {
        let mut adopt = Command::new(given("CARREL_BINARY")?);
        adopt.args(["adopt", "--apply", "--timeout=3m", "-n", &self.desk.namespace, "--kubeconfig"]);
        let told = run(adopt.arg(kubeconfig()?))?;
        println!("{told}");
        self.desk.reaches(NAME, "Running").await?;
        self.goes_on(work).await
    }

    /// Without Carrel, Kubeflow's controller has its server again, and stops it as before.
    pub(crate) async fn goes_back(&self, work: &Kernel<'_>) -> Result<()> {
        kubectl(&["scale", "deployment/carrel", "-n", NAMESPACE, "--replicas=0", "--timeout=60s"])?;
        within(PATIENCE, "the end of Carrel's pods", async || {
            let pods = kubectl(&["get", "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=carrel", "-o", "name"])?;
            ensure!(pods.is_empty(), "{pods}");
            Ok(())
        })
        .await?;
        let kubeflow = OfKubeflow { desk: &self.desk, name: NAME, image: JUPYTER };
        kubeflow.pass(1).await?;
        self.goes_on(work).await?;
        kubeflow.pass(0).await?;
        self.desk.is_gone::<Pod>(&format!("{NAME}-0")).await
    }

    /// The pod is the same, and the kernel in it.
    async fn goes_on(&self, work: &Kernel<'_>) -> Result<()> {
        ensure!(self.desk.pod_uid(NAME).await? == self.pod, "it is another pod");
        let said = work.run("print(value)")?;
        ensure!(said.text.contains("42"), "{said:?}");
        Ok(())
    }
}
