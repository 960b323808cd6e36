//! What is decided of a server, done: asked for, written, and counted.

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::Duration;

use carrel_activity::contract::Act;
use carrel_activity::monitor::Monitor;
use carrel_activity::policy::Defaults;
use carrel_activity::prober::Server;
use carrel_activity::rulebook::{Concerned, Rulebook, RulebookFeed};
use carrel_api::activity::Life;
use carrel_api::server::Condition;
use carrel_runtime::Key;
use carrel_runtime::apply::{WriteError, Writer};
use carrel_runtime::ledger::IN_FLIGHT;
use carrel_runtime::notice::{Notice, Tone};
use carrel_runtime::process::Health;
use carrel_runtime::runner::Next;
use carrel_runtime::shelf::{Shelf, Shelved};
use carrel_runtime::wake::Wake;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tracing::info;

use super::caller::{Call, Caller, News};
use super::counts::{Counts, State};
use super::kubeflow::kept_up;
use super::{Asked, Known, Lived, live, noted, started_again, stopped, stopped_by_carrel, subject};

/// What controllers of servers know of policies, and of who is used.
#[derive(Clone)]
pub struct Lives {
    /// What holds for whom.
    pub rulebook: Rulebook,
    /// Who is asked, and what was heard.
    pub monitor: Monitor,
    /// What is counted.
    pub counts: Counts,
    /// Who is told of stops, beside the cluster.
    pub caller: Caller,
    /// Whether Kubeflow's annotations of activity are kept up.
    pub as_kubeflow: bool,
}

/// What is stored of a server, as its controller last saw or wrote it.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// Its life.
    pub life: &'a Life,
    /// Its conditions.
    pub conditions: &'a [Condition],
    /// The generation of its object that they speak of.
    pub generation: Option<i64>,
}

/// How long an answer that is waited for may take, before it is asked for again.
pub const ANSWER: Duration = Duration::from_secs(30);

/// The longest time until the next look: what waits for days is looked at now and then, should the wall clock be set.
const LONGEST: Duration = Duration::from_hours(1);

impl Lives {
    /// Nobody is asked, and no policy says anything.
    pub fn of_nobody() -> Self {
        let rulebook = RulebookFeed::new(Defaults::default(), false, &Health::default()).rulebook();
        Self {
            rulebook,
            monitor: Monitor::of_nobody(),
            counts: Counts::default(),
            caller: Caller::default(),
            as_kubeflow: false,
        }
    }

    /// Has a server asked as it is to be, and decides what becomes of it. Memory only.
    pub fn live<K>(&self, object: &K, stored: Stored<'_>, asked: Option<&Asked<'_>>, now: Timestamp) -> Lived
    where
        K: Resource<DynamicType = ()>,
    {
        let server = server(object);
        if object.meta().deletion_timestamp.is_some() {
            self.forget(object, now);
            return Lived { life: stored.life.clone(), ..Lived::default() };
        }
        let namespace = object.namespace().unwrap_or_default();
        let effective = self.rulebook.effective(&namespace, object.labels(), object.annotations());
        let activity = stored.life.activity.as_ref();
        // Before the policies are known nothing is decided, and the labels of namespaces are not known either.
        let scribe = self.monitor.scribe().filter(|_| effective.is_some());
        if let Some(scribe) = scribe {
            let namespace_labels = self.rulebook.labels_of(&namespace);
            noted::seen(scribe, &server, object, asked, activity, &namespace_labels, now);
        }
        let target = asked.and_then(|asked| subject(asked, effective.as_ref(), activity));
        let heard = self.monitor.look_after(&server, target, now);
        let mut lived = live(&Known {
            now,
            annotations: object.annotations(),
            life: stored.life,
            conditions: stored.conditions,
            edited: stored.generation.is_some() && stored.generation != object.meta().generation,
            started: asked.and_then(Asked::started),
            effective: effective.as_ref(),
            heard: heard.as_ref(),
        });
        let runs = asked.and_then(Asked::started).is_some();
        let verdict = lived.life.activity.as_ref().map(|activity| activity.verdict);
        let given_back = || stopped_by_carrel(object.annotations()).map(|_| State::GivenBack);
        self.counts.is(&server, if runs { Some(State::Runs(verdict)) } else { given_back() });
        if self.as_kubeflow
            && runs
            && server.kind == "Notebook"
            && lived.act == Act::Nothing
            && let Some(activity) = &lived.life.activity
        {
            let (patch, next) = kept_up(object.annotations(), activity, now);
            lived.patch = patch;
            lived.next = lived.next.into_iter().chain(next).min();
        }
        if let Some(scribe) = scribe {
            scribe.announce(&server, lived.life.activity.as_ref().and_then(|activity| activity.pending.as_ref()), now);
        }
        lived
    }

    /// The server is no longer asked, and its object is gone.
    pub fn forget<K: Resource<DynamicType = ()>>(&self, object: &K, now: Timestamp) {
        let server = server(object);
        if let Some(scribe) = self.monitor.scribe() {
            scribe.see(&server, None, now);
        }
        self.monitor.look_after(&server, None, now);
        self.counts.forget(&server);
    }

