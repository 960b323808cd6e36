//! The only writer. Applies children when something differs, patches statuses, and deletes; each under the lease and
//! with a timeout, since kube's write calls have none and one lost connection would hold a key for ever.

mod error;
mod inherit;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::{debug, info, warn};

pub use error::{Retry, WriteError};

use crate::lease::Claim;
use crate::ledger::{APPLIED, Ledger, Live, Verdict, Why};
use crate::metrics::{Metrics, Verb};
use crate::notice::{Budget, Notice};
use crate::{FIELD_MANAGER, Key, hash};

/// Long enough for a busy API server with slow webhooks (their own limit is 10 s by default, 30 s at most).
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// What became of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was as it should be; nothing was sent.
    Settled,
    /// It was written before, and the cache will show it; nothing was sent.
    InFlight,
    /// It was written.
    Wrote(Why),
}

/// Writes to the API server on behalf of one controller.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    claim: Claim,
    ledger: Arc<Ledger>,
    budget: Arc<Budget>,
    echoes: Arc<Budget>,
    metrics: Arc<Metrics>,
}

impl Writer {
    /// A writer that writes only while `claim` holds.
    pub fn new(client: Client, claim: Claim, metrics: Arc<Metrics>) -> Self {
        Self { client, claim, ledger: Arc::default(), budget: Arc::default(), echoes: Arc::default(), metrics }
    }

    /// What this writer wrote; feeds tell it of children that go.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Whether this process may write now.
    pub fn may_write(&self) -> bool {
        self.claim.time_left().is_some()
    }

