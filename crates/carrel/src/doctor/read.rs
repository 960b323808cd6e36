//! Reads what is looked at. What can't be read is a fact too.

use std::fmt::Debug;

use futures::future::join_all;
use futures::{StreamExt, join, stream};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::DoctorError;
use super::account::{Account, user};
use super::definitions::{Definitions, name};
use super::finding::{Seen, Unread};
use super::leader::{Work, holds, is_renewal, looks_old};
use super::probes::{Known, known};
use super::rights::rights;
use super::rivals::{Rival, rival};
use super::routes::{Apis, GATEWAY, ISTIO, USAGE};
use super::settings::{Settings, config_maps};
use super::version::Version;
use super::webhooks::{MUTATING, VALIDATING, Webhooks};
use crate::kind::Kind;
use crate::pages::{ReadError, is_missing, is_served, of_namespace, pages};

/// The labels of the Deployment of the controllers, whatever its name.
const CONTROLLERS: [(&str, &str); 2] =
    [("app.kubernetes.io/part-of", "carrel"), ("app.kubernetes.io/component", "controllers")];

/// Their account where they have no Deployment, and where their Deployment names none.
const ACCOUNTS: (&str, &str) = ("carrel", "default");

/// Questions that are asked of the API server at once.
const AT_ONCE: usize = 8;

/// All that is looked at.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) namespace: String,
    pub(super) version: Seen<Version>,
    pub(super) definitions: Definitions,
    pub(super) account: Seen<Account>,
    pub(super) controllers: Controllers,
    pub(super) servers: Seen<Vec<Known>>,
    pub(super) classes: Seen<Vec<StorageClass>>,
    pub(super) ingress_classes: Seen<Vec<IngressClass>>,
    pub(super) apis: Apis,
    pub(super) webhooks: Seen<Webhooks>,
}

impl Facts {
    /// Whether nothing of Carrel could be read: what it comes to is then no finding.
    pub(super) fn is_blind(&self) -> bool {
        let Work { lease, deployment, .. } = &self.controllers.work;
        let is_known = self.definitions.values().any(Result::is_ok);
        !is_known && lease.is_err() && deployment.is_err() && self.account.is_err()
    }
}

/// Carrel's controllers, and those of others that do the same.
#[derive(Debug)]
pub(crate) struct Controllers {
    pub(crate) work: Work,
    /// The ConfigMaps of their settings, in the order in which they count.
    pub(crate) config: Seen<Vec<ConfigMap>>,
    pub(crate) rivals: Seen<Vec<Rival>>,
}

impl Controllers {
    /// How Carrel's are set, as far as that can be read.
    pub(crate) fn settings(&self) -> Settings {
        Settings::of(self.config.as_deref().unwrap_or_default(), self.work.deployment())
    }

    /// What keeps their settings from being known, if something does.
    pub(crate) fn unread(&self) -> Option<&Unread> {
        self.work.deployment.as_ref().err().or(self.config.as_ref().err())
    }
}

/// Reads it all. Fails only where the API server does not answer, or knows nobody of these credentials.
pub(super) async fn read(client: &Client, namespace: &str, lease: &str) -> Result<Facts, DoctorError> {
    let version = version(client).await?;
    let (definitions, controllers, servers) =
        join!(definitions(client), controllers(client, namespace, lease), servers(client));
    let account = controllers.work.deployment().map_or(ACCOUNTS.0, |deployment| {
        let pod = deployment.spec.template.spec.as_ref();
        pod.and_then(|pod| pod.service_account_name.as_deref()).unwrap_or(ACCOUNTS.1)
    });
    let account = self::account(client, namespace, account, &controllers.settings()).await;
    let (classes, ingress_classes, istio, gateway, metrics, webhooks) = join!(
        all::<StorageClass>(client),
        all::<IngressClass>(client),
        serves(client, ISTIO),
        serves(client, GATEWAY),
        serves(client, USAGE),
        webhooks(client),
    );
    Ok(Facts {
        namespace: namespace.to_owned(),
        version,
        definitions,
        account,
        controllers,
        servers,
        classes,
        ingress_classes,
        apis: Apis { istio, gateway, metrics },
        webhooks,
    })
}

async fn webhooks(client: &Client) -> Seen<Webhooks> {
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let found = mutating.get_metadata_opt(MUTATING).await.map_err(unread("get mutatingwebhookconfigurations"))?;
    let mut there = Webhooks::new();
    there.extend(found.map(|_| format!("mutatingwebhookconfiguration/{MUTATING}")));
    let found = validating.get_metadata_opt(VALIDATING).await.map_err(unread("get validatingwebhookconfigurations"))?;
    there.extend(found.map(|_| format!("validatingwebhookconfiguration/{VALIDATING}")));
    Ok(there)
}

/// Reads what of controllers is there.
pub(crate) async fn controllers(client: &Client, namespace: &str, lease: &str) -> Controllers {
    let ((deployment, rivals), found) =
        join!(deployments(client, namespace, lease), one::<Lease>(client, namespace, lease));
    let (lease, is_renewed) = match found {
        Ok(Some(found)) => again(client, namespace, found).await,
        found => (found, false),
    };
    let work = Work { lease, deployment, is_renewed };
    let config = config(client, namespace, work.deployment()).await;
    Controllers { work, config, rivals }
}

/// Looks again at a Lease that looks old, as the clock of its holder may be another. The Lease as it is then, and whether its
/// holder renewed it.
async fn again(client: &Client, namespace: &str, before: Lease) -> (Seen<Option<Lease>>, bool) {
    let Some(pause) = looks_old(&before, Timestamp::now()) else { return (Ok(Some(before)), false) };
    tokio::time::sleep(pause.unsigned_abs()).await;
    let after = one::<Lease>(client, namespace, &before.name_any()).await;
    let is_renewed = matches!(&after, Ok(Some(after)) if is_renewal(&before, after));
    (after, is_renewed)
}