    /// What was decided of a server was said in its status.
    pub fn said<K: Resource<DynamicType = ()>>(&self, object: &K, lived: &Lived) {
        let server = server(object);
        if let Some(cause) = lived.cancelled {
            info!(object = %server.key, cause = cause.as_str(), "the stop that was announced is cancelled");
            self.counts.cancelled(&server, cause);
            self.caller.call(Call::of(&server, News::Cancelled, cause));
        }
        if let Some(warned) = &lived.warned {
            let (cause, at) = (warned.stop.cause.as_str(), warned.stop.at);
            info!(object = %server.key, cause, by = warned.by, %at, "a stop is announced: {}", warned.message);
            let (by, message) = (Some(warned.by.clone()), Some(warned.message.clone()));
            let call = Call::of(&server, News::Announced, warned.stop.cause);
            self.caller.call(Call { at: Some(warned.stop.at), by, message, ..call });
        }
    }

    /// Has a server asked before all others; its answer wakes its key, news or not.
    pub fn ask<K: Resource<DynamicType = ()>>(&self, object: &K) {
        self.monitor.ask(&server(object));
    }

    /// What is heard of a server of this kind, and what changes in the policies that hold for it, wakes its key.
    pub fn wake<K: Shelved>(&self, wake: &Wake<K>, objects: Shelf<K>, rulebook: &mut RulebookFeed) {
        let woken = wake.clone();
        self.monitor.on_news(kind::<K>(), move |key| woken.send_key(Some(key.clone())));
        let wake = wake.clone();
        rulebook.on_change(move |whom| {
            let here = |key: &ObjectRef<K>| match whom {
                Concerned::All => true,
                Concerned::Namespace(name) => key.namespace.as_deref() == Some(name),
            };
            objects.keys().into_iter().filter(here).for_each(|key| wake.send(key));
        });
    }

    /// Does what was decided. If that changed the object, when to look again; else its status is to be said.
    pub async fn act<K>(&self, object: &K, lived: &Lived, writer: &Writer) -> Result<Option<Next>, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let (key, uid) = (Key::of(object), object.uid().unwrap_or_default());
        let version = object.resource_version().unwrap_or_default();
        match &lived.act {
            Act::Nothing => {
                if let Some(patch) = &lived.patch {
                    writer.merge::<K>(&key, &uid, patch.clone()).await?;
                    return Ok(Some(Next::After(IN_FLIGHT)));
                }
                return Ok(None);
            }
            Act::Ask => {
                self.monitor.ask(&server(object));
                return Ok(None);
            }
            Act::Stop { cause, last_stop } => {
                writer.merge::<K>(&key, &uid, stopped(last_stop, &version)).await?;
                self.counts.stopped(&server(object), last_stop);
                let (by, message) = (Some(last_stop.by.clone()), Some(last_stop.message.clone()));
                let call = Call::of(&server(object), News::Stopped, *cause);
                self.caller.call(Call { at: Some(last_stop.at), by, message, ..call });
                if let Some(scribe) = self.monitor.scribe() {
                    scribe.stop(&server(object), last_stop);
                }
                // Whoever asks later why has the log, should the object be gone.
                let evidence = serde_json::to_string(&last_stop.evidence).unwrap_or_default();
                info!(object = %key, cause = cause.as_str(), by = last_stop.by, evidence, "stopped: {}", last_stop.message);
            }
            Act::Start => {
                writer.merge::<K>(&key, &uid, started_again(&version)).await?;
                info!(object = %key, "started for the hours of its schedule");
                let message = "its owner asked to start it for the hours of the schedule".to_owned();
                writer
                    .notice(object, &Notice { tone: Tone::Normal, reason: "StartedBySchedule".into(), message })
                    .await;
            }
            Act::Delete => {
                let message =
                    "it stayed stopped for as long as the policy allows, and is deleted; its volumes are kept";
                let notice =
                    Notice { tone: Tone::Normal, reason: "DeletedByPolicy".into(), message: message.to_owned() };
                if writer.delete_unchanged::<K>(&key, &uid, &version).await? {
                    info!(object = %key, "deleted: {message}");
                    writer.notice(object, &notice).await;
                }
            }
        }
        Ok(Some(Next::After(IN_FLIGHT)))
    }
}

fn server<K: Resource<DynamicType = ()>>(object: &K) -> Server {
    Server { kind: kind::<K>(), key: Key::of(object) }
}

fn kind<K: Resource<DynamicType = ()>>() -> &'static str {
    match K::kind(&()) {
        Cow::Borrowed(kind) => kind,
        Cow::Owned(_) => "unknown",
    }
}

/// The sooner of two times to look again: one that was found, and what a life asks for.
pub fn sooner(next: Next, lived: &Lived, now: Timestamp) -> Next {
    let answer = (lived.act == Act::Ask).then_some(ANSWER);
    let wait = lived.next.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default().min(LONGEST));
    // A moment later, so that the time has come by then.
    let wait = wait.map(|wait| wait.saturating_add(Duration::from_millis(50)));
    match (next, answer.into_iter().chain(wait).min()) {
        (Next::After(one), Some(other)) => Next::After(one.min(other)),
        (Next::Wait, Some(wait)) => Next::After(wait),
        (next, None) => next,
    }
}