    /// Makes a child what it should be, if it is not. `live` is what the cache holds of it: our own child, or nothing.
    ///
    /// A child that the cache does not hold is applied without force, so that an object of somebody else's (which our
    /// watches do not select) is refused as a conflict and never overwritten.
    pub async fn apply<K>(&self, wanted: &K, live: Option<&K>) -> Result<Applied, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let (kind, plural, key) = (K::kind(&()).into_owned(), plural::<K>(), Key::of(wanted));
        let mut body = serde_json::to_value(wanted)?;
        let hash = hash::of(&body);
        let object = live.map(serde_json::to_value).transpose()?;
        let seen = live.zip(object.as_ref()).map(|(live, object)| Live {
            uid: live.meta().uid.as_deref().unwrap_or_default(),
            version: live.meta().resource_version.as_deref().unwrap_or_default(),
            object,
        });
        let why = match self.ledger.judge(plural, &key, &body, &hash, seen) {
            Verdict::Settled => return Ok(Applied::Settled),
            Verdict::InFlight => return Ok(Applied::InFlight),
            Verdict::Write(why) => why,
        };
        match &why {
            Why::Missing => info!(kind, child = %key, "creating"),
            Why::Changed => info!(kind, child = %key, "updating"),
            Why::Drifted(difference) => {
                info!(kind, child = %key, field = difference.path, "repairing {difference}");
                self.metrics.drift(plural);
            }
        }
        annotate(&mut body, &hash);
        let mut params = PatchParams::apply(FIELD_MANAGER);
        params.force = live.is_some();
        let api = Api::<K>::namespaced(self.client.clone(), &key.namespace);
        let written =
            self.send(plural, Verb::Apply, &kind, &key, api.patch(&key.name, &params, &Patch::Apply(&body))).await?;
        let uid = written.uid().unwrap_or_default();
        self.ledger.wrote(plural, &key, &uid, &written.resource_version().unwrap_or_default(), &hash);
        Ok(Applied::Wrote(why))
    }

    /// Makes a child that must not take the place of another: an apply without force takes an object of somebody else's over
    /// that happens to agree with it. `kept` is what will be applied to it from now on, so that it is settled.
    pub async fn create<K>(&self, wanted: &K, kept: &K) -> Result<Applied, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let (kind, plural, key) = (K::kind(&()).into_owned(), plural::<K>(), Key::of(wanted));
        if self.ledger.awaits(plural, &key) {
            return Ok(Applied::InFlight);
        }
        let hash = hash::of(&serde_json::to_value(kept)?);
        let mut object = wanted.clone();
        object.annotations_mut().insert(APPLIED.to_owned(), hash.clone());
        info!(kind, child = %key, "creating");
        let api = Api::<K>::namespaced(self.client.clone(), &key.namespace);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let made = self.send(plural, Verb::Create, &kind, &key, api.create(&params, &object)).await?;
        let uid = made.uid().unwrap_or_default();
        self.ledger.wrote(plural, &key, &uid, &made.resource_version().unwrap_or_default(), &hash);
        Ok(Applied::Wrote(Why::Missing))
    }

    /// Replaces the status of the object with this uid and answers with the object.
    ///
    /// A JSON patch replaces it whole, so that nothing which another writer left in it stays; its test keeps it from
    /// a successor of the same name.
    pub async fn status<K, S>(&self, key: &Key, uid: &str, status: &S) -> Result<K, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
        S: Serialize,
    {
        self.replace_status(Api::<K>::namespaced(self.client.clone(), &key.namespace), key, uid, status).await
    }

    /// The same for an object of the whole cluster.
    pub async fn status_of_cluster<K, S>(&self, key: &Key, uid: &str, status: &S) -> Result<K, WriteError>
    where
        K: Resource<DynamicType = (), Scope = ClusterResourceScope> + Clone + Debug + DeserializeOwned,
        S: Serialize,
    {
        self.replace_status(Api::<K>::all(self.client.clone()), key, uid, status).await
    }

    async fn replace_status<K, S>(&self, api: Api<K>, key: &Key, uid: &str, status: &S) -> Result<K, WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
        S: Serialize,
    {
        let patch: json_patch::Patch = serde_json::from_value(json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": status},
        ]))?;
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        debug!(object = %key, "writing the status");
        let patch = Patch::<()>::Json(patch);
        self.send(plural::<K>(), Verb::Status, &K::kind(&()), key, api.patch_status(&key.name, &params, &patch)).await
    }

    /// Deletes the object with this uid, if it is still there. Whether it was, and was not deleted before.
    pub async fn delete<K>(&self, key: &Key, uid: &str) -> Result<bool, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        self.delete_if::<K>(key, Preconditions { uid: Some(uid.to_owned()), resource_version: None }).await
    }

    /// The same, if nobody changed the object since it had this resourceVersion; else a conflict.
    pub async fn delete_unchanged<K>(&self, key: &Key, uid: &str, version: &str) -> Result<bool, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let resource_version = Some(version.to_owned());
        self.delete_if::<K>(key, Preconditions { uid: Some(uid.to_owned()), resource_version }).await
    }

    async fn delete_if<K>(&self, key: &Key, preconditions: Preconditions) -> Result<bool, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let uid = preconditions.uid.clone().unwrap_or_default();
        if !self.ledger.may_delete(&uid) {
            return Ok(false);
        }
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let api = Api::<K>::namespaced(self.client.clone(), &key.namespace);
        let deleted =
            match self.send(plural::<K>(), Verb::Delete, &K::kind(&()), key, api.delete(&key.name, &params)).await {
                Ok(_) => true,
                Err(WriteError::Gone(_)) => false,
                // Also a conflict, which may say that the uid is another's by now: then the next try sees so in the cache.
                Err(error) => return Err(error),
            };
        self.ledger.deleted(&uid);
        Ok(deleted)
    }

    /// A merge patch of the object with this uid, for what server-side apply can't do: removing what others set.
    pub async fn merge<K>(&self, key: &Key, uid: &str, mut patch: Value) -> Result<K, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        // The uid keeps the patch from a successor of the same name.
        json_patch::merge(&mut patch, &json!({"metadata": {"uid": uid}}));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let api = Api::<K>::namespaced(self.client.clone(), &key.namespace);
        let patch = Patch::Merge(patch);
        let sent = api.patch(&key.name, &params, &patch);
        self.send(plural::<K>(), Verb::Merge, &K::kind(&()), key, sent).await
    }

    /// Makes what the maker of an object owns of it ours, so that what we no longer want goes with the next apply. `live` is
    /// as read, with its `managedFields`; its maker is who set the field `made_with` of its spec.
    pub async fn inherit<K>(&self, live: &K, made_with: &str) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let managed = serde_json::to_value(live.managed_fields())?;
        let Some(managed) = inherit::inherited(&managed, made_with) else { return Ok(()) };
        // Of this very version: what somebody writes in between must not lose its owner.
        let metadata = json!({"managedFields": managed, "resourceVersion": live.resource_version()});
        self.merge::<K>(&Key::of(live), &live.uid().unwrap_or_default(), json!({"metadata": metadata})).await.map(drop)
    }

    /// Asks whether the API server would create an object now: by its own dry run, with all of its admission. One that is
    /// there already would.
    pub async fn would_create<K>(&self, object: &K) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let key = Key::of(object);
        let api = Api::<K>::namespaced(self.client.clone(), &key.namespace);
        let params = PostParams { dry_run: true, field_manager: Some(FIELD_MANAGER.to_owned()) };
        match self.send(plural::<K>(), Verb::DryRun, &K::kind(&()), &key, api.create(&params, object)).await {
            Ok(_) | Err(WriteError::Taken { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks whether the API server would take an apply of a child that is there, by its own dry run.
    pub async fn would_apply<K>(&self, wanted: &K) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let key = Key::of(wanted);
        let api = Api::<K>::namespaced(self.client.clone(), &key.namespace);
        let params = PatchParams { dry_run: true, ..PatchParams::apply(FIELD_MANAGER).force() };
        let patch = Patch::Apply(wanted);
        let sent = api.patch(&key.name, &params, &patch);
        self.send(plural::<K>(), Verb::DryRun, &K::kind(&()), &key, sent).await.map(drop)
    }

    /// Reads an object where the cache can't be enough: one that has the name of a child and is in no cache, or one whose
    /// text a pod is about to end for.
    pub async fn look<K>(&self, key: &Key) -> Result<Option<K>, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let api = Api::<K>::namespaced(self.client.clone(), &key.namespace);
        self.send(plural::<K>(), Verb::Look, &K::kind(&()), key, api.get_opt(&key.name)).await
    }

    /// Sends an Event about an object, if the object has not had too many. One that is lost is logged and no reason to do
    /// anything again: the status says the same.
    pub async fn notice<K>(&self, object: &K, notice: &Notice)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        self.say(object, notice, &self.budget).await;
    }

    /// Sends an Event about an object that repeats what was said of one of its children, if not too many were. These are
    /// counted apart: a noisy child does not silence what we say ourselves.
    pub async fn echo<K>(&self, object: &K, notice: &Notice)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        self.say(object, notice, &self.echoes).await;
    }

    async fn say<K>(&self, object: &K, notice: &Notice, budget: &Budget)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let key = Key::of(object);
        if !self.may_write() || !budget.take(&key) {
            return;
        }
        let api = Api::<Event>::namespaced(self.client.clone(), &key.namespace);
        let (event, params) = (notice.about(object), PostParams::default());
        match self.send("events", Verb::Create, "Event", &key, api.create(&params, &event)).await {
            Ok(_) | Err(WriteError::Gone(_)) => {}
            Err(error) => warn!(object = %key, "the Event {} was not sent: {error}", notice.reason),
        }
    }

    /// The object is gone, and what was counted of it with it.
    pub fn forget(&self, key: &Key) {
        self.budget.forget(key);
        self.echoes.forget(key);
    }

    async fn send<T>(
        &self,
        plural: &'static str,
        verb: Verb,
        kind: &str,
        key: &Key,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, WriteError> {
        let left = self.claim.time_left().ok_or(WriteError::NotLeader)?;
        let limit = WRITE_TIMEOUT.min(left);
        let result = match tokio::time::timeout(limit, request).await {
            Ok(answer) => answer.map_err(|error| WriteError::of(error, kind, &key.name)),
            Err(_) => Err(WriteError::Timeout(limit)),
        };
        self.metrics.write(plural, verb, result.as_ref().err().map_or("ok", WriteError::label));
        result
    }
}

/// The plural of a kind that is known at compile time, without an allocation that outlives it.
fn plural<K: Resource<DynamicType = ()>>() -> &'static str {
    match K::plural(&()) {
        std::borrow::Cow::Borrowed(plural) => plural,
        std::borrow::Cow::Owned(_) => "unknown",
    }
}

fn annotate(body: &mut Value, hash: &str) {
    let metadata = body.as_object_mut().and_then(|body| body.get_mut("metadata")).and_then(Value::as_object_mut);
    let annotations = metadata.map(|metadata| metadata.entry("annotations").or_insert_with(|| json!({})));
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.insert(APPLIED.to_owned(), hash.into());
    }
}
