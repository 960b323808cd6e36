//! One process at work: claims a Lease, renews it, and stops writing well before another process can take it.
//!
//! Every write asks the [`Claim`] first. It holds for two thirds of the lease's duration since the *start* of the last
//! successful renewal, by this process's monotonic clock; another process takes the lease only after the whole
//! duration without a renewal, by its own. So two never write at once, however their clocks are set, unless one clock
//! runs half as fast again as the other or stands still, as that of a suspended machine does.

mod judge;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::rights::Right;
use judge::{Observed, Step, judge};

/// What it takes, in the namespace of the Lease alone.
pub const RIGHTS: &[Right] = &[Right::new(
    "The lease that makes one replica the writer.",
    "coordination.k8s.io",
    &["leases"],
    &["get", "create", "update"],
)];

/// Which Lease to claim, and for whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who claims it; unique to this process.
    pub identity: String,
    /// How long it is good for without a renewal; whole seconds. 15 s is client-go's default, which admins know.
    pub duration: Duration,
}

/// Until when this process may write.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Held {
    No,
    Until(Instant),
    Always,
}

impl Held {
    fn time_left(self) -> Option<Duration> {
        match self {
            Self::No => None,
            Self::Until(until) => until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()),
            Self::Always => Some(Duration::MAX),
        }
    }
}

/// Whether this process may write, and for how long.
#[derive(Clone, Debug)]
pub struct Claim {
    held: watch::Receiver<Held>,
    /// What [`Claim::gained`] saw last.
    seen: Held,
}

impl Claim {
    /// A claim that always holds, for a process that runs alone.
    pub fn always() -> Self {
        // The receiver keeps the last value when the sender is gone.
        Self { held: watch::channel(Held::Always).1, seen: Held::Always }
    }

    /// How long this process may write from now on; `None` if it may not.
    pub fn time_left(&self) -> Option<Duration> {
        self.held.borrow().time_left()
    }

    /// Comes each time the claim begins to hold, also after a lapse that was over before anybody saw it: what was left
    /// undone until then must be done now.
    pub async fn gained(&mut self) {
        loop {
            if self.held.changed().await.is_err() {
                return std::future::pending().await;
            }
            let before = std::mem::replace(&mut self.seen, *self.held.borrow());
            if before.time_left().is_none() && self.seen.time_left().is_some() {
                return;
            }
        }
    }
}

/// Calls each time the claim begins to hold. Never ends.
pub async fn whenever_gained(mut claim: Claim, call: impl Fn()) {
    loop {
        claim.gained().await;
        call();
    }
}

/// The process that claims a lease. Run it beside everything else, and give it up last.
pub struct Keeper {
    api: Api<Lease>,
    settings: Settings,
    held: watch::Sender<Held>,
    lease: Option<Lease>,
    observed: Option<Observed>,
}

impl Keeper {
    /// A keeper and the claim that it keeps.
    pub fn new(client: Client, settings: Settings) -> (Self, Claim) {
        let (held, receiver) = watch::channel(Held::No);
        let api = Api::namespaced(client, &settings.namespace);
        (Self { api, settings, held, lease: None, observed: None }, Claim { held: receiver, seen: Held::No })
    }

