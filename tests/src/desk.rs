//! A namespace of its own for a test, with a controller that looks after it alone.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use carrel_api::notebook::{Notebook, NotebookStatus};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::pinned_kind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::{Audit, Controllers, audit, eventually};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A namespace, its controller, and the administrator's hands.
pub struct Desk {
    /// The namespace.
    pub namespace: String,
    /// The administrator's client.
    pub client: Client,
    /// The controller that looks after the namespace; `None` after a test stopped it.
    pub controllers: Option<Controllers>,
}

impl Desk {
    /// A new namespace with a controller that is ready.
    pub async fn new() -> Result<Self> {
        Self::with(&[]).await
    }

    /// The same, with these arguments for the controller.
    pub async fn with(arguments: &[&str]) -> Result<Self> {
        let mut desk = Self::without_controllers().await?;
        desk.restart_with(arguments).await?;
        Ok(desk)
    }

    /// Ends the controller, if there is one, and starts another with these arguments.
    pub async fn restart_with(&mut self, arguments: &[&str]) -> Result<()> {
        if let Some(controllers) = self.controllers.take() {
            controllers.stop().await?;
        }
        let controllers = Controllers::with(&self.namespace, arguments)?;
        controllers.ready().await?;
        self.controllers = Some(controllers);
        Ok(())
    }

    /// A new namespace alone.
    pub async fn without_controllers() -> Result<Self> {
        let client = crate::client(crate::kubeconfig()?).await?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() % 10_000_000;
        let namespace = format!("test-{}-{since}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &object).await?;
        let desk = Self { namespace, client, controllers: None };
        // Pods are refused until the namespace has its account.
        let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = desk.api();
        eventually("the service account", async || Ok(accounts.get("default").await?)).await?;
        Ok(desk)
    }

    /// The namespace's objects of a kind.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates an object from YAML in the namespace, of any kind, as it is. The answer is the API server's own.
    pub async fn create(&self, yaml: &str) -> Result<Value> {
        let mut object: DynamicObject = serde_saphyr::from_str(yaml)?;
        object.metadata.namespace = Some(self.namespace.clone());
        let types = object.types.clone().context("no kind")?;
        let (resource, _) = pinned_kind(&self.client, &GroupVersionKind::try_from(types)?).await?;
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &self.namespace, &resource);
        Ok(serde_json::to_value(api.create(&PostParams::default(), &object).await?)?)
    }

    /// Creates a Notebook `name` whose template's spec is this YAML.
    pub async fn notebook(&self, name: &str, pod_spec: &str) -> Result<Value> {
        let yaml = format!(
            "{{apiVersion: kubeflow.org/v1, kind: Notebook, metadata: {{name: {name}}}, spec: {{template: {{spec: {pod_spec}}}}}}}"
        );
        self.create(&yaml).await
    }

    /// Creates the plainest Notebook and waits until it is ready.
    pub async fn running(&self, name: &str) -> Result<NotebookStatus> {
        self.notebook(name, &format!("{{containers: [{{name: {name}, image: jupyter}}]}}")).await?;
        self.reaches(name, "Running").await
    }

    /// A merge patch of a Notebook.
    pub async fn change(&self, name: &str, patch: Value) -> Result<Notebook> {
        Ok(self.api::<Notebook>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// Sets or removes an annotation of a Notebook.
    pub async fn annotate(&self, name: &str, key: &str, value: Option<&str>) -> Result<Notebook> {
        self.change(name, json!({"metadata": {"annotations": {key: value}}})).await
    }

    /// The status of a Notebook.
    pub async fn status(&self, name: &str) -> Result<NotebookStatus> {
        let notebook = self.api::<Notebook>().get(name).await?;
        notebook.status.as_ref().and_then(|status| status.valid()).cloned().context("no status yet")
    }

    /// Waits until the reason of a Notebook's condition `Ready` is this one, for what its owner asks now.
    pub async fn reaches(&self, name: &str, reason: &str) -> Result<NotebookStatus> {
        eventually(&format!("{reason} of {name}"), async || {
            let notebook = self.api::<Notebook>().get(name).await?;
            let status =
                notebook.status.as_ref().and_then(|status| status.valid()).cloned().context("no status yet")?;
            ensure!(status.observed_generation == notebook.metadata.generation, "the status is behind: {status:?}");
            let found = status.condition("Ready").and_then(|ready| ready.reason.as_deref());
            ensure!(found == Some(reason), "{status:?}");
            Ok(status)
        })
        .await
    }

    /// Waits until the pod of a Notebook is another than the one with this uid, and ready.
    pub async fn pod_after(&self, name: &str, uid: &str) -> Result<Pod> {
        eventually("another pod", async || {
            let pod = self.api::<Pod>().get(&format!("{name}-0")).await?;
            ensure!(pod.metadata.uid.as_deref() != Some(uid), "it is the same");
            ensure!(is_ready(&pod), "it is not ready");
            Ok(pod)
        })
        .await
    }

    /// The uid of the pod of a Notebook.
    pub async fn pod_uid(&self, name: &str) -> Result<String> {
        self.api::<Pod>().get(&format!("{name}-0")).await?.uid().context("no uid")
    }

    /// Waits until an object of this kind is gone.
    pub async fn is_gone<K>(&self, name: &str) -> Result<()>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        eventually(&format!("the end of {name}"), async || match self.api::<K>().get_opt(name).await? {
            None => Ok(()),
            Some(_) => bail!("it is still there"),
        })
        .await
    }

    /// The StatefulSet of a Notebook.
    pub async fn stateful_set(&self, name: &str) -> Result<StatefulSet> {
        Ok(self.api::<StatefulSet>().get(name).await?)
    }

    /// The Service of a Notebook.
    pub async fn service(&self, name: &str) -> Result<Service> {
        Ok(self.api::<Service>().get(name).await?)
    }

    /// What the controller writes in the namespace within this time.
    pub async fn writes_within(&self, time: Duration) -> Result<Vec<String>> {
        Ok(audit::writes(Audit::given()?.within(time).await?, &self.namespace))
    }

    /// Fails unless the controller comes to rest: writes nothing in the namespace for as long as this, soon. The last words of what
    /// was waited for (a status, an Event) may still be on their way.
    pub async fn rests(&self, time: Duration) -> Result<()> {
        const TRIES: usize = 5;
        let mut writes = Vec::new();
        for _ in 0..TRIES {
            writes = self.writes_within(time).await?;
            if writes.is_empty() {
                return Ok(());
            }
        }
        bail!("it does not come to rest, but writes {writes:?}")
    }
}

/// Whether a pod is ready and stays.
fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.controllers = None;
        // By kubectl, as a drop can't wait for a future. The whole cluster goes soon anyway.
        if let Ok(kubectl) = crate::given("KUBECTL") {
            let arguments = ["delete", "namespace", &self.namespace, "--wait=false"];
            let _ = std::process::Command::new(kubectl).args(arguments).output();
        }
    }
}
