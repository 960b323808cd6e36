//! Reads what the screen is made of: the object, its children, and the Events about them.

use std::collections::BTreeSet;
use std::fmt::Debug;

use carrel_api::vocabulary::server_of;
use futures::future::join_all;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Namespace, PersistentVolumeClaim, Pod};
use kube::api::{Api, DynamicObject, ListParams, PartialObjectMeta};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::WhyError;
use super::missing::{Seen, sentence};
use super::target::Target;
use crate::kind::Kind;
use crate::pages::{ReadError, is_missing, of_namespace, place};

/// What was read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) target: Target,
    pub(super) namespace: String,
    pub(super) object: DynamicObject,
    pub(super) pods: Vec<Pod>,
    /// The claims that it mounts, or that it asks for; those that are there.
    pub(super) claims: Vec<PersistentVolumeClaim>,
    pub(super) events: Vec<Event>,
    /// What can't be read, and why.
    pub(super) unread: Vec<String>,
}

/// Reads all of it. What can't be read beside the object is left out, and said.
pub(super) async fn read(client: &Client, target: &Target, namespace: &str) -> Result<Found, WhyError> {
    let object = object(client, target, namespace).await?;
    let mut found = Found {
        target: target.clone(),
        namespace: namespace.to_owned(),
        object,
        pods: Vec::new(),
        claims: Vec::new(),
        events: Vec::new(),
        unread: Vec::new(),
    };
    // Of children by their kind and name: those that are gone left Events too.
    let mut family: BTreeSet<(String, String)> = [(target.kind.as_str().to_owned(), target.name.clone())].into();
    if target.kind != Kind::VolumeRequest {
        let workloads = workloads(client, &found).await;
        let Workloads { family: more, makers } = found.or_say(workloads).unwrap_or_default();
        family.extend(more);
        let pods = pods(client, &found, &makers).await;
        found.pods = found.or_say(pods).unwrap_or_default();
        family.extend(found.pods.iter().map(|pod| ("Pod".to_owned(), pod.name_any())));
    }
    let claims = claims(client, &found).await;
    family.extend(claims.iter().map(|(name, _)| ("PersistentVolumeClaim".to_owned(), name.clone())));
    for (_, claim) in claims {
        let claim = found.or_say(claim).flatten();
        found.claims.extend(claim);
    }
    for events in join_all(family.iter().map(|(kind, name)| events(client, namespace, kind, name))).await {
        let events = found.or_say(events).unwrap_or_default();
        found.events.extend(events);
    }
    found.unread.dedup();
    Ok(found)
}

impl Found {
    /// Goes on without what can't be read.
    fn or_say<T>(&mut self, read: Result<T, ReadError>) -> Option<T> {
        read.map_err(|error| {
            self.unread.push(match error {
                ReadError::Forbidden { kind, message, .. } => format!("{kind} can't be read ({message})"),
                ReadError::Failed { kind, source, .. } => format!("{kind} can't be read ({source})"),
            });
        })
        .ok()
    }
}

async fn object(client: &Client, target: &Target, namespace: &str) -> Result<DynamicObject, WhyError> {
    match target.kind.api(client, namespace).get(&target.name).await {
        Ok(object) => Ok(object),
        Err(error) if is_missing(&error) => Err(missing(client, target, namespace).await),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Err(WhyError::Forbidden {
            plural: target.kind.crd(),
            namespace: namespace.to_owned(),
            message: status.message.clone(),
        }),
        Err(error) => {
            let (target, namespace) = (target.clone(), namespace.to_owned());
            Err(WhyError::Failed { target, namespace, source: Box::new(error) })
        }
    }
}

/// Looks around for what may be meant. What can't be read then is not told.
async fn missing(client: &Client, target: &Target, namespace: &str) -> WhyError {
    let Target { kind, name } = target;
    let resource = kind.resource();
    let names = match kind.api(client, namespace).list_metadata(&ListParams::default()).await {
        Err(error) if is_missing(&error) => {
            return WhyError::NoKind { kind: kind.as_str(), plural: kind.crd() };
        }
        listed => listed.ok().map(|list| list.iter().map(ResourceExt::name_any).collect()),
    };
    let everywhere: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let of_name = ListParams::default().fields(&format!("metadata.name={name}"));
    let elsewhere = everywhere.list_metadata(&of_name).await;
    let elsewhere = elsewhere.map(|list| list.iter().filter_map(ResourceExt::namespace).collect()).unwrap_or_default();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let is_there = namespaces.get_metadata_opt(namespace).await.ok().map(|found| found.is_some());
    let mut other_kinds = Vec::new();
    for other in Kind::ALL.into_iter().filter(|other| other != kind) {
        if let Ok(Some(_)) = other.api(client, namespace).get_metadata_opt(name).await {
            other_kinds.push(other.as_str());
        }
    }
    WhyError::Missing(sentence(target, namespace, &Seen { namespace: is_there, names, elsewhere, other_kinds }))
}