    /// Claims and renews until `end` comes; `changed` hears whether the lease is held whenever that changes.
    pub async fn run(&mut self, end: impl Future<Output = ()>, changed: impl Fn(bool)) {
        let mut end = std::pin::pin!(end);
        let period = self.settings.duration / 3;
        // Another's lease is good from when this process first sees its last renewal, so to look late is to lead late. It
        // takes a read of one object each second with the defaults, of which each waiting replica makes one.
        let look = self.settings.duration / 15;
        let mut led = false;
        loop {
            let started = Instant::now();
            // An answer that takes longer than this comes too late to be worth anything.
            let mut rest = look;
            match tokio::time::timeout(period, self.turn()).await {
                Ok(Ok(true)) => {
                    self.held.send_replace(Held::Until(started + self.settings.duration * 2 / 3));
                    rest = period;
                }
                Ok(Ok(false)) => {
                    self.held.send_replace(Held::No);
                }
                Ok(Err(error)) => self.failed(&error.to_string()),
                Err(_) => self.failed("no answer from the API server"),
            }
            let leads = self.held.borrow().time_left().is_some();
            if leads != led {
                led = leads;
                info!(lease = self.settings.name, identity = self.settings.identity, leads, "leadership changed");
                changed(leads);
            }
            // And again at the moment at which the lease lapses, not up to a look later.
            let lapses = self.observed.as_ref().map(|seen| seen.lapses).filter(|at| *at > Instant::now());
            let next = lapses.map_or(started + rest, |at| at.min(started + rest));
            tokio::select! {
                () = &mut end => return,
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    fn failed(&mut self, problem: &str) {
        warn!(lease = self.settings.name, "the lease was not renewed: {problem}");
        // What the server holds now is not known, so the next turn asks.
        self.lease = None;
    }

    /// Gives the lease up, so that the next process starts at once. All writing must have ended before.
    pub async fn release(mut self) {
        self.held.send_replace(Held::No);
        let Some(mut lease) = self.lease.take() else { return };
        let Some(spec) = lease.spec.as_mut() else { return };
        if spec.holder_identity.as_deref() != Some(self.settings.identity.as_str()) {
            return;
        }
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        let params = PostParams::default();
        let sent = self.api.replace(&self.settings.name, &params, &lease);
        match tokio::time::timeout(self.settings.duration / 3, sent).await {
            Ok(Ok(_)) => info!(lease = self.settings.name, "gave up the lease"),
            Ok(Err(error)) => warn!(lease = self.settings.name, "could not give up the lease: {error}"),
            Err(_) => warn!(lease = self.settings.name, "could not give up the lease in time"),
        }
    }

    /// One turn of claiming: whether the lease is ours after it.
    async fn turn(&mut self) -> kube::Result<bool> {
        let mine = |lease: &Lease, identity: &str| {
            lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()) == Some(identity)
        };
        // What we wrote last is good enough to renew from: if somebody wrote since, the API server says so.
        let lease = match self.lease.take().filter(|lease| mine(lease, &self.settings.identity)) {
            Some(lease) => Some(lease),
            None => self.api.get_opt(&self.settings.name).await?,
        };
        let now = Instant::now();
        let (step, observed) = judge(lease.as_ref(), self.observed.take(), &self.settings, now);
        self.observed = observed;
        let written = match (step, lease) {
            (Step::Wait, _) => return Ok(false),
            (Step::Create, _) | (_, None) => {
                let lease = Lease {
                    metadata: ObjectMeta { name: Some(self.settings.name.clone()), ..ObjectMeta::default() },
                    spec: Some(self.claimed(None)),
                };
                self.api.create(&PostParams::default(), &lease).await
            }
            (Step::Renew | Step::Take, Some(mut lease)) => {
                lease.spec = Some(self.claimed(lease.spec.take()));
                self.api.replace(&self.settings.name, &PostParams::default(), &lease).await
            }
        };
        match written {
            Ok(lease) => {
                self.lease = Some(lease);
                Ok(true)
            }
            // Somebody else was quicker; the next turn sees who.
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn claimed(&self, before: Option<LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let before = before.unwrap_or_default();
        let renewed = before.holder_identity.as_deref() == Some(self.settings.identity.as_str());
        LeaseSpec {
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: i32::try_from(self.settings.duration.as_secs()).ok(),
            renew_time: Some(now.clone()),
            acquire_time: if renewed { before.acquire_time } else { Some(now) },
            lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(!renewed)),
            ..LeaseSpec::default()
        }
    }
}

#[cfg(test)]
mod tests;