async fn config(client: &Client, namespace: &str, deployment: Option<&Deployment>) -> Seen<Vec<ConfigMap>> {
    let mut found = Vec::new();
    for name in config_maps(deployment) {
        found.extend(one::<ConfigMap>(client, namespace, &name).await?);
    }
    Ok(found)
}

async fn version(client: &Client) -> Result<Seen<Version>, DoctorError> {
    match client.apiserver_version().await {
        Ok(info) => Ok(Ok(Version { minor: info.minor, git_version: info.git_version })),
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            Ok(Err(format!("there is no right to get /version: {}", status.message)))
        }
        Err(error) => Err(DoctorError::Unreachable(Box::new(error))),
    }
}

/// An error in the words of the check.
fn unread(what: &str) -> impl Fn(kube::Error) -> String {
    move |error| match error {
        kube::Error::Api(status) if status.is_forbidden() => format!("there is no right to {what}: {}", status.message),
        error => format!("can't {what}: {error}"),
    }
}

async fn definitions(client: &Client) -> Definitions {
    // As it stands: a type would lose what it does not know.
    let resource = ApiResource {
        group: "apiextensions.k8s.io".to_owned(),
        version: "v1".to_owned(),
        api_version: "apiextensions.k8s.io/v1".to_owned(),
        kind: "CustomResourceDefinition".to_owned(),
        plural: "customresourcedefinitions".to_owned(),
    };
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let of = async |name: String| {
        let found = api.get_opt(&name).await.map_err(unread(&format!("get the CRD {name}")));
        (name, found.map(|found| found.and_then(|crd| serde_json::to_value(crd).ok())))
    };
    let names = carrel_api::crds().iter().map(name).map(str::to_owned).collect::<Vec<_>>();
    join_all(names.into_iter().map(of)).await.into_iter().collect()
}

/// The Deployment of the controllers that hold this lease, or any, and those of others that do the same.
async fn deployments(client: &Client, namespace: &str, lease: &str) -> (Seen<Option<Deployment>>, Seen<Vec<Rival>>) {
    let is_ours = |deployment: &Deployment| {
        CONTROLLERS.iter().all(|(key, value)| deployment.labels().get(*key).is_some_and(|label| label == value))
    };
    let mut ours = Vec::new();
    let here = of_namespace(client, Some(namespace), |deployment: Deployment| {
        if is_ours(&deployment) {
            ours.push(deployment);
        }
    })
    .await;
    ours.sort_by_key(|deployment| !holds(deployment, lease));
    let ours = ours.into_iter().next();
    let mut rivals = Vec::new();
    let everywhere = of_namespace(client, None, |deployment: Deployment| rivals.extend(rival(&deployment))).await;
    (said(here).map(|()| ours), said(everywhere).map(|()| rivals))
}

fn said<T>(read: Result<T, ReadError>) -> Seen<T> {
    read.map_err(|error| match error {
        ReadError::Forbidden { kind, place, message } => {
            format!("there is no right to list {kind} of {place}: {message}")
        }
        failed @ ReadError::Failed { .. } => failed.to_string(),
    })
}

async fn one<K>(client: &Client, namespace: &str, name: &str) -> Seen<Option<K>>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    api.get_opt(name).await.map_err(unread(&format!("get the {} {name} in {namespace}", K::kind(&()))))
}

async fn all<K>(client: &Client) -> Seen<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let mut found = Vec::new();
    said(pages(&Api::all(client.clone()), &K::plural(&()), "the cluster", |one| found.push(one)).await)?;
    Ok(found)
}

/// What is known of the servers of all namespaces. Kinds that the cluster lacks have none.
async fn servers(client: &Client) -> Seen<Vec<Known>> {
    let mut found = Vec::new();
    for kind in Kind::SERVERS {
        let resource = kind.resource();
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        said(is_served(pages(&api, &resource.plural, "all namespaces", |one| found.extend(known(&one))).await))?;
    }
    Ok(found)
}

/// Asks for each right that the controllers need whether this account has it.
async fn account(client: &Client, namespace: &str, name: &str, settings: &Settings) -> Seen<Account> {
    let rights = rights(namespace, settings);
    let (user, groups) = user(namespace, name);
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let ask = async |right: super::rights::Right| {
        let spec = SubjectAccessReviewSpec {
            user: Some(user.clone()),
            groups: Some(groups.clone()),
            resource_attributes: Some(right.attributes()),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let answer = api.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(unread("create subjectaccessreviews"))?;
        let is_allowed = answer.status.is_some_and(|status| status.allowed);
        Ok::<_, String>((!is_allowed).then_some(right))
    };
    let asked = rights.len();
    let mut answers = stream::iter(rights).map(ask).buffered(AT_ONCE);
    let mut lacks = Vec::new();
    while let Some(answer) = answers.next().await {
        lacks.extend(answer?);
    }
    Ok(Account { user: user.clone(), asked, lacks })
}

/// Whether the API server serves a resource. An API that is announced and does not answer is not served.
async fn serves(client: &Client, (api, resource): (&str, &str)) -> Seen<bool> {
    match client.list_api_group_resources(api).await {
        Ok(list) => Ok(list.resources.iter().any(|one| one.name == resource)),
        Err(error) if is_missing(&error) => Ok(false),
        Err(kube::Error::Api(status)) if status.code == 503 => Ok(false),
        Err(error) => Err(unread(&format!("ask for {api}"))(error)),
    }
}