/// The StatefulSet of a Notebook and its pod, or the Deployment of another server and its ReplicaSets.
#[derive(Debug, Default)]
struct Workloads {
    /// Kinds and names.
    family: Vec<(String, String)>,
    /// The uids of those that make pods.
    makers: Vec<String>,
}

async fn workloads(client: &Client, found: &Found) -> Result<Workloads, ReadError> {
    let uid = found.object.uid().unwrap_or_default();
    let word = |kind: &str, name: String| (kind.to_owned(), name);
    if found.target.kind == Kind::Notebook {
        let sets = owned::<StatefulSet>(client, &found.namespace, &[uid]).await?;
        let names = sets.iter().map(ResourceExt::name_any);
        let family = names.flat_map(|name| [word("Pod", format!("{name}-0")), word("StatefulSet", name)]).collect();
        return Ok(Workloads { family, makers: sets.iter().filter_map(ResourceExt::uid).collect() });
    }
    let deployments = owned::<Deployment>(client, &found.namespace, &[uid]).await?;
    let uids: Vec<_> = deployments.iter().filter_map(ResourceExt::uid).collect();
    let sets = owned::<ReplicaSet>(client, &found.namespace, &uids).await?;
    let deployments = deployments.iter().map(|one| word("Deployment", one.name_any()));
    let family = deployments.chain(sets.iter().map(|one| word("ReplicaSet", one.name_any()))).collect();
    Ok(Workloads { family, makers: sets.iter().filter_map(ResourceExt::uid).collect() })
}

/// The objects of a kind that one of these owns.
async fn owned<K>(client: &Client, namespace: &str, by: &[String]) -> Result<Vec<PartialObjectMeta<K>>, ReadError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let failed = |error| ReadError::of(error, &K::plural(&()), &place(Some(namespace)));
    let all = api.list_metadata(&ListParams::default()).await.map_err(failed)?;
    let is_owned =
        |object: &PartialObjectMeta<K>| object.owner_references().iter().any(|owner| by.contains(&owner.uid));
    Ok(all.items.into_iter().filter(is_owned).collect())
}

/// Its pods: those with its mark, and those of its children that have none yet, as Kubeflow made them.
async fn pods(client: &Client, found: &Found, makers: &[String]) -> Result<Vec<Pod>, ReadError> {
    let whose = (found.target.kind.as_str(), found.target.name.as_str());
    let mut pods = Vec::new();
    let each = |pod: Pod| {
        let is_made = pod.owner_references().iter().any(|owner| makers.contains(&owner.uid));
        if is_made || server_of(pod.labels(), pod.annotations()) == Some(whose) {
            pods.push(pod);
        }
    };
    of_namespace(client, Some(&found.namespace), each).await?;
    Ok(pods)
}

/// The claims of an object, by name, each where it is there.
async fn claims(client: &Client, found: &Found) -> Vec<(String, Result<Option<PersistentVolumeClaim>, ReadError>)> {
    let data = &found.object.data;
    let text = |path: &str| data.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let mut names = BTreeSet::new();
    names.extend(text("/status/claim"));
    names.extend(text("/spec/pvc"));
    let mounted = data.pointer("/status/volumes").and_then(Value::as_array);
    names.extend(mounted.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    let volumes = found.pods.iter().flat_map(|pod| pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()));
    names.extend(volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.clone())));
    let api: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &found.namespace);
    let failed = |error| ReadError::of(error, "persistentvolumeclaims", &place(Some(&found.namespace)));
    let get = async |name: String| {
        let claim = api.get_opt(&name).await.map_err(failed);
        (name, claim)
    };
    join_all(names.into_iter().map(get)).await
}

async fn events(client: &Client, namespace: &str, kind: &str, name: &str) -> Result<Vec<Event>, ReadError> {
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let about = ListParams::default().fields(&format!("involvedObject.kind={kind},involvedObject.name={name}"));
    let failed = |error| ReadError::of(error, "events", &place(Some(namespace)));
    Ok(api.list(&about).await.map_err(failed)?.items)
}
