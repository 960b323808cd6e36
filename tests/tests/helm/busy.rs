//! People who work: notebooks with kernels that compute and say nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use carrel_api::activity::Verdict;
use carrel_api::notebook::{Condition, Notebook};
use carrel_api::vocabulary::STOPPED;
use carrel_tests::{Desk, within};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use xtask::jupyter::Server;

/// The image with JupyterLab that the local cluster has.
pub(crate) const JUPYTER: &str = "localhost/jupyter:4.6";

/// For all of them to start on a machine with two processors.
const START: Duration = Duration::from_mins(10);

/// For all of them to end on such a machine.
const END: Duration = Duration::from_mins(5);

/// Notebooks of one namespace, and their pods as they were when all kernels worked.
pub(crate) struct Busy {
    pub(crate) desk: Desk,
    pub(crate) names: Vec<String>,
    pods: BTreeMap<String, String>,
}

impl Busy {
    /// So many that run, each with a busy kernel.
    pub(crate) async fn open(count: usize) -> Result<Self> {
        let desk = Desk::without_controllers().await?;
        let names: Vec<_> = (0..count).map(|number| format!("busy-{number}")).collect();
        for name in &names {
            let container = format!(
                "{{name: {name}, image: '{JUPYTER}', readinessProbe: {{tcpSocket: {{port: 8888}}, periodSeconds: 2}},
                   resources: {{requests: {{cpu: 10m, memory: 128Mi}}, limits: {{memory: 1Gi}}}}}}"
            );
            desk.notebook(name, &format!("{{containers: [{container}]}}")).await?;
        }
        within(START, "the start of all", async || {
            let running = try_join_all(names.iter().map(|name| desk.status(name))).await?;
            let waiting = running.iter().filter(|status| status.ready_replicas != 1).count();
            ensure!(waiting == 0, "{waiting} do not run yet");
            Ok(())
        })
        .await?;
        let mut busy = Self { desk, names, pods: BTreeMap::new() };
        for address in busy.addresses().await?.into_values() {
            let server = Server::at(&address);
            server.wait_until_answers(START)?;
            let kernel = server.kernel()?;
            kernel.leave("import time; time.sleep(36000)")?;
        }
        busy.pods = busy.pods().await?;
        Ok(busy)
    }

    /// Where each server answers.
    pub(crate) async fn addresses(&self) -> Result<BTreeMap<String, String>> {
        let namespace = &self.desk.namespace;
        let services = self.desk.api::<Service>().list(&ListParams::default()).await?.items;
        let address = |service: Service| {
            let name = service.name_any();
            let ip = service.spec?.cluster_ip?;
            Some((name.clone(), format!("http://{ip}/notebook/{namespace}/{name}")))
        };
        let all: BTreeMap<_, _> = services.into_iter().filter_map(address).collect();
        ensure!(all.len() == self.names.len(), "{all:?}");
        Ok(all)
    }

    /// Has all of them end, and waits for it: twenty pods that end are in the way of what starts after.
    pub(crate) async fn leave(self) -> Result<()> {
        let all = ListParams::default();
        self.desk.api::<Notebook>().delete_collection(&DeleteParams::background(), &all).await?;
        within(END, "the end of all pods", async || {
            let left = self.desk.api::<Pod>().list_metadata(&all).await?.items.len();
            ensure!(left == 0, "{left} pods are there yet");
            Ok(())
        })
        .await
    }

    /// The uid of each pod with how often its containers were restarted.
    async fn pods(&self) -> Result<BTreeMap<String, String>> {
        let pods = self.desk.api::<Pod>().list(&ListParams::default()).await?.items;
        let of = |pod: Pod| {
            let (name, uid) = (pod.name_any(), pod.uid().context("a pod without a uid")?);
            let statuses = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
            let restarts: i32 = statuses.iter().map(|one| one.restart_count).sum();
            Ok((name, format!("{uid}, {restarts} restarts")))
        };
        pods.into_iter().map(of).collect()
    }

    /// Fails if one was stopped or restarted, or is not known to be busy.
    pub(crate) async fn is_untouched(&self) -> Result<()> {
        ensure!(self.pods().await? == self.pods, "not the same pods: {:?}", self.pods().await?);
        for notebook in self.desk.api::<Notebook>().list(&ListParams::default()).await? {
            let name = notebook.name_any();
            ensure!(!notebook.annotations().contains_key(STOPPED), "{name} is stopped");
            let status = self.desk.status(&name).await?;
            ensure!(status.ready_replicas == 1, "{name}: {status:?}");
            let verdict = status.life.activity.as_ref().map(|activity| activity.verdict);
            ensure!(verdict == Some(Verdict::Busy), "{name}: {verdict:?}");
        }
        Ok(())
    }

    /// Waits until each says that it would start otherwise now, and so waits for a restart.
    pub(crate) async fn wait_for_a_restart(&self) -> Result<()> {
        self.restart(|condition| condition.is_some_and(|condition| condition.status == "True")).await
    }

    /// Waits until none does.
    pub(crate) async fn wait_for_no_restart(&self) -> Result<()> {
        self.restart(|condition| condition.is_none()).await
    }

    async fn restart(&self, is_right: impl Fn(Option<&Condition>) -> bool) -> Result<()> {
        within(Duration::from_mins(3), "the word of a restart at all", async || {
            for name in &self.names {
                let status = self.desk.status(name).await?;
                ensure!(is_right(status.condition("RestartRequired")), "{name}: {status:?}");
            }
            Ok(())
        })
        .await
    }
}
