//! What the process shows of itself. No label holds the name of an object, so that their number is bounded by the code; only
//! what is counted of claims has that of their namespace.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tower::{Layer, Service};

/// How a write is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Verb {
    /// A child is applied.
    Apply,
    /// A status is patched.
    Status,
    /// An object is created, an Event among them.
    Create,
    /// An object is deleted.
    Delete,
    /// Fields are set or removed by a merge patch.
    Merge,
    /// An object is read before a write, where the cache can't be enough.
    Look,
    /// The API server is asked whether it would create or change an object.
    DryRun,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    kind: &'static str,
    verb: Verb,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerLabels {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    code: u16,
}

/// The process's metrics; its own are all under the prefix `carrel_`.
#[derive(Debug)]
pub struct Metrics {
    registry: RwLock<Registry>,
    requests: Family<RequestLabels, Counter>,
    writes: Family<WriteLabels, Counter>,
    drift: Family<KindLabels, Counter>,
    watch_errors: Family<KindLabels, Counter>,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_seconds: Family<ControllerLabels, Histogram>,
    queue_seconds: Family<ControllerLabels, Histogram>,
    leader: Gauge,
    missing_apis: Family<KindLabels, Gauge>,
    forgotten: Arc<Counting>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut root = Registry::default();
        let registry = root.sub_registry_with_prefix("carrel");
        // 1 ms to 16 s: a reconcile without a write takes less, one with a timeout 15 s.
        let histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let metrics = Self {
            requests: Family::default(),
            writes: Family::default(),
            drift: Family::default(),
            watch_errors: Family::default(),
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(histogram),
            queue_seconds: Family::new_with_constructor(histogram),
            leader: Gauge::default(),
            missing_apis: Family::default(),
            forgotten: Arc::default(),
            registry: RwLock::default(),
        };
        registry.register("api_requests", "Requests to the API server, watches included", metrics.requests.clone());
        registry.register(
            "writes",
            "Writes, and the few reads before one, by kind, verb and result",
            metrics.writes.clone(),
        );
        registry.register("drift_repairs", "Children that somebody changed and Carrel repaired", metrics.drift.clone());
        registry.register("watch_errors", "Watches that failed and were tried again", metrics.watch_errors.clone());
        registry.register("reconciles", "Reconciles by controller and result", metrics.reconciles.clone());
        registry.register_with_unit(
            "reconcile",
            "Time of a reconcile",
            Unit::Seconds,
            metrics.reconcile_seconds.clone(),
        );
        registry.register_with_unit(
            "queue",
            "Wait of a key for its reconcile",
            Unit::Seconds,
            metrics.queue_seconds.clone(),
        );
        registry.register("leader", "1 while this process holds the lease", metrics.leader.clone());
        registry.register(
            "missing_api",
            "1 while the cluster lacks a kind that the settings ask for",
            metrics.missing_apis.clone(),
        );
        registry.register_collector(Box::new(metrics.forgotten.clone()));
        Self { registry: RwLock::new(root), ..metrics }
    }
}

impl Metrics {
    /// All metrics as OpenMetrics text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry.read())?;
        Ok(text)
    }

    /// Gives each metric one line, so that a page about them can be made of the text.
    pub fn sample(&self) {
        let word = "…";
        drop(self.requests.get_or_create(&RequestLabels { method: word.to_owned(), code: 200 }));
        self.write(word, Verb::Apply, word);
        self.drift(word);
        self.watch_error(word);
        self.reconciled(word, word, Duration::ZERO, Some(Duration::ZERO));
        self.missing_api(word, false);
        let one = ForgottenClaims { namespace: word.to_owned(), is_known: true, claims: 1, bytes: 1 };
        self.count_forgotten(move || vec![one.clone()]);
    }

    /// Adds what others count. Their names are whole: no prefix is put before them.
    pub fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry.write());
    }

    /// A write was answered, or not made.
    pub fn write(&self, kind: &'static str, verb: Verb, result: &'static str) {
        self.writes.get_or_create(&WriteLabels { kind, verb, result }).inc();
    }

    /// A child of this kind was changed by somebody and is repaired.
    pub fn drift(&self, kind: &'static str) {
        self.drift.get_or_create(&KindLabels { kind }).inc();
    }

    /// The watch of this kind failed.
    pub fn watch_error(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&KindLabels { kind }).inc();
    }

    /// A reconcile ended; `result` is `ok` or the label of its error.
    pub fn reconciled(&self, controller: &'static str, result: &'static str, took: Duration, waited: Option<Duration>) {
        self.reconciles.get_or_create(&ReconcileLabels { controller, result }).inc();
        self.reconcile_seconds.get_or_create(&ControllerLabels { controller }).observe(took.as_secs_f64());
        if let Some(waited) = waited {
            self.queue_seconds.get_or_create(&ControllerLabels { controller }).observe(waited.as_secs_f64());
        }
    }

    /// Whether the cluster lacks a kind that the settings ask for.
    pub fn missing_api(&self, kind: &'static str, missing: bool) {
        self.missing_apis.get_or_create(&KindLabels { kind }).set(i64::from(missing));
    }

    /// How claims are counted that no pod mounts for long, whenever the metrics are asked for: they become so with time alone.
    pub fn count_forgotten(&self, count: impl Fn() -> Vec<ForgottenClaims> + Send + Sync + 'static) {
        *self.forgotten.count.lock() = Some(Box::new(count));
    }

    /// Whether this process holds the lease.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }
}

/// The claims of a namespace that no pod mounts for long.
#[derive(Clone, Debug)]
pub struct ForgottenClaims {
    /// The namespace.
    pub namespace: String,
    /// Whether it is known since when.
    pub is_known: bool,
    /// How many.
    pub claims: u64,
    /// Their bytes.
    pub bytes: u64,
}

type Count = Box<dyn Fn() -> Vec<ForgottenClaims> + Send + Sync>;

/// What is counted when it is asked for.
#[derive(Default)]
struct Counting {
    count: Mutex<Option<Count>>,
}

impl std::fmt::Debug for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counting")
    }
}

impl Collector for Counting {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counted = self.count.lock().as_ref().map(|count| count()).unwrap_or_default();
        let mut gauge = |name: &str, unit: Option<&Unit>, help: &str, value: fn(&ForgottenClaims) -> u64| {
            let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
            counted.iter().try_for_each(|of| {
                let since = if of.is_known { "known" } else { "unknown" };
                let labels = [("namespace", of.namespace.as_str()), ("since", since)];
                ConstGauge::new(value(of)).encode(metric.encode_family(&labels)?)
            })
        };
        let help = "Claims that no pod mounts for longer than --forgotten-after, by namespace";
        gauge("forgotten_claims", None, help, |of| of.claims)?;
        gauge("forgotten_claims", Some(&Unit::Bytes), "The size of these claims", |of| of.bytes)
    }
}

/// A layer for the Kubernetes client that counts each request by method and answer.
#[derive(Clone, Debug)]
pub struct CountRequests(pub Arc<Metrics>);

impl<S> Layer<S> for CountRequests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: self.0.clone() }
    }
}

/// A client's service whose requests are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S, A, B> Service<http::Request<A>> for Counted<S>
where
    S: Service<http::Request<A>, Response = http::Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<A>) -> Self::Future {
        let (metrics, method) = (self.metrics.clone(), request.method().to_string());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            metrics.requests.get_or_create(&RequestLabels { method, code }).inc();
            answer
        })
    }
}
