//! How much CPU pods use, by `metrics.k8s.io`: one list for all servers, where a policy looks at it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carrel_runtime::Key;
use carrel_runtime::quantity;
use carrel_runtime::scope::Scope;
use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use serde::Deserialize;

/// What is known of the use of CPU.
#[derive(Clone)]
pub(crate) struct Usage(Arc<Known>);

struct Known {
    /// Thousandths of a CPU, by pod, and when they were measured.
    of: RwLock<HashMap<Key, (u64, Timestamp)>>,
    wanted: AtomicBool,
    longest: SignedDuration,
}

/// What asks for it.
pub(crate) struct UsageFeed {
    usage: Usage,
    period: Duration,
}

/// For how many periods a measurement counts, and at least how long: metrics-server measures each 15 to 60 s.
const PERIODS: u32 = 3;
const AT_LEAST: Duration = Duration::from_mins(3);

impl Usage {
    pub(crate) fn new(period: Duration) -> (Self, UsageFeed) {
        let longest = period.saturating_mul(PERIODS).max(AT_LEAST);
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        let usage = Self(Arc::new(Known { of: RwLock::default(), wanted: AtomicBool::new(false), longest }));
        (usage.clone(), UsageFeed { usage, period })
    }

    /// Somebody looks at it, from now on.
    pub(crate) fn wanted_if(&self, wanted: bool) {
        if wanted {
            self.0.wanted.store(true, Ordering::Relaxed);
        }
    }

    /// What a pod used when it was last measured, if that is not too long ago.
    pub(crate) fn cpu_of(&self, pod: &Key, now: Timestamp) -> Option<u64> {
        let (used, at) = *self.0.of.read().get(pod)?;
        (now.duration_since(at) <= self.0.longest).then_some(used)
    }
}

impl UsageFeed {
    /// Asks each period, while somebody looks at it and `may_ask` says so. Never ends.
    pub(crate) async fn run(self, client: &kube::Client, scope: &Scope, may_ask: &(impl Fn() -> bool + Sync)) {
        let path = match scope {
            Scope::Cluster => "/apis/metrics.k8s.io/v1beta1/pods".to_owned(),
            Scope::Namespace(name) => format!("/apis/metrics.k8s.io/v1beta1/namespaces/{name}/pods"),
        };
        let mut failing = false;
        loop {
            if may_ask() && self.usage.0.wanted.load(Ordering::Relaxed) {
                match tokio::time::timeout(self.period.max(LEAST_PATIENCE), list(client, &path)).await {
                    Ok(Ok(measured)) => {
                        *self.usage.0.of.write() = measured;
                        failing = false;
                    }
                    Ok(Err(error)) if !failing => {
                        tracing::warn!("a policy looks at the use of CPU, which metrics.k8s.io does not tell: {error}");
                        failing = true;
                    }
                    Ok(Err(_)) | Err(_) => {}
                }
            }
            tokio::time::sleep(self.period).await;
        }
    }
}

/// The API server may pass the list on to a slow metrics-server.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

async fn list(client: &kube::Client, path: &str) -> Result<HashMap<Key, (u64, Timestamp)>, kube::Error> {
    let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let list: PodMetricsList = client.request(request).await?;
    Ok(measured(list))
}

fn measured(list: PodMetricsList) -> HashMap<Key, (u64, Timestamp)> {
    let one = |pod: PodMetrics| {
        let nanos: i128 = pod.containers.iter().filter_map(|one| quantity::nanos(one.usage.cpu.as_deref()?)).sum();
        let used = u64::try_from(nanos / 1_000_000).ok()?;
        Some((Key::new(&pod.metadata.namespace, &pod.metadata.name), (used, pod.timestamp)))
    };
    list.items.into_iter().filter_map(one).collect()
}

#[derive(Deserialize)]
struct PodMetricsList {
    items: Vec<PodMetrics>,
}

#[derive(Deserialize)]
struct PodMetrics {
    metadata: Named,
    timestamp: Timestamp,
    containers: Vec<ContainerMetrics>,
}

#[derive(Deserialize)]
struct Named {
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct ContainerMetrics {
    usage: Used,
}

#[derive(Deserialize)]
struct Used {
    cpu: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_uses_what_its_containers_use_until_the_measurement_is_old() {
        let list = serde_json::from_value(serde_json::json!({"items": [{
            "metadata": {"namespace": "a", "name": "iris-0"}, "timestamp": "2026-01-02T10:00:00Z", "window": "15s",
            "containers": [{"name": "iris", "usage": {"cpu": "1500m", "memory": "1Gi"}},
                {"name": "side", "usage": {"cpu": "12345678n"}}],
        }]}))
        .unwrap();
        let (usage, _) = Usage::new(Duration::from_mins(1));
        *usage.0.of.write() = measured(list);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let pod = Key::new("a", "iris-0");
        assert_eq!(usage.cpu_of(&pod, at("2026-01-02T10:02:00Z")), Some(1512));
        assert_eq!(usage.cpu_of(&pod, at("2026-01-02T10:05:00Z")), None);
        assert_eq!(usage.cpu_of(&Key::new("a", "other-0"), at("2026-01-02T10:02:00Z")), None);
    }
}
