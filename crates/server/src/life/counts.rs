//! What is counted of the lives of servers, for `/metrics`. Upstream's names are beside Carrel's own, and right (Kubeflow shows the
//! culling ones never, and counts stopped notebooks as running: kubeflow/notebooks#785, kubeflow/kubeflow#5299).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use carrel_activity::prober::Server;
use carrel_api::activity::{LastStop, StopCause, Verdict};
use carrel_runtime::Key;
use carrel_runtime::lease::Claim;
use carrel_runtime::metrics::Metrics;
use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};

/// What a server does, as far as its policies are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It runs.
    Runs(Option<Verdict>),
    /// Carrel stopped it, and it would run if nobody had.
    GivenBack,
}

impl State {
    fn label(self) -> &'static str {
        match self {
            Self::Runs(Some(Verdict::Busy)) => "busy",
            Self::Runs(Some(Verdict::Idle)) => "idle",
            Self::Runs(Some(Verdict::Unknown) | None) => "unknown",
            Self::GivenBack => "given_back",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StopLabels {
    namespace: String,
    kind: &'static str,
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NamespaceLabels {
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameLabels {
    namespace: String,
    name: String,
}

/// What is counted of the lives of servers.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    stops: Family<StopLabels, Counter>,
    cancelled: Family<StopLabels, Counter>,
    created: Family<NamespaceLabels, Counter>,
    create_failed: Family<NamespaceLabels, Counter>,
    culled: Family<NameLabels, Counter>,
    last_culled: Family<NameLabels, Gauge>,
    tally: Arc<Mutex<Tally>>,
}

impl Counts {
    /// Counts nothing yet, and shows it in these metrics; what goes on by itself only while `claim` holds.
    pub fn registered(metrics: &Metrics, claim: &Claim) -> Self {
        let counts = Self::default();
        metrics.register(|registry| {
            let help = "Servers that a policy, or their owner's wish, stopped, by namespace, kind and cause";
            registry.register("carrel_stops", help, counts.stops.clone());
            let help = "Announced stops that did not come, by namespace, kind and cause";
            registry.register("carrel_stops_cancelled", help, counts.cancelled.clone());
            let help = "StatefulSets of Notebooks that were made or failed to be, by namespace (as Kubeflow)";
            registry.register("notebook_create", help, counts.created.clone());
            let help = "StatefulSets of Notebooks that could not be made, by namespace (as Kubeflow)";
            registry.register("notebook_create_failed", help, counts.create_failed.clone());
            let help = "Stops of this Notebook for being idle (as Kubeflow)";
            registry.register("notebook_culling", help, counts.culled.clone());
            let help = "When this Notebook was last stopped for being idle (as Kubeflow)";
            registry.register("last_notebook_culling_timestamp_seconds", help, counts.last_culled.clone());
            registry.register_collector(Box::new(Shown { tally: counts.tally.clone(), claim: claim.clone() }));
        });
        counts
    }

    /// Gives each metric one line, so that a page about them can be made of the text.
    pub fn sample(&self) {
        let server = Server { kind: "Notebook", key: Key::new("…", "…") };
        let (at, cause) = (Timestamp::UNIX_EPOCH, StopCause::Idle);
        self.is(&server, Some(State::Runs(None)));
        self.stopped(&server, &LastStop { at, cause, by: String::new(), message: String::new(), evidence: Vec::new() });
        self.cancelled(&server, cause);
        self.created("…", false);
    }

    /// A server is so from now on; gone, or stopped by its owner, if none.
    pub(super) fn is(&self, server: &Server, state: Option<State>) {
        self.tally.lock().is(server, state, Instant::now());
    }

    pub(super) fn stopped(&self, server: &Server, stop: &LastStop) {
        self.stops.get_or_create(&labels(server, stop.cause)).inc();
        if let Some(name) = as_kubeflow(server).filter(|_| stop.cause == StopCause::Idle) {
            self.culled.get_or_create(&name).inc();
            self.last_culled.get_or_create(&name).set(stop.at.as_second());
        }
    }

    pub(super) fn cancelled(&self, server: &Server, cause: StopCause) {
        self.cancelled.get_or_create(&labels(server, cause)).inc();
    }

    /// A server's object is gone, and nothing is counted of it any more.
    pub(super) fn forget(&self, server: &Server) {
        self.is(server, None);
        if let Some(name) = as_kubeflow(server) {
            self.culled.remove(&name);
            self.last_culled.remove(&name);
        }
    }

    /// A StatefulSet of a Notebook was to be made in this namespace, and was or was not.
    pub fn created(&self, namespace: &str, made: bool) {
        let labels = NamespaceLabels { namespace: namespace.to_owned() };
        self.created.get_or_create(&labels).inc();
        if !made {
            self.create_failed.get_or_create(&labels).inc();
        }
    }
}

fn labels(server: &Server, cause: StopCause) -> StopLabels {
    StopLabels { namespace: server.key.namespace.clone(), kind: server.kind, cause: cause.as_str() }
}

fn as_kubeflow(server: &Server) -> Option<NameLabels> {
    let (namespace, name) = (server.key.namespace.clone(), server.key.name.clone());
    (server.kind == "Notebook").then_some(NameLabels { namespace, name })
}

/// Which servers there are, since when they are so, and for how long others were.
#[derive(Debug, Default)]
struct Tally {
    now: HashMap<Server, (State, Instant)>,
    /// Seconds until the last change, by namespace, kind and state; what was once shown never goes back.
    before: BTreeMap<(String, &'static str, &'static str), f64>,
}

impl Tally {
    fn is(&mut self, server: &Server, state: Option<State>, at: Instant) {
        let before = match state {
            Some(state) => match self.now.insert(server.clone(), (state, at)) {
                Some((same, since)) if same == state => {
                    self.now.insert(server.clone(), (state, since));
                    return;
                }
                before => before,
            },
            None => self.now.remove(server),
        };
        if let Some((state, since)) = before {
            *self.before.entry(slot(server, state)).or_default() += seconds(since, at);
        }
    }

    fn seconds(&self, at: Instant) -> BTreeMap<(String, &'static str, &'static str), f64> {
        let mut all = self.before.clone();
        for (server, (state, since)) in &self.now {
            *all.entry(slot(server, *state)).or_default() += seconds(*since, at);
        }
        all
    }

    /// How many servers are so now. A namespace that had one is told with none.
    fn servers(&self) -> BTreeMap<(String, &'static str, &'static str), i64> {
        let mut all: BTreeMap<_, _> = self.before.keys().cloned().map(|slot| (slot, 0)).collect();
        for (server, (state, _)) in &self.now {
            *all.entry(slot(server, *state)).or_default() += 1;
        }
        all
    }

    /// Another process counts.
    fn leave(&mut self, at: Instant) {
        for (server, (state, since)) in std::mem::take(&mut self.now) {
            *self.before.entry(slot(&server, state)).or_default() += seconds(since, at);
        }
    }
}

fn slot(server: &Server, state: State) -> (String, &'static str, &'static str) {
    (server.key.namespace.clone(), server.kind, state.label())
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}

/// What is counted when it is asked for: time goes on by itself.
#[derive(Debug)]
struct Shown {
    tally: Arc<Mutex<Tally>>,
    claim: Claim,
}

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let now = Instant::now();
        let (seconds, servers) = {
            let mut tally = self.tally.lock();
            if self.claim.time_left().is_none() {
                tally.leave(now);
            }
            (tally.seconds(now), tally.servers())
        };
        let help = "Time of servers, by namespace, kind and state; given_back since Carrel stopped them";
        let unit = prometheus_client::registry::Unit::Seconds;
        let mut metric = encoder.encode_descriptor("carrel_server", help, Some(&unit), MetricType::Counter)?;
        for ((namespace, kind, state), seconds) in &seconds {
            let labels = [("namespace", namespace.as_str()), ("kind", kind), ("state", state)];
            ConstCounter::new(*seconds).encode(metric.encode_family(&labels)?)?;
        }
        let help = "Servers that are so now, by namespace, kind and state; given_back are stopped by Carrel";
        let mut metric = encoder.encode_descriptor("carrel_servers", help, None, MetricType::Gauge)?;
        let mut running: BTreeMap<&str, i64> = BTreeMap::new();
        for ((namespace, kind, state), number) in &servers {
            let labels = [("namespace", namespace.as_str()), ("kind", kind), ("state", state)];
            ConstGauge::new(*number).encode(metric.encode_family(&labels)?)?;
            if *kind == "Notebook" {
                let runs = if *state == State::GivenBack.label() { 0 } else { *number };
                *running.entry(namespace).or_default() += runs;
            }
        }
        let help = "Notebooks that run, by namespace (as Kubeflow)";
        let mut metric = encoder.encode_descriptor("notebook_running", help, None, MetricType::Gauge)?;
        for (namespace, number) in running {
            ConstGauge::new(number).encode(metric.encode_family(&[("namespace", namespace)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_is_counted_by_what_a_server_was_and_goes_on() {
        let server = |name: &str| Server { kind: "Notebook", key: Key::new("team", name) };
        let (mut tally, start) = (Tally::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let (busy, idle) = (State::Runs(Some(Verdict::Busy)), State::Runs(Some(Verdict::Idle)));
        tally.is(&server("a"), Some(busy), at(0));
        tally.is(&server("b"), Some(idle), at(0));
        tally.is(&server("a"), Some(busy), at(5));
        tally.is(&server("a"), Some(idle), at(10));
        tally.is(&server("b"), Some(State::GivenBack), at(20));
        let seconds = |tally: &Tally, state: &'static str, when| {
            let seconds = tally.seconds(at(when)).get(&("team".to_owned(), "Notebook", state)).copied();
            format!("{:.0}", seconds.unwrap_or_default())
        };
        assert_eq!((seconds(&tally, "busy", 30), seconds(&tally, "idle", 30)), ("10".to_owned(), "40".to_owned()));
        assert_eq!(seconds(&tally, "given_back", 30), "10");
        tally.is(&server("b"), None, at(40));
        assert_eq!(seconds(&tally, "given_back", 90), "20");
        let servers = tally.servers();
        let of = |state: &'static str| servers.get(&("team".to_owned(), "Notebook", state)).copied();
        assert_eq!((of("busy"), of("idle"), of("given_back"), of("unknown")), (Some(0), Some(1), Some(0), None));
        tally.leave(at(100));
        assert_eq!(seconds(&tally, "idle", 500), "110", "another process counts since");
    }

    #[test]
    fn upstreams_names_are_shown_and_go_with_their_notebook() {
        let (metrics, claim) = (Metrics::default(), Claim::always());
        let counts = Counts::registered(&metrics, &claim);
        let server = Server { kind: "Notebook", key: Key::new("team", "a") };
        let at: Timestamp = "2026-01-02T10:00:00Z".parse().unwrap();
        let (by, message) = ("nights".to_owned(), String::new());
        counts.is(&server, Some(State::Runs(None)));
        counts.stopped(&server, &LastStop { at, cause: StopCause::Idle, by, message, evidence: Vec::new() });
        counts.created("team", false);
        let text = metrics.text().unwrap();
        for line in [
            "notebook_running{namespace=\"team\"} 1",
            "notebook_culling_total{namespace=\"team\",name=\"a\"} 1",
            "last_notebook_culling_timestamp_seconds{namespace=\"team\",name=\"a\"} 1767348000",
            "notebook_create_total{namespace=\"team\"} 1",
            "notebook_create_failed_total{namespace=\"team\"} 1",
            "carrel_stops_total{namespace=\"team\",kind=\"Notebook\",cause=\"Idle\"} 1",
            "carrel_servers{namespace=\"team\",kind=\"Notebook\",state=\"unknown\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        counts.forget(&server);
        let text = metrics.text().unwrap();
        assert!(text.contains("notebook_running{namespace=\"team\"} 0") && !text.contains("name=\"a\""), "{text}");
    }
}
